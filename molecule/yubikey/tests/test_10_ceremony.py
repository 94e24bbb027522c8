# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ceremony made is right in the eyes of other programs, and the YubiKeys are as they should be."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from dev import tools
from lab import hosts, pkilint
from lab.play import STATE
from scenario import HOST, VERIFY, run, ykman

RECORD = STATE / "pki"
CEREMONY = RECORD / "ceremonies/0001"
ROOTS = ("r1", "s1")


def program(*arguments: object, stdin: str = "") -> str:
    command = list(map(str, arguments))
    done = subprocess.run(
        command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


CHAINS = ("intermediates/ca1.crt", "signers/manifest1.crt", "cross/s1-by-r1.crt")


@pytest.mark.parametrize("path", CHAINS)
def test_openssl_verifies(path: str):
    program("openssl", "verify", "-x509_strict", "-no-CApath", "-CAfile", RECORD / "roots/r1.crt", RECORD / path)


@pytest.mark.parametrize("path", ["intermediates/ca1.crt", "cross/s1-by-r1.crt"])
def test_step_verifies(path: str):
    step = tools.packages().parent / "bin/step"
    program(step, "certificate", "verify", RECORD / path, "--roots", RECORD / "roots/r1.crt")


def test_the_standby_root_stands_under_the_primary_one_and_is_not_revoked():
    """Where only r1 is trusted, a chain of s1 ends there; openssl follows r1's CRL."""
    pem = program("openssl", "crl", "-inform", "DER", "-in", RECORD / "crls/r1.crl", "-outform", "PEM")
    program("openssl", "verify", "-crl_check", "-CRLfile", "/dev/stdin", "-no-CApath", "-CAfile",
            RECORD / "roots/r1.crt", RECORD / "cross/s1-by-r1.crt", stdin=pem)  # fmt: skip


@pytest.mark.parametrize("name", ROOTS)
def test_crl(name: str):
    crl = RECORD / f"crls/{name}.crl"
    text = program("openssl", "crl", "-inform", "DER", "-in", crl, "-noout", "-crlnumber", "-CAfile",
                   RECORD / f"roots/{name}.crt")  # fmt: skip
    assert "verify OK" in text and re.search(r"crlNumber=0x0?1\b", text)
    pkilint.require_nothing_said("lint_crl", "WARNING", "--type", "CRL", "--profile", "PKIX", crl)


@pytest.mark.parametrize("path", ["roots/r1.crt", "roots/s1.crt", *CHAINS])
def test_pkilint(path: str):
    pkilint.require_nothing_said("lint_pkix_cert", "WARNING", RECORD / path)


@pytest.mark.parametrize("path", CHAINS)
def test_pkilint_chain(path: str):
    pkilint.require_nothing_said(
        "lint_pkix_signer_signee_cert_chain", "WARNING", RECORD / "roots/r1.crt", RECORD / path
    )


def test_the_seal_verifies_as_the_report_says():
    transcript, seal = CEREMONY / "transcript.jsonl", CEREMONY / "transcript.p7s"
    program("openssl", "cms", "-verify", "-binary", "-inform", "PEM", "-in", seal, "-content", transcript,
            "-CAfile", RECORD / "roots/r1.crt", "-purpose", "any", "-out", "/dev/null")  # fmt: skip


def test_ceremony_verify_needs_no_token_and_follows_the_attestations():
    done = run(VERIFY, check=True)
    assert (done.rc, done.changed) == (0, 0), done.output


def test_ceremony_verify_refuses_another_maker(tmp_path: Path):
    shutil.copy(RECORD / "roots/r1.crt", tmp_path / "maker.pem")
    digest = hashlib.sha256((tmp_path / "maker.pem").read_bytes()).hexdigest()
    roots = [{"file": str(tmp_path / "maker.pem"), "sha256": digest}]
    done = run(VERIFY, root_ceremony_attestation_roots=roots)
    assert "no pinned certificate leads to" in done.failure(HOST)


@pytest.mark.parametrize("serial", [11111111, 22222222])
def test_the_yubikeys_are_as_planned(serial: int):
    key = ykman(serial, "keys info 9c")
    for word in ("ECCP384", "GENERATED"):
        assert word in key
    assert key.count("ALWAYS") == 2  # PIN and touch
    info = ykman(serial, "info").partition("PIV version")[2]
    assert "5/5" in info and "AES256" in info and "protected by PIN" in info and "default" not in info


def test_every_signature_is_in_the_transcript_and_was_touched(keys):
    """r1: itself, cross, intermediate, signer, CRL, seal. s1: itself, CRL."""
    status = keys.status()
    assert [status["keys"][serial]["signatures"] for serial in ("11111111", "22222222")] == [6, 2]
    assert status["touch"]["requests"] == 8
    assert sum('"event":"signed"' in line for line in (CEREMONY / "transcript.jsonl").read_text().splitlines()) == 7


def test_the_machine_keeps_no_private_key():
    found = hosts.output(HOST, "grep -rlE 'BEGIN( EC| RSA)? PRIVATE KEY' /var/lib/root-ceremony /root /tmp || true")
    assert found == ""
