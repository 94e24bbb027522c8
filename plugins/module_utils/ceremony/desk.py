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

from ..errors import TrustAnchorError
from ..x509 import certificates as certs
from ..x509.builders import checked_key
from .act import stand_in_key
from .crls import crl_output
from .files import read_optional
from .issuance import cross_output, intermediate_output, manifest_signer_output, root_output
from .linting import Lint
from .outputs import Output
from .plan_model import CrossAct, InspectAct, IntermediateAct, ManifestSignerAct, Plan, RootAct, SigningAct

_SERIAL = 2**158 + 1  # as long as a random one


class Desk:
    """A record, and the roots that are made or stood in for.

    Args:
        record: the public record.
        lint: the linters.
    """

    def __init__(self, record: Path, lint: Lint) -> None:
        self.record = record
        self.lint = lint
        self._stand_ins: dict[str, x509.Certificate] = {}

    def known_root(self, name: str) -> x509.Certificate | None:
        """A root of the record, None where it is not made yet."""
        pem = read_optional(self.record / "roots" / f"{name}.crt")
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

    def output(self, act: SigningAct) -> Output[Any]:
        """What an act makes. Of a root, only one that is in the record.

        Raises:
            TrustAnchorError: an input is absent or refused.
        """
        record, lint = self.record, self.lint
        if isinstance(act, RootAct):
            key = checked_key(self.root(act.name).public_key(), f"the root '{act.name}'")
            return root_output(act, key, record, lint)
        if isinstance(act, CrossAct):
            return cross_output(act, self.root(act.standby), self.root(act.primary), record, lint)
        issuer = self.root(act.issuer)
        if isinstance(act, IntermediateAct):
            return intermediate_output(act, issuer, record, record, lint)
        if isinstance(act, ManifestSignerAct):
            return manifest_signer_output(act, issuer, record, record, lint)
        return crl_output(act, issuer, issuer, record, record, lint)

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
                output = root_output(act, key, self.record, self.lint)
                self._stand_ins[act.name] = output.draft(_SERIAL).rehearse()
            else:
                self.output(act).draft(_SERIAL).rehearse()
