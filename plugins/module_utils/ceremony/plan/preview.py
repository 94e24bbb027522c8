# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A preview of the acts of a plan: everything but the token, from the public record alone.

A root that is not made yet has a placeholder with an ephemeral key, so that what it will sign can be built
and checked against every rule long before the day.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read
from ...x509 import certificates as certs
from ...x509.builders import PublicKey, checked_key
from ..draft import placeholder_key
from ..linting import Lint
from .model import Plan

_SERIAL = 2**158 + 1  # as long as a random one


class Preview:
    """A record, its roots, and placeholders for those that are not made yet.

    Args:
        record: the public record.
        lint: the linters.
    """

    def __init__(self, record: Path, lint: Lint) -> None:
        self.directory = self.inputs = record
        self.lint = lint
        self.mark = ""
        self._placeholders: dict[str, x509.Certificate] = {}
        self._algorithms: dict[str, str] = {}

    def known_root(self, name: str) -> x509.Certificate | None:
        """A root of the record, None where it is not made yet."""
        pem = read(self.directory / "roots" / f"{name}.crt")
        return None if pem is None else certs.load_certificate(pem, f"roots/{name}.crt")

    def root(self, name: str) -> x509.Certificate:
        """A root of the record, or its placeholder.

        Raises:
            TrustAnchorError: there is neither.
        """
        found = self.known_root(name) or self._placeholders.get(name)
        if found is None:
            raise TrustAnchorError(f"the record has no roots/{name}.crt", "it signs", "Restore the record")
        return found

    def root_key(self, name: str) -> PublicKey:
        """The key of a root that is in the record; of one that is not made yet, a placeholder.

        Raises:
            TrustAnchorError: it is neither in the record nor in the plan.
        """
        if self.known_root(name) is None and name in self._algorithms:
            return placeholder_key(self._algorithms[name])
        return checked_key(self.root(name).public_key(), f"the root '{name}'")

    def revoker(self, name: str) -> x509.Certificate:
        """The root itself. Raises as `root`."""
        return self.root(name)

    def rehearse(self, plan: Plan) -> None:
        """Build and check everything that a plan signs.

        Raises:
            TrustAnchorError: an act breaks a rule, or an input is absent or refused.
        """
        self._algorithms = {key.name: key.algorithm for key in plan.keys.values()}
        for act in plan.signing_acts:
            rehearsed = act.output(self).draft(_SERIAL).rehearse()
            if act.made_root is not None:
                self._placeholders[act.made_root.name] = rehearsed
