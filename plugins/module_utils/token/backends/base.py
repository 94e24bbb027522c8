# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one kind of token offers: an entry of the table in `registry`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ..credential_plan import CredentialPlan, NewCredentials
from ..credentials import Credentials
from ..model import Device, Requirement, TokenFacts
from .pkcs11.keys import AnyPublicKey, KeySpec
from .pkcs11.sessions import TokenSpec

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class Declare(Protocol):
    """The device that an entry of tokens.yml declares."""

    def __call__(self, name: str, data: Mapping[str, Any], where: str, softhsm_home: Path, /) -> Device:
        """Read the entry's fields; ``where`` is its name for messages.

        Raises:
            TrustAnchorError: a field is missing or wrong.
        """


class PlanCredentials(Protocol):
    """Compare a token's credentials with what is wanted."""

    def __call__(
        self, device: Device, facts: TokenFacts, pin_retries: int | None, puk_retries: int | None, algorithm: str, /
    ) -> CredentialPlan:
        """Without any secret.

        Raises:
            TrustAnchorError: the token cannot have what is wanted.
        """


class Generate(Protocol):
    """Make a key on the token."""

    def __call__(
        self, device: Device, algorithm: str, pin_policy: str, touch_policy: str, credentials: Credentials, /
    ) -> AnyPublicKey:
        """The public half.

        Raises:
            TrustAnchorError: there is a key already, the token cannot do it, or a credential is wrong.
        """


class ImportKey(Protocol):
    """Bring a key of this machine's memory to the token."""

    def __call__(
        self, device: Device, private: PrivateKey, pin_policy: str, touch_policy: str, credentials: Credentials, /
    ) -> None:
        """As `Generate`.

        Raises:
            TrustAnchorError: as `Generate`.
        """


@dataclass(frozen=True)
class Backend:
    """One kind of token.

    Args:
        kind: its name in tokens.yml and in the option ``token.kind``.
        libraries: Python packages that it needs, beside cryptography.
        software: its keys are in files, and a ceremony makes such a token itself.
        touchable: a key on it can want a touch for a signature.
        fields: keys of its entry in tokens.yml, beside ``kind``.
        declare: reads such an entry.
        identify: the device of a module's options: its name, token and key.
        inspect: looks at the token without any secret; raises TokenAbsent where it is not there.
        problems: readiness rules of this kind, beside those of `readiness`; one text for each that is broken.
        fit_before_key: whether the token is asked for its fitness before a key is made for no ceremony.
        pin_policies: those that a key on it can have.
        plan_credentials: which of its credentials have to be set.
        set_credentials: sets them; None where the plan is always empty.
        key_secret: the option that a new key takes: ``pin`` or ``management_key``.
        generate: makes a key on it.
        rehearse_import: everything of an import but the import.
        import_key: brings a key to it.
        attest: the attestation of a key made on it, and the certificate of the key that signs it; None: it cannot.
    """

    kind: str
    libraries: tuple[str, ...]
    software: bool
    touchable: bool
    fields: tuple[str, ...]
    declare: Declare
    identify: Callable[[str, TokenSpec, KeySpec], Device]
    inspect: Callable[[Device], TokenFacts]
    problems: Callable[[TokenFacts, Requirement], Iterator[str]]
    fit_before_key: bool
    pin_policies: tuple[str, ...]
    plan_credentials: PlanCredentials
    set_credentials: Callable[[CredentialPlan, NewCredentials], TokenFacts] | None
    key_secret: Callable[[TokenFacts], str]
    generate: Generate
    rehearse_import: Callable[[Device, Credentials], None]
    import_key: ImportKey
    attest: Callable[[Device], tuple[x509.Certificate, x509.Certificate]] | None
