# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess

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
        (pki.pem(ROOT.leaf("a.corp.example").certificate), "CN ?= ?a.corp.example.* is not a CA certificate"),
        (pki.root(ca=False).pem, "is not a CA certificate"),
        (pki.root(start=pki.NOW - 9 * pki.DAY, end=pki.NOW - pki.DAY).pem, "has expired"),
    ],
)
def test_what_is_no_root(text: str, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        pem.parse_root(text, "roots[0]")


def test_a_private_key_is_not_repeated() -> None:
    with pytest.raises(TrustAnchorError) as caught:
        pem.parse_root(ROOT.pem + KEY, "roots[0]")
    assert KEY.splitlines()[1] not in str(caught.value)


@given(st.text())
def test_any_text_is_refused_in_order(text: str) -> None:
    with pytest.raises(TrustAnchorError):
        pem.parse_root(text, "here")


@given(st.lists(st.sampled_from([ROOT, OTHER])), st.text(alphabet=st.characters(exclude_characters="-")))
def test_fingerprints_of_a_bundle(roots: list[pki.Authority], between: str) -> None:
    text = between.join(["", *(f"\n{root.pem}" for root in roots), ""])
    assert pem.fingerprints(text) == {root.sha256 for root in roots}


def test_damaged_blocks_are_passed_over() -> None:
    text = GARBAGE_BLOCK.format("A") + ROOT.pem + KEY + GARBAGE_BLOCK.format("ä") + OTHER.pem.replace("\n", "\r\n")
    assert pem.fingerprints(text) == {ROOT.sha256, OTHER.sha256}


def test_a_fingerprint_is_what_openssl_says() -> None:
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, input=ROOT.pem, capture_output=True, check=True, text=True).stdout
    assert pem.fingerprint(ROOT.pem) == said.partition("=")[2].strip().replace(":", "").lower()


def test_subjects() -> None:
    assert pem.subject("subject=CN = A\nnotAfter=x\n") == "CN = A"
    assert pem.subject("notAfter=x\n") == ""


@pytest.mark.parametrize("label", ["X509 CERTIFICATE", "TRUSTED CERTIFICATE"])
def test_other_labels_that_openssl_trusts_are_seen(label: str) -> None:
    root = pki.root()
    text = root.pem
    if label.startswith("TRUSTED"):
        command = ["openssl", "x509", "-trustout", "-addtrust", "serverAuth"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    else:
        text = text.replace("CERTIFICATE", label)
    assert label in text
    assert pem.fingerprints(text) == {root.sha256}


@pytest.mark.parametrize("text", ["", "12", "sha256:" + "0" * 64, "g" * 64])
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(TrustAnchorError, match="not a SHA-256 fingerprint"):
        normalise_fingerprint(text)
