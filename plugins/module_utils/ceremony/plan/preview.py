# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The acts of a plan at the desk: everything but the token, from the public record alone.

A root that is not made yet is stood in for by one with a throw-away key, so that what it will sign can be built
and checked against every rule long before the day.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read
from ...x509 import certificates as certs
from ...x509.builders import PublicKey, checked_key
from ..acts import output_of
from ..draft import stand_in_key
from ..issuance import root_output
from ..linting import Lint
from ..outputs import Output
from .model import InspectAct, Plan, RootAct, SigningAct

_SERIAL = 2**158 + 1  # as long as a random one


class Desk:
    """A record, and the roots that are made or stood in for.

    Args:
        record: the public record.
        lint: the linters.
    """

    def __init__(self, record: Path, lint: Lint) -> None:
        self.record = self.directory = self.inputs = record
        self.lint = lint
        self.mark = ""
        self._stand_ins: dict[str, x509.Certificate] = {}

    def known_root(self, name: str) -> x509.Certificate | None:
        """A root of the record, None where it is not made yet."""
        pem = read(self.directory / "roots" / f"{name}.crt")
        return None if pem is None else certs.load_certificate(pem, f"roots/{name}.crt")

    def root(self, name: str) -> x509.Certificate:
        """A root of the record, or what stands in for it.

        Raises:
            TrustAnchorError: there is neither.
        """
        found = self.known_root(name) or self._stand_ins.get(name)
        if found is None:
            raise TrustAnchorError(f"the record has no roots/{name}.crt", "it signs", "Restore the record")
        return found

    def root_key(self, name: str) -> PublicKey:
        """The key of a root that is in the record.

        Raises:
            TrustAnchorError: it is not there.
        """
        return checked_key(self.root(name).public_key(), f"the root '{name}'")

    def revoker(self, name: str) -> x509.Certificate:
        """The root itself. Raises as `root`."""
        return self.root(name)

    def output(self, act: SigningAct) -> Output[Any]:
        """What an act makes. Of a root, only one that is in the record.

        Raises:
            TrustAnchorError: an input is absent or refused.
        """
        return output_of(act, self)

    def rehearse(self, plan: Plan) -> None:
        """Build and check everything that a plan signs.

        Raises:
            TrustAnchorError: an act breaks a rule, or an input is absent or refused.
        """
        for act in plan.acts:
            if isinstance(act, InspectAct):
                continue
            if isinstance(act, RootAct):
                key = stand_in_key(plan.keys[act.name].algorithm)
                output = root_output(act, key, self.directory, self.lint)
                self._stand_ins[act.name] = output.draft(_SERIAL).rehearse()
            else:
                self.output(act).draft(_SERIAL).rehearse()
