# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of other people accept what the ceremony signed."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
import yaml
from dev import tools
from lab import estate, hosts, pkilint
from scene import HOST, RECORD, said

R1, S1 = RECORD / "roots/r1.crt", RECORD / "roots/s1.crt"
CROSS = RECORD / "cross/s1-by-r1.crt"
INTERMEDIATE, SIGNER = RECORD / "intermediates/ca1.crt", RECORD / "signers/manifest1.crt"
CHAINS = {"intermediate": (R1, INTERMEDIATE), "cross": (R1, CROSS), "signer": (R1, SIGNER)}
CERTIFICATES = [R1, S1, CROSS, INTERMEDIATE, SIGNER]


@pytest.mark.parametrize("root", [R1, S1], ids=["r1", "s1"])
def test_openssl_accepts_the_roots(root: Path) -> None:
    said(["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", root, root])


@pytest.mark.parametrize(("root", "certificate"), CHAINS.values(), ids=CHAINS)
def test_openssl_accepts_the_chains(root: Path, certificate: Path) -> None:
    said(["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", root, certificate])


@pytest.mark.parametrize(("root", "certificate"), CHAINS.values(), ids=CHAINS)
def test_go_accepts_the_chains(root: Path, certificate: Path) -> None:
    said([tools.home() / "bin/step", "certificate", "verify", certificate, "--roots", root])


@pytest.mark.parametrize("name", ["r1", "s1"])
def test_openssl_accepts_the_crls(name: str) -> None:
    crl, root = RECORD / f"crls/{name}.crl", RECORD / f"roots/{name}.crt"
    shown = said(["openssl", "crl", "-inform", "DER", "-in", crl, "-CAfile", root, "-noout", "-crlnumber"])
    assert shown.strip().endswith("01")


def test_openssl_checks_the_chain_against_the_crl(tmp_path: Path) -> None:
    crl = tmp_path / "r1.pem"
    said(["openssl", "crl", "-inform", "DER", "-in", RECORD / "crls/r1.crl", "-out", crl])
    said(["openssl", "verify", "-crl_check", "-CAfile", R1, "-CRLfile", crl, INTERMEDIATE])


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=[path.stem for path in CERTIFICATES])
def test_pkilint_accepts_the_certificates(certificate: Path) -> None:
    pkilint.require_nothing_said("lint_pkix_cert", "NOTICE", certificate)


@pytest.mark.parametrize(("root", "certificate"), CHAINS.values(), ids=CHAINS)
def test_pkilint_accepts_the_chains(root: Path, certificate: Path) -> None:
    pkilint.require_nothing_said("lint_pkix_signer_signee_cert_chain", "NOTICE", root, certificate)


@pytest.mark.parametrize("profile", ["PKIX", "BR"])
@pytest.mark.parametrize("name", ["r1", "s1"])
def test_pkilint_accepts_the_crls(name: str, profile: str) -> None:
    crl = RECORD / f"crls/{name}.crl"
    pkilint.require_nothing_said("lint_crl", "NOTICE", "--type", "ARL", "--profile", profile, crl)


def test_the_signer_signs_documents_and_nothing_else(tmp_path: Path) -> None:
    """The key is the lab's; it goes to openssl by a pipe."""
    document, seal = tmp_path / "trust.yml", tmp_path / "trust.p7s"
    document.write_bytes((RECORD / "trust.yml").read_bytes())
    sign = ["openssl", "cms", "-sign", "-binary", "-in", document, "-signer", SIGNER, "-inkey", "/dev/stdin"]
    key = estate.secret("manifest.key")
    subprocess.run([*sign, "-outform", "PEM", "-out", seal], input=key, check=True)
    check = ["openssl", "cms", "-verify", "-binary", "-in", seal, "-inform", "PEM", "-content", document]
    said([*check, "-CAfile", R1, "-out", "/dev/null"])
    for purpose in ("sslserver", "sslclient"):
        command = ["openssl", "verify", "-purpose", purpose, "-CAfile", R1, SIGNER]
        assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_the_trust_manifest_lists_both_roots() -> None:
    manifest = yaml.safe_load((RECORD / "trust.yml").read_text())
    standby = {root["name"]: root.get("standby", False) for root in manifest["roots"]}
    assert standby == {"r1": False, "s1": True}
    assert manifest["sequence"] == 1


def test_both_ends_have_the_same_files() -> None:
    listed = f"cd /var/lib/root-ceremony && find . -name '*.c*' -type f ! -path './softhsm/*' {_DIGESTS}"
    there = dict(reversed(line.split()) for line in hosts.output(HOST, listed).splitlines())
    here = {
        f"./{path.relative_to(RECORD)}": hashlib.sha256(path.read_bytes()).hexdigest() for path in RECORD.rglob("*.c*")
    }
    assert there == here
    assert hosts.output(HOST, "stat --format %a /var/lib/root-ceremony") == "700"


_DIGESTS = "-exec sha256sum {} +"
