# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of an attestation by itself: its extensions, its path, its dates, and what it says of a YubiKey."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import attestation
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates as certs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding
from factories.fake_yubico import CA, FROM, UNTIL, Authority, attest, extension, name, told

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
ROOT = Authority("Yubico PIV Root CA Serial 263751")
OWN = Authority("Yubico PIV Attestation", ROOT)
KEY = ec.generate_private_key(ec.SECP384R1()).public_key()


def verify(leaf: bytes, own: Authority = OWN, **changes: Any) -> attestation.Attestation:
    expected: dict[str, Any] = {
        "roots": [ROOT.pem],
        "intermediates": [],
        "serial": "11111111",
        "public_key": KEY,
        "pin_policy": "always",
        "touch_policy": "always",
        "now": NOW,
    }
    return attestation.verify_attestation(leaf, own.pem, **{**expected, **changes})


def with_value(number: str, value: bytes) -> bytes:
    return attest(OWN, KEY, {**told(), number: value})


# What an attestation says of a YubiKey and of a key.

FORMS = {
    1: ("USB-A keychain", False),
    2: ("USB-A nano", False),
    3: ("USB-C keychain", False),
    4: ("USB-C nano", False),
    5: ("USB-C Lightning", False),
    6: ("USB-A bio", False),
    7: ("USB-C bio", False),
    0: ("unknown", False),
    8: ("unknown", False),
    0x81: ("USB-A keychain", True),
    0x85: ("USB-C Lightning", True),
}


@pytest.mark.parametrize("byte", FORMS)
def test_form_factors(byte: int) -> None:
    found = verify(with_value("9", bytes([byte])))
    assert (found.form_factor, found.fips) == FORMS[byte]


def test_without_a_form_factor() -> None:
    found = verify(attest(OWN, KEY, {number: value for number, value in told().items() if number != "9"}))
    assert (found.form_factor, found.fips) == ("unknown", False)


PIN = {1: "never", 2: "once", 3: "always", 4: "match_once", 5: "match_always"}
TOUCH = {1: "never", 2: "always", 3: "cached"}


@pytest.mark.parametrize("pin", PIN)
@pytest.mark.parametrize("touch", TOUCH)
def test_policies(pin: int, touch: int) -> None:
    leaf = with_value("8", bytes([pin, touch]))
    found = verify(leaf, pin_policy=PIN[pin], touch_policy=TOUCH[touch])
    assert (found.pin_policy, found.touch_policy) == (PIN[pin], TOUCH[touch])
    with pytest.raises(TrustAnchorError, match=f"PIN policy {PIN[pin]} and touch policy {TOUCH[touch]}"):
        verify(leaf, pin_policy="other", touch_policy=TOUCH[touch])
    with pytest.raises(TrustAnchorError, match="wanted: .* and other; a key keeps"):
        verify(leaf, pin_policy=PIN[pin], touch_policy="other")


@pytest.mark.parametrize("policies", [b"\x09\2", b"\3\x09", b"\0\0"])
def test_a_policy_that_nobody_knows_is_none_that_is_wanted(policies: bytes) -> None:
    with pytest.raises(TrustAnchorError, match=r"unknown \((9|0)\)"):
        verify(with_value("8", policies))


@pytest.mark.parametrize(
    ("der", "serial"),
    [
        (b"\2\1\7", "7"),
        (b"\2\1\xff", "255"),  # no sign, whatever the first bit is
        (b"\2\2\x01\x00", "256"),
        (b"\2\4\x00\xa9\x8a\xc7", "11111111"),
    ],
)
def test_serial_numbers(der: bytes, serial: str) -> None:
    assert verify(with_value("7", der), serial=serial).serial == serial


@pytest.mark.parametrize("der", [b"", b"\2", b"\2\0", b"\3\1\7", b"\2\1\7\7", b"\2\2\7", b"\2\7\7"])
def test_what_is_no_serial_number(der: bytes) -> None:
    with pytest.raises(TrustAnchorError, match=rf"serial number is not a number \({der.hex()}\)"):
        verify(with_value("7", der), serial="7")


def test_a_serial_is_wanted() -> None:
    with pytest.raises(TrustAnchorError, match="by the YubiKey 11111111. expected None"):
        verify(attest(OWN, KEY), serial=None)


@pytest.mark.parametrize(
    ("number", "value", "what"),
    [
        ("3", b"\5\7", "firmware"),
        ("3", b"\5\7\1\1", "firmware"),
        ("8", b"\3", "policies"),
        ("8", b"\3\2\1", "policies"),
    ],
)
def test_lengths(number: str, value: bytes, what: str) -> None:
    with pytest.raises(TrustAnchorError, match=rf"does not tell the {what} \(1.3.6.1.4.1.41482.3.{number}\)"):
        verify(with_value(number, value))


@pytest.mark.parametrize(("firmware", "weak"), [(b"\4\3\4", True), (b"\4\2\6", True), (b"\4\3\5", False)])
def test_firmware_whose_keys_can_be_factored(firmware: bytes, weak: bool) -> None:
    leaf = with_value("3", firmware)
    if not weak:
        assert verify(leaf).firmware == ".".join(map(str, firmware))
        return
    with pytest.raises(
        TrustAnchorError, match=rf"firmware {'.'.join(map(str, firmware))} made the key.*CVE-2017-15361"
    ):
        verify(leaf)


def test_what_is_kept_of_it() -> None:
    leaf = attest(OWN, KEY)
    found = verify(leaf)
    assert found.chain == leaf + OWN.pem + ROOT.pem
    assert found.root == "CN=Yubico PIV Root CA Serial 263751"
    assert found.root_sha256 == certs.fingerprint(ROOT.certificate)
    assert found.public_key_sha256 == certs.spki_sha256(KEY)
    assert found.as_dict() == {
        "serial": "11111111",
        "firmware": "5.7.1",
        "form_factor": "USB-A keychain",
        "fips": False,
        "pin_policy": "always",
        "touch_policy": "always",
        "public_key_sha256": found.public_key_sha256,
        "root": found.root,
        "root_sha256": found.root_sha256,
    }


# Extensions that somebody spoilt.


def twice(number: str) -> bytes:
    """An attestation with an extension twice, which cryptography refuses to build: bytes of another one are changed."""
    other = "6"
    values = {**told(), other: told()[number]}
    extensions = [(extension(one, value), False) for one, value in values.items()]
    der = OWN.sign("YubiKey", KEY, extensions, UNTIL, OWN.certificate.subject).public_bytes(Encoding.DER)
    arc = bytes.fromhex("060a2b0601040182c40a03")
    old, new = arc + bytes([int(other)]), arc + bytes([int(number)])
    assert der.count(old) == 1
    return x509.load_der_x509_certificate(der.replace(old, new)).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("number", ["3", "7", "8", "9"])
def test_extensions_that_cannot_be_read(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature does not hold any more: it is looked at before them, and here it is said to be good."""
    monkeypatch.setattr(certs, "signature_is_by", lambda _certificate, _issuer: True)
    with pytest.raises(TrustAnchorError, match="^the attestation's extensions cannot be read"):
        verify(twice(number))


# The path.


def test_the_attestation_is_by_f9() -> None:
    other = Authority("Yubico PIV Attestation", ROOT)
    with pytest.raises(TrustAnchorError, match="not signed by the token's own key"):
        verify(attest(other, KEY))


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate().public_key(),
        x25519.X25519PrivateKey.generate().public_key(),  # it signs nothing at all
        dsa.generate_private_key(1024).public_key(),
    ],
    ids=["Ed25519", "X25519", "DSA"],
)
def test_a_key_that_cannot_sign_such_a_certificate_did_not(key: Any) -> None:
    """cryptography raises another error for each kind of key."""
    builder = x509.CertificateBuilder().subject_name(OWN.certificate.subject).issuer_name(ROOT.certificate.subject)
    builder = builder.public_key(key).serial_number(1).not_valid_before(FROM).not_valid_after(UNTIL)
    odd = builder.add_extension(CA, critical=True).sign(ROOT.key, hashes.SHA256())
    refuses_f9(certs.to_pem(odd), attest(OWN, KEY))


def test_a_curve_that_nobody_knows() -> None:
    p256 = "06082a8648ce3d030107"
    refuses_f9(changed(OWN.pem, p256, p256[:-2] + "7f"), attest(OWN, KEY))


def test_a_point_that_is_not_on_its_curve() -> None:
    numbers = OWN.key.public_key().public_numbers()
    size = OWN.key.key_size // 8
    refuses_f9(changed(OWN.pem, numbers.y.to_bytes(size, "big").hex(), "01" * size), attest(OWN, KEY))


def test_a_hash_that_nobody_knows() -> None:
    """It stands in the certificate twice."""
    leaf = attest(OWN, KEY)
    for hashed in ("02", "03"):  # ecdsa-with-SHA256 and SHA384
        leaf = changed(leaf, f"06082a8648ce3d0403{hashed}", "06082a8648ce3d04037f")
    refuses_f9(OWN.pem, leaf)


def changed(pem: bytes, old: str, new: str) -> bytes:
    """A certificate with other bytes, hexadecimal, where it has these."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    found = base64.encodebytes(der.replace(bytes.fromhex(old), bytes.fromhex(new)))
    return b"-----BEGIN CERTIFICATE-----\n" + found + b"-----END CERTIFICATE-----\n"


def refuses_f9(own: bytes, leaf: bytes) -> None:
    with pytest.raises(TrustAnchorError, match="not signed by the token's own key"):
        attestation.verify_attestation(
            leaf,
            own,
            [ROOT.pem],
            [],
            serial="11111111",
            public_key=KEY,
            pin_policy="always",
            touch_policy="always",
            now=NOW,
        )


def line(length: int) -> list[Authority]:
    """So many authorities, each below the one before, the first below ROOT."""
    found: list[Authority] = []
    for number in range(length):
        found.append(Authority(f"Authority {number}", found[-1] if found else ROOT))
    return found


@pytest.mark.parametrize(("between", "found"), [(0, True), (1, True), (4, True), (5, True), (6, False)])
def test_how_long_a_path_may_be(between: int, found: bool) -> None:
    """f9 and what is between are six at most."""
    above = line(between)
    own = Authority("Yubico PIV Attestation", above[-1] if above else ROOT)
    pinned = [one.pem for one in above]
    if found:
        assert verify(attest(own, KEY), own, intermediates=pinned).chain.count(b"BEGIN") == between + 3
        return
    with pytest.raises(TrustAnchorError, match="no pinned certificate leads to 'CN=Authority 5'"):
        verify(attest(own, KEY), own, intermediates=pinned)


def test_two_that_certify_each_other_end_the_search() -> None:
    one = Authority("One", Authority("Two"))
    two = Authority("Two", one)
    one.certificate = two.sign("One", one.key.public_key(), [(CA, True)], UNTIL, name("Two"))
    own = Authority("Yubico PIV Attestation", one)
    with pytest.raises(TrustAnchorError, match="no pinned certificate leads to 'CN=One'"):
        verify(attest(own, KEY), own, intermediates=[one.pem, two.pem])


@pytest.mark.parametrize("constraints", [CA, None, x509.BasicConstraints(False, None)])
def test_f9_may_say_nothing_of_itself_but_not_that_it_is_no_authority(
    constraints: x509.BasicConstraints | None,
) -> None:
    own = Authority("Yubico PIV Attestation", ROOT, constraints=constraints)
    if constraints is None or constraints.ca:
        assert verify(attest(own, KEY), own)
        return
    with pytest.raises(TrustAnchorError, match="^the certificate in slot f9 is not an authority's"):
        verify(attest(own, KEY), own)


# Dates.

SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "good"), [(FROM - SECOND, False), (FROM, True), (UNTIL, True), (UNTIL + SECOND, False)]
)
def test_dates_to_the_second(now: dt.datetime, good: bool) -> None:
    if good:
        assert verify(attest(OWN, KEY), now=now)
        return
    with pytest.raises(TrustAnchorError, match=r"is not valid on .*it is from 2016-03-14 to 2052-04-17"):
        verify(attest(OWN, KEY), now=now)


def test_without_a_moment_it_is_now() -> None:
    assert verify(attest(OWN, KEY), now=None)
    past = Authority("Yubico PIV Attestation", ROOT, until=dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
    with pytest.raises(TrustAnchorError, match="is not valid on"):
        verify(attest(past, KEY), past, now=None)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_recorded_chain_has_two_certificates_or_more(count: int) -> None:
    pem = [attest(OWN, KEY), OWN.pem, ROOT.pem, ROOT.pem, ROOT.pem]
    assert attestation.split_chain(b"".join(pem[:count]), "it") == (pem[0], pem[1])
