# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an act of the plan to what it signs; the same at the desk, where plans are drafted, and at the ceremony."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from cryptography import x509

from ..x509.builders import PublicKey
from .crls import crl_output
from .issuance import cross_output, intermediate_output, manifest_signer_output, root_output
from .linting import Lint
from .outputs import Output
from .plan.model import CrossAct, IntermediateAct, ManifestSignerAct, RootAct, SigningAct


class Place(Protocol):
    """Where acts are done: a desk or a stage."""

    lint: Lint
    mark: str

    @property
    def directory(self) -> Path:
        """Where outputs go."""

    @property
    def inputs(self) -> Path:
        """Where requests and certificates to revoke are."""

    def root(self, name: str) -> x509.Certificate:
        """A root that exists, or what stands in for it."""

    def root_key(self, name: str) -> PublicKey:
        """The public key of a root that an act makes."""

    def revoker(self, name: str) -> x509.Certificate:
        """The root that issued what its CRL revokes."""


def output_of(act: SigningAct, place: Place) -> Output[Any]:
    """What an act makes.

    Raises:
        TrustAnchorError: an input is absent or refused.
    """
    directory, inputs, lint = place.directory, place.inputs, place.lint
    if isinstance(act, RootAct):
        return root_output(act, place.root_key(act.name), directory, lint)
    if isinstance(act, CrossAct):
        return cross_output(act, place.root(act.standby), place.root(act.primary), directory, lint)
    issuer = place.root(act.issuer)
    if isinstance(act, IntermediateAct):
        return intermediate_output(act, issuer, directory, inputs, lint, place.mark)
    if isinstance(act, ManifestSignerAct):
        return manifest_signer_output(act, issuer, directory, inputs, lint, place.mark)
    return crl_output(act, issuer, place.revoker(act.issuer), directory, inputs, lint)
