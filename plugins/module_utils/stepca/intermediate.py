# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The intermediate's key, its password, its request and its certificate on the CA host.

The key is PKCS#8, encrypted with PBES2 under a random 256-bit password. The password is kept only as a systemd
credential that is encrypted for this host (TPM where there is one), and given to step-ca by LoadCredentialEncrypted=.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ..errors import TrustAnchorError
from ..host import commands
from ..host.files import Directory, File, Item, Kept, converge, read
from ..host.preflight import require_same_key
from ..text import times
from ..x509 import certificates
from .layout import Layout

CURVES: dict[str, type[ec.EllipticCurve]] = {"P-384": ec.SECP384R1, "P-256": ec.SECP256R1}


@dataclass(frozen=True)
class Subject:
    """Distinguished name of the intermediate."""

    common_name: str
    organization: str = ""

    def name(self) -> x509.Name:
        """In X.509's form."""
        parts = [(NameOID.ORGANIZATION_NAME, self.organization), (NameOID.COMMON_NAME, self.common_name)]
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value])


def directories(layout: Layout) -> list[Directory]:
    """The directories of a CA host; secrets can be passed through by the daemon's group and listed by root alone."""
    readable = [f"{layout.base}", f"{layout.base}/certs", f"{layout.base}/config", f"{layout.base}/templates"]
    return [
        *(Directory(path, 0o755) for path in readable),
        Directory(f"{layout.base}/secrets", 0o710, "root", layout.user),
    ]


def ensure_key(layout: Layout, curve: str, check: bool) -> bool:
    """Make key and password where there is no key yet.

    The password is written first: a crash between the two leaves a password without a key, and the rerun makes both
    again. An existing key is opened, so that a lost password is found before step-ca is restarted into it.

    Returns:
        Whether a key was (or would be) made.

    Raises:
        TrustAnchorError: the key exists and its password does not open it.
    """
    if os.path.exists(layout.key):
        load_key(layout)
        return False
    if check:
        return True
    for directory in directories(layout):
        directory.make()
    password = secrets.token_hex(32).encode()
    key = ec.generate_private_key(CURVES[curve]())
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    File(layout.password, _seal(password), 0o600, secret=True).write()
    File(layout.key, encrypted, 0o440, "root", layout.user, secret=True).write()
    load_key(layout)
    return True


def require_key(layout: Layout) -> None:
    """Refuse to make a new key for a certificate that exists: it could not fit, and the old password would be lost.

    Raises:
        TrustAnchorError: there is no key.
    """
    if not os.path.exists(layout.key):
        raise TrustAnchorError(
            f"{layout.key} is missing",
            "the intermediate certificate was signed for a key that is not on this host",
            "Restore the key, or run trustanchor.private_ca.request_intermediate and have that signed at a ceremony",
        )


def _seal(password: bytes) -> bytes:
    """Encrypt for this host. systemd-creds reads standard input, so the password is in no argument and no file."""
    return commands.run(["systemd-creds", "encrypt", "--name=password", "-", "-"], stdin=password).stdout


def _unseal(layout: Layout) -> bytes:
    if not os.path.exists(layout.password):
        raise TrustAnchorError(
            f"{layout.password} is missing",
            f"without it {layout.key} cannot be opened",
            "Restore both from the backup, or remove the key to have a new one made and signed",
        )
    return commands.run(["systemd-creds", "decrypt", "--name=password", layout.password, "-"]).stdout


def load_key(layout: Layout) -> ec.EllipticCurvePrivateKey:
    """The intermediate's private key, opened with its password.

    Raises:
        TrustAnchorError: password missing or wrong, or not an EC key.
    """
    pem = read(layout.key)
    if pem is None:
        raise TrustAnchorError(f"{layout.key} is missing")
    try:
        key = serialization.load_pem_private_key(pem, _unseal(layout))
    except (ValueError, TypeError) as error:
        raise TrustAnchorError(
            f"the password in {layout.password} does not open {layout.key}",
            "step-ca would not start any more",
            "Restore both from the same backup, or remove the key to have a new one made and signed",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TrustAnchorError(f"{layout.key} is not an elliptic-curve key")
    return key


def ensure_request(layout: Layout, subject: Subject, check: bool) -> bool:
    """Make the certificate signing request where there is none for this key and subject.

    Returns:
        Whether it was (or would be) made.
    """
    existing = read(layout.request)
    if check and not os.path.exists(layout.key):
        return True
    key = load_key(layout)
    if existing is not None and _request_fits(existing, key, subject):
        return False
    if not check:
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject.name()).sign(key, _digest(key))
        File(layout.request, csr.public_bytes(serialization.Encoding.PEM)).write()
    return True


def _digest(key: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()


def _request_fits(pem: bytes, key: ec.EllipticCurvePrivateKey, subject: Subject) -> bool:
    try:
        csr = x509.load_pem_x509_csr(pem)
    except (ValueError, x509.InvalidVersion):
        return False
    same_key = certificates.spki_sha256(csr.public_key()) == certificates.spki_sha256(key.public_key())
    return same_key and csr.subject == subject.name() and csr.is_signature_valid


def require_match(layout: Layout, certificate: x509.Certificate) -> None:
    """Refuse a certificate that is not for the key on this host.

    Raises:
        TrustAnchorError: the public keys differ.
    """
    ours = certificates.spki_sha256(load_key(layout).public_key())
    require_same_key(certificates.spki_sha256(certificate.public_key()), ours)


def require_not_older(layout: Layout, certificate: x509.Certificate) -> None:
    """Refuse to put a former certificate over its successor: of the same key, by the same issuer, but made earlier.

    Raises:
        TrustAnchorError: the installed one is newer.
    """
    pem = read(layout.certificate)
    try:
        present = certificates.load_bundle(pem or b"", layout.certificate)[0]
    except TrustAnchorError:  # absent or damaged: anything is better
        return
    same = present.issuer == certificate.issuer and present.public_key() == certificate.public_key()
    begin, installed = certificates.not_before(certificate), certificates.not_before(present)
    if same and begin < installed:
        raise TrustAnchorError(
            f"the intermediate certificate in the record is of {times.render(begin)}, "
            f"this host has its successor of {times.render(installed)}",
            "the record on the controller is older than this CA; what it issues would end sooner again",
            f"Bring the record up to date; if the older one is right, remove {layout.certificate} on this host",
        )


def install(layout: Layout, certificate_pem: bytes, root_pem: bytes, check: bool) -> dict[str, list[str]]:
    """Put intermediate and root where step-ca reads them.

    Returns:
        Paths that were (or would be) corrected, with what was wrong.
    """
    wanted: list[Item] = [*directories(layout), File(layout.root, root_pem)]
    wanted.append(File(layout.certificate, certificate_pem))
    wanted += [Kept(layout.key, 0o440, "root", layout.user), Kept(layout.password, 0o600)]
    return converge(wanted, check)


def facts(layout: Layout) -> dict[str, Any]:
    """What a diff shows: the request's subject and key, and the installed certificate."""
    found: dict[str, Any] = {}
    if (pem := read(layout.request)) is not None:
        found["request_subject"] = _request_subject(pem)
    if (pem := read(layout.certificate)) is not None:
        found["certificate"] = _described(pem, layout.certificate)
    return found


def _described(pem: bytes, source: str) -> dict[str, str]:
    """The certificate that is installed, which may have been damaged by hand."""
    try:
        return certificates.describe(certificates.load_bundle(pem, source)[0])
    except TrustAnchorError as error:
        return {"subject": "(cannot be read)", "why": error.what}


def _request_subject(pem: bytes) -> str:
    """The subject of a request that may have been damaged by hand."""
    try:
        return x509.load_pem_x509_csr(pem).subject.rfc4514_string()
    except (ValueError, x509.InvalidVersion):
        return "(cannot be read)"
