# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Yubico says that a key was made on a YubiKey and is nowhere else.

A YubiKey signs a certificate for a key that it generated, with a key of its own (slot f9) that Yubico certified. This
is not path validation by RFC 5280: f9 certificates of older firmware have no basicConstraints, and newer ones chain to
another root through intermediates that are not on the token (Yubico, "PIV attestation"). So the signatures are
followed by hand, up to a certificate that the operator pinned. Only pinned certificates can be links above f9: a key
in another slot of the same YubiKey therefore cannot pass for f9.

Dates count at the moment of the ceremony. A later check gives that moment: an attestation that expired since then was
good when the key was taken into use.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cryptography import x509

from ..errors import TrustAnchorError
from ..text import times
from ..x509 import certificates as certs
from .backends.pkcs11.keys import AnyPublicKey
from .backends.registry import backend_of
from .backends.yubikey.readiness import has_roca
from .model import Device

# Yubico's extensions (developers.yubico.com/PIV/Introduction/PIV_attestation.html).
_ARC = "1.3.6.1.4.1.41482.3."
_FIRMWARE, _SERIAL, _POLICIES, _FORM_FACTOR = (x509.ObjectIdentifier(_ARC + last) for last in "3789")
_PIN_POLICIES = {1: "never", 2: "once", 3: "always", 4: "match_once", 5: "match_always"}
_TOUCH_POLICIES = {1: "never", 2: "always", 3: "cached"}
_FORM_FACTORS = {
    1: "USB-A keychain",
    2: "USB-A nano",
    3: "USB-C keychain",
    4: "USB-C nano",
    5: "USB-C Lightning",
    6: "USB-A bio",
    7: "USB-C bio",
}
_FIPS = 0x80  # flag of the form factor
_LONGEST = 6  # f9, intermediates and the root

_NEXT = "Do not use the key; make sure which token is inserted, and compare the pinned files with Yubico's"


@dataclass(frozen=True)
class Attestation:
    """A verified attestation.

    Args:
        serial: of the YubiKey.
        firmware: such as ``5.7.1``.
        form_factor: of the YubiKey.
        fips: whether it is of the FIPS series.
        pin_policy: of the key.
        touch_policy: of the key.
        public_key_sha256: of the key's DER SubjectPublicKeyInfo.
        root: subject of the pinned root, RFC 4514.
        root_sha256: fingerprint of the pinned root.
        chain: PEM of attestation, f9, what is between, and the root; kept in the record.
    """

    serial: str
    firmware: str
    form_factor: str
    fips: bool
    pin_policy: str
    touch_policy: str
    public_key_sha256: str
    root: str
    root_sha256: str
    chain: bytes

    def as_dict(self) -> dict[str, Any]:
        """For results and transcripts; without the PEM."""
        return {name: value for name, value in asdict(self).items() if name != "chain"}


def read_attestation(device: Device) -> tuple[bytes, bytes]:
    """The attestation of the device's key, made now, and the token's own certificate (f9), both PEM.

    Raises:
        TrustAnchorError: no YubiKey, no key there, or one that was imported.
    """
    attest = backend_of(device).attest
    if attest is None:
        raise TrustAnchorError(f"the {device.spec} cannot attest keys", f"its kind is {device.kind}")
    leaf, own = attest(device)
    return certs.to_pem(leaf), certs.to_pem(own)


def split_chain(pem: bytes, source: str) -> tuple[bytes, bytes]:
    """Attestation and f9 from a recorded chain (`Attestation.chain`).

    Raises:
        TrustAnchorError: fewer than two certificates, or something else.
    """
    chain = certs.load_bundle(pem, source)
    if len(chain) < 2:
        raise TrustAnchorError(f"{source} holds one certificate", "attestation and f9 are expected")
    return certs.to_pem(chain[0]), certs.to_pem(chain[1])


def verify_attestation(
    leaf_pem: bytes,
    own_pem: bytes,
    roots: Sequence[bytes],
    intermediates: Sequence[bytes],
    *,
    serial: str | None,
    public_key: AnyPublicKey,
    pin_policy: str,
    touch_policy: str,
    now: dt.datetime | None = None,
) -> Attestation:
    """Follow the signatures to a pinned root and compare what is attested with what is expected.

    Args:
        leaf_pem: the attestation.
        own_pem: the token's own certificate, from slot f9.
        roots: PEM, pinned.
        intermediates: PEM, pinned; each may hold several certificates.
        serial: of the token.
        public_key: as PKCS#11 shows it, and as it will verify signatures.
        pin_policy: never, once or always.
        touch_policy: never, always or cached.
        now: moment at which all certificates must be valid; default the clock's.

    Raises:
        TrustAnchorError: no chain, another token or key, another policy, or firmware whose keys are weak (ROCA).
    """
    leaf, own = (certs.load_certificate(pem, name) for pem, name in ((leaf_pem, "attestation"), (own_pem, "slot f9")))
    trusted = [one for pem in roots for one in certs.load_bundle(pem, "attestation roots")]
    between = [one for pem in intermediates for one in certs.load_bundle(pem, "attestation intermediates")]
    if not certs.signature_is_by(leaf, own):
        raise _refused("the attestation is not signed by the token's own key (slot f9)", "it is forged")
    chain = [leaf, *_path(own, trusted, between)]
    _check_dates(chain, now or times.utc_now())
    found = _read(leaf, chain)
    _check(found, serial, public_key, (pin_policy, touch_policy))
    return found


def _refused(what: str, why: str, next_step: str = _NEXT) -> TrustAnchorError:
    return TrustAnchorError(what, why, next_step)


def _path(
    own: x509.Certificate, roots: list[x509.Certificate], between: list[x509.Certificate]
) -> list[x509.Certificate]:
    """f9 and what leads from it to a root.

    Raises:
        TrustAnchorError: nothing does, or f9 says that it is not an authority.
    """
    constraints = certs.extension(own, x509.BasicConstraints)
    if constraints is not None and not constraints.ca:
        raise _refused("the certificate in slot f9 is not an authority's", "it cannot attest keys")
    found = next(_paths([own], roots, [one for one in between if certs.is_ca(one)]), None)
    if found is None:
        raise _refused(
            f"no pinned certificate leads to '{own.issuer.rfc4514_string()}', which issued the token's own (slot f9)",
            "firmware to 5.7.3 needs 'Yubico PIV Root CA Serial 263751', newer 'Yubico Attestation Root 1' with the "
            "intermediates between",
            "Add them to tokens.yml with their SHA-256; if they are there, the token is not genuine",
        )
    return found


def _paths(
    path: list[x509.Certificate], roots: list[x509.Certificate], between: list[x509.Certificate]
) -> Iterator[list[x509.Certificate]]:
    yield from ([*path, root] for root in roots if certs.signature_is_by(path[-1], root))
    if len(path) < _LONGEST:
        for one in between:
            if one not in path and certs.signature_is_by(path[-1], one):
                yield from _paths([*path, one], roots, between)


def _check_dates(chain: list[x509.Certificate], now: dt.datetime) -> None:
    for one in chain:
        if not certs.not_before(one) <= now <= certs.not_after(one):
            raise _refused(
                f"'{one.subject.rfc4514_string()}' of the attestation is not valid on {times.render_date(now)}",
                f"it is from {times.render_date(certs.not_before(one))} to {times.render_date(certs.not_after(one))}",
                "Check the clock of this machine",
            )


def _read(leaf: x509.Certificate, chain: list[x509.Certificate]) -> Attestation:
    version = _value(leaf, _FIRMWARE, "firmware", 3)
    policies = _value(leaf, _POLICIES, "policies", 2)
    form = _optional(leaf, _FORM_FACTOR) or b"\0"
    return Attestation(
        serial=str(_integer(_value(leaf, _SERIAL, "serial number"))),
        firmware=".".join(map(str, version)),
        form_factor=_FORM_FACTORS.get(form[0] & ~_FIPS, "unknown"),
        fips=bool(form[0] & _FIPS),
        pin_policy=_PIN_POLICIES.get(policies[0], f"unknown ({policies[0]})"),
        touch_policy=_TOUCH_POLICIES.get(policies[1], f"unknown ({policies[1]})"),
        public_key_sha256=certs.spki_sha256(leaf.public_key()),
        root=chain[-1].subject.rfc4514_string(),
        root_sha256=certs.fingerprint(chain[-1]),
        chain=b"".join(map(certs.to_pem, chain)),
    )


def _optional(leaf: x509.Certificate, oid: x509.ObjectIdentifier) -> bytes | None:
    try:
        found = leaf.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension) as error:
        raise _refused("the attestation's extensions cannot be read", str(error)) from error
    return found.value if isinstance(found, x509.UnrecognizedExtension) else None


def _value(leaf: x509.Certificate, oid: x509.ObjectIdentifier, name: str, length: int | None = None) -> bytes:
    found = _optional(leaf, oid)
    if found is None or (length is not None and len(found) != length):
        raise _refused(f"the attestation does not tell the {name} ({oid.dotted_string})", "Yubico's tell it")
    return found


def _integer(der: bytes) -> int:
    """A DER INTEGER (X.690 section 8.3), read without a sign: serial numbers have none, whatever the first bit is."""
    if len(der) < 3 or der[0] != 0x02 or der[1] != len(der) - 2:
        raise _refused(f"the attestation's serial number is not a number ({der.hex()})", "Yubico's is one")
    return int.from_bytes(der[2:], "big")


def _check(found: Attestation, serial: str | None, public_key: AnyPublicKey, policies: tuple[str, str]) -> None:
    firmware = tuple(map(int, found.firmware.split(".")))
    if has_roca(firmware):
        raise _refused(
            f"firmware {found.firmware} made the key",
            "its RSA keys can be factored (CVE-2017-15361), the one that attests among them",
            "Take a YubiKey with firmware 5 or newer; Yubico replaces these",
        )
    if certs.spki_sha256(public_key) != found.public_key_sha256:
        raise _refused("the attestation is for another key", f"it is for {found.public_key_sha256}")
    if found.serial != serial:
        raise _refused(f"the attestation is by the YubiKey {found.serial}", f"expected {serial}")
    if (found.pin_policy, found.touch_policy) != policies:
        raise _refused(
            f"the key has PIN policy {found.pin_policy} and touch policy {found.touch_policy}",
            f"wanted: {policies[0]} and {policies[1]}; a key keeps the policies that it was made with",
            "Make another key",
        )
