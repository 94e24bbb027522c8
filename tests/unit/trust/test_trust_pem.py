# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust import pem
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.fingerprints import normalise_fingerprint
from factories import pki
from hypothesis import given
from hypothesis import strategies as st

ROOT = pki.root()
OTHER = pki.root("Other Root")
KEY = pki.key_pem(pki.new_key())
GARBAGE_BLOCK = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "text",
    [
        ROOT.pem,
        ROOT.pem.strip(),
        "\ufeff" + ROOT.pem,
        ROOT.pem.replace("\n", "\r\n"),
        "\ufeff# a comment\r\n" + ROOT.pem.replace("\n", "\r\n") + "\r\n\r\n",
        f"subject=CN = Test Root\n{ROOT.pem}trailing text\n",
    ],
    ids=["plain", "stripped", "bom", "crlf", "all", "commented"],
)
def test_one_root_gives_the_same_bytes_however_it_is_written(text: str) -> None:
    assert pem.parse_root(text, "roots[0]") == Root("", ROOT.sha256, pem=ROOT.pem)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "roots\\[0\\] holds no PEM block"),
        ("garbage", "no PEM block"),
        ("-----BEGIN CERTIFICATE-----\nMIIB", "no PEM block"),
        (ROOT.pem + OTHER.pem, "holds CERTIFICATE, CERTIFICATE.*exactly one"),
        (ROOT.pem + ROOT.pem, "holds CERTIFICATE, CERTIFICATE"),
        (ROOT.pem + KEY, "holds CERTIFICATE, PRIVATE KEY.*must never be here"),
        (KEY, "holds PRIVATE KEY"),
        (ROOT.pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "holds TRUSTED CERTIFICATE"),
        (GARBAGE_BLOCK.format("ä"), "cannot be decoded"),
        (GARBAGE_BLOCK.format("A"), "cannot be decoded"),
        (GARBAGE_BLOCK.format("AAAA"), "is not a certificate"),
        (GARBAGE_BLOCK.format("!!!!"), "is not a certificate"),
        (GARBAGE_BLOCK.format(""), "is not a certificate"),
        (pki.pem(ROOT.leaf("a.corp.example").certificate), "CN=a.corp.example.* is not a CA certificate"),
        (pki.root(ca=False).pem, "is not a CA certificate"),
        (pki.root(start=pki.NOW - 9 * pki.DAY, end=pki.NOW - pki.DAY).pem, "has expired"),
    ],
)
def test_what_is_no_root(text: str, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        pem.parse_root(text, "roots[0]")


@pytest.mark.parametrize("name", ["leaf CA:TRUE", "x\nX509v3 Basic Constraints: critical\n    CA:TRUE"])
def test_a_subject_makes_no_authority(name: str) -> None:
    with pytest.raises(TrustAnchorError, match="is not a CA certificate"):
        pem.parse_root(pki.root(name, ca=False).pem, "roots[0]")


@pytest.mark.parametrize("name", ["notBefore=never", "notAfter=Jan  1 00:00:00 2020 GMT", "x\nnotBefore=never"])
def test_a_subject_is_not_a_date(name: str) -> None:
    root = pki.root(name)
    found = pem.parse_root(root.pem, "roots[0]")
    assert found.not_before == int(root.certificate.not_valid_before_utc.timestamp())


def test_a_private_key_is_not_repeated() -> None:
    with pytest.raises(TrustAnchorError) as caught:
        pem.parse_root(ROOT.pem + KEY, "roots[0]")
    assert KEY.splitlines()[1] not in str(caught.value)


@given(st.text())
def test_any_text_is_refused_in_order(text: str) -> None:
    with pytest.raises(TrustAnchorError):
        pem.parse_root(text, "here")


@pytest.mark.parametrize("text", ["", "12", "sha256:" + "0" * 64, "g" * 64])
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(TrustAnchorError, match="not a SHA-256 fingerprint"):
        normalise_fingerprint(text)
