# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import attestation
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import load_bundle
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from factories.fake_yubico import Authority, attest, new_key, told

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
OLD_ROOT = Authority("Yubico PIV Root CA Serial 263751")
NEW_ROOT = Authority("Yubico Attestation Root 1")
MIDDLE = Authority("Yubico Attestation Intermediate A 1", NEW_ROOT)
LOWER = Authority("Yubico PIV Attestation A 1", MIDDLE)
OWN = Authority("Yubico PIV Attestation", OLD_ROOT)
KEY = ec.generate_private_key(ec.SECP384R1()).public_key()


def verify(leaf: bytes, own: Authority = OWN, **changes: Any) -> attestation.Attestation:
    expected: dict[str, Any] = {
        "roots": [OLD_ROOT.pem, NEW_ROOT.pem],
        "intermediates": [MIDDLE.pem + LOWER.pem],
        "serial": "11111111",
        "public_key": KEY,
        "pin_policy": "always",
        "touch_policy": "always",
        "now": NOW,
    }
    return attestation.verify_attestation(leaf, own.pem, **{**expected, **changes})


def test_old_style_directly_below_the_root() -> None:
    found = verify(attest(OWN, KEY))
    assert (found.serial, found.firmware, found.form_factor, found.fips) == (
        "11111111",
        "5.7.1",
        "USB-A keychain",
        False,
    )
    assert found.root == "CN=Yubico PIV Root CA Serial 263751"
    assert len(load_bundle(found.chain, "chain")) == 3
    assert "chain" not in found.as_dict()


def test_new_style_through_intermediates() -> None:
    own = Authority("Yubico PIV Attestation", LOWER)
    found = verify(attest(own, KEY), own)
    assert found.root == "CN=Yubico Attestation Root 1"
    assert len(load_bundle(found.chain, "chain")) == 5


def test_old_f9_without_basic_constraints() -> None:
    own = Authority("Yubico PIV Attestation", OLD_ROOT, constraints=None)
    assert verify(attest(own, KEY), own).serial == "11111111"


def test_a_recorded_chain_verifies_again() -> None:
    leaf = attest(OWN, KEY)
    assert attestation.split_chain(verify(leaf).chain, "record") == (leaf, OWN.pem)
    with pytest.raises(TrustAnchorError, match="one certificate"):
        attestation.split_chain(leaf, "record")


def test_fips_is_told() -> None:
    found = verify(attest(OWN, KEY, {**told(), "9": b"\x83"}))
    assert found.fips and found.form_factor == "USB-C keychain"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (told(serial=22222222), "by the YubiKey 22222222"),
        (told(firmware=b"\4\3\4"), "CVE-2017-15361"),
        (told(policies=b"\2\2"), "PIN policy once"),
        (told(policies=b"\3\1"), "touch policy never"),
        (told(policies=b"\3\x09"), "unknown \\(9\\)"),
        ({**told(), "7": b"\2\1\xff"}, "by the YubiKey 255"),
        ({**told(), "7": b"\4\1\1"}, "is not a number"),
        ({**told(), "7": b"\2\2\1"}, "is not a number"),
        ({**told(), "3": b"\5\7"}, "does not tell the firmware"),
        ({k: v for k, v in told().items() if k != "8"}, "does not tell the policies"),
        ({k: v for k, v in told().items() if k != "7"}, "does not tell the serial number"),
    ],
)
def test_what_is_attested_has_to_be_what_is_expected(values: dict[str, bytes], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        verify(attest(OWN, KEY, values))


def test_another_key() -> None:
    with pytest.raises(TrustAnchorError, match="for another key"):
        verify(attest(OWN, new_key().public_key()))


def test_a_tampered_extension() -> None:
    der = bytearray(load_bundle(attest(OWN, KEY), "x")[0].public_bytes(Encoding.DER))
    at = bytes(der).index(b"\x04\x02\x03\x02") + 2  # the policies
    der[at] = 1
    forged = x509.load_der_x509_certificate(bytes(der)).public_bytes(Encoding.PEM)
    with pytest.raises(TrustAnchorError, match="not signed by the token's own key"):
        verify(forged)


def test_a_maker_whom_nobody_pinned() -> None:
    own = Authority("Yubico PIV Attestation", Authority("Yubico PIV Root CA Serial 263751"))
    with pytest.raises(TrustAnchorError, match="no pinned certificate leads to"):
        verify(attest(own, KEY), own)


def test_new_style_without_the_intermediates() -> None:
    own = Authority("Yubico PIV Attestation", LOWER)
    with pytest.raises(TrustAnchorError, match="with the intermediates"):
        verify(attest(own, KEY), own, intermediates=[])


def test_a_key_of_another_slot_cannot_pass_for_f9() -> None:
    # The thief's slot 9a is attested, and its key signs an attestation for a key made elsewhere.
    slot = Authority("YubiKey PIV Attestation 9a", OWN, constraints=None)
    with pytest.raises(TrustAnchorError, match="no pinned certificate leads to"):
        verify(attest(slot, KEY), slot)


def test_f9_that_is_not_an_authority() -> None:
    own = Authority("Yubico PIV Attestation", OLD_ROOT, constraints=x509.BasicConstraints(False, None))
    with pytest.raises(TrustAnchorError, match="not an authority's"):
        verify(attest(own, KEY), own)


def test_an_intermediate_that_is_not_an_authority_is_not_a_link() -> None:
    middle = Authority("Odd", NEW_ROOT, constraints=None)
    own = Authority("Yubico PIV Attestation", middle)
    with pytest.raises(TrustAnchorError, match="no pinned certificate leads to"):
        verify(attest(own, KEY), own, intermediates=[middle.pem])


def test_dates_count_at_the_moment_of_the_ceremony() -> None:
    own = Authority("Yubico PIV Attestation", OLD_ROOT, until=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
    leaf = attest(own, KEY)
    assert verify(leaf, own)
    with pytest.raises(TrustAnchorError, match="not valid on 2027-01-02"):
        verify(leaf, own, now=dt.datetime(2027, 1, 2, tzinfo=dt.UTC))
    with pytest.raises(TrustAnchorError, match="not valid on 2015"):
        verify(leaf, own, now=dt.datetime(2015, 1, 1, tzinfo=dt.UTC))


def test_what_is_not_a_certificate() -> None:
    with pytest.raises(TrustAnchorError, match="no PEM certificate"):
        verify(b"junk")
