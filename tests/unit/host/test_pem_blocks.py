# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import pem
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from factories import pki
from hypothesis import given
from hypothesis import strategies as st

ROOT = pki.root()
OTHER = pki.root("Other Root")
KEY = pki.key_pem(pki.new_key())
GARBAGE_BLOCK = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def test_blocks_and_labels() -> None:
    text = f"before {ROOT.pem} between\n{KEY}"
    assert pem.blocks(text) == [ROOT.pem, KEY]
    assert pem.labels(text) == ["CERTIFICATE", "PRIVATE KEY"]
    assert pem.blocks("") == pem.labels("") == pem.blocks("-----BEGIN A-----\n-----END B-----\n") == []


@given(st.lists(st.sampled_from([ROOT, OTHER])), st.text(alphabet=st.characters(exclude_characters="-")))
def test_fingerprints_of_a_bundle(roots: list[pki.Authority], between: str) -> None:
    text = between.join(["", *(f"\n{root.pem}" for root in roots), ""])
    assert pem.fingerprints(text) == {root.sha256 for root in roots}


@pytest.mark.parametrize(
    "before",
    [
        "# -----BEGIN CERTIFICATE----- is how it begins\n",
        "friendlyName: -----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n",
        "subject=CN = -----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----" * 50 + "\n",
    ],
)
def test_text_before_a_block_hides_no_certificate(before: str) -> None:
    """It would hide a distrusted root from us, and not from OpenSSL."""
    text = before + ROOT.pem + before + OTHER.pem
    assert pem.fingerprints(text) == {ROOT.sha256, OTHER.sha256}
    assert pem.blocks(text) == [ROOT.pem, OTHER.pem]
    assert len(certificates.load_bundle(text.encode(), "bundle")) == 2


def test_damaged_blocks_are_passed_over() -> None:
    text = GARBAGE_BLOCK.format("A") + ROOT.pem + KEY + GARBAGE_BLOCK.format("ä") + OTHER.pem.replace("\n", "\r\n")
    assert pem.fingerprints(text) == {ROOT.sha256, OTHER.sha256}


def test_a_fingerprint_is_what_openssl_says() -> None:
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, input=ROOT.pem, capture_output=True, check=True, text=True).stdout
    assert pem.fingerprint(ROOT.pem) == said.partition("=")[2].strip().replace(":", "").lower()


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
