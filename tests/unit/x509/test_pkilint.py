# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts.revocations import REASONS
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, pkilint, profiles
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from factories import pki
from factories.pki import profiled as make

ROOT = make.root(path_length=2)
STANDBY_KEY = make.new_key()
REVOKED = [builders.Revoked(2**150 + at, x509.ReasonFlags[reason], pki.FIXED_NOW) for at, reason in enumerate(REASONS)]


def crl(days: int = 365, revoked: Any = ()) -> x509.CertificateRevocationList:
    builder = builders.crl_builder(profiles.CrlProfile(days), ROOT, 1, revoked, pki.FIXED_NOW)
    return builder.sign(make.ROOT_KEY, hashes.SHA384())


def codes(findings: tuple[pkilint.LintFinding, ...]) -> list[str]:
    return [f"{one.severity} {one.code}" for one in findings]


def test_what_the_profiles_build_is_clean() -> None:
    below = [
        make.intermediate(ROOT, make.new_key()),
        make.manifest_signer(ROOT, make.new_key()),
        make.cross(make.standby(STANDBY_KEY), ROOT),
    ]
    for certificate in (ROOT, make.standby(STANDBY_KEY), *below):
        assert codes(pkilint.certificate_findings(certificate)) == []
    for certificate in below:
        assert codes(pkilint.chain_findings(certificate, ROOT)) == []
    assert codes(pkilint.crl_findings(crl())) == []


def test_an_estate_below_one_label() -> None:
    constrained = make.root(name_constraints={"permitted_dns": ["internal"]})
    assert codes(pkilint.certificate_findings(constrained)) == []


def test_bad_certificates() -> None:
    bare = make.leaf(ROOT, make.ROOT_KEY, [x509.DNSName("a.corp.example")])
    assert "ERROR pkix.authority_key_identifier_extension_absent" in codes(pkilint.certificate_findings(bare))
    foreign = make.intermediate(ROOT, make.new_key())
    other = make.root(subject="CN=Other Root", path_length=2)
    assert codes(pkilint.chain_findings(foreign, other)) == ["NOTICE pkix.issuer_and_subject_dn_not_binary_equal"]


def test_of_a_rehearsal_only_the_signature_is_wrong() -> None:
    builder = builders.intermediate_builder(
        profiles.parse_intermediate(make.INTERMEDIATE),
        x509.Name.from_rfc4514_string("CN=Test Intermediate"),
        make.new_key().public_key(),
        ROOT,
        builders.Issuance.fresh(pki.FIXED_NOW),
    )
    rehearsed = builder.sign(make.new_key(), hashes.SHA384())
    assert codes(pkilint.certificate_findings(rehearsed)) == []
    assert [one.severity for one in pkilint.chain_findings(rehearsed, ROOT)] == ["ERROR"]


def test_the_reasons_that_may_be_planned() -> None:
    assert codes(pkilint.crl_findings(crl(revoked=REVOKED))) == []


def test_a_crl_that_is_valid_for_too_long() -> None:
    assert any("validity" in one for one in codes(pkilint.crl_findings(crl(days=400))))


def test_it_is_not_loaded_until_it_is_used() -> None:
    name = pkilint.__name__
    code = f"import sys; sys.path[:] = {sys.path!r}; import {name}; print('pkilint' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_without_pkilint(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    assert pkilint.version()
    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert pkilint.version() is None
    pkilint._pkilint.cache_clear()
    monkeypatch.setitem(sys.modules, "pkilint", None)
    with pytest.raises(TrustAnchorError, match="pip install pkilint"):
        pkilint.certificate_findings(ROOT)
