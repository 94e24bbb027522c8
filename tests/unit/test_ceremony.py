# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole ceremony without Ansible: a SoftHSM token signs, openssl judges."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import pytest
import x509_factory as make
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import crls, issuance
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.act import utc_now
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import keys
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.signing_keys import signing_key
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import profiles
from conftest import PIN
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

DAY = dt.timedelta(days=1)


class Ceremony:
    """A root with a key on the token, and a directory for what it signs."""

    def __init__(self, softhsm: Any, home: Path, algorithm: str) -> None:
        self.now = utc_now()
        self.home = home
        self.root_path, self.crl_path = home / "roots/r1.crt", home / "crls/r1.crl"
        self.path = home / "intermediates/ca1.crt"
        spec = keys.KeySpec(f"ceremony {algorithm} {home}".encode()[-30:])
        self.public = keys.generate(softhsm, spec, algorithm, PIN)
        self.key = signing_key(softhsm, spec, PIN, self.public)
        self.root = self.plan_root().apply(self.key)

    def plan_root(self, **changes: Any) -> issuance.CertificatePlan:
        return issuance.plan_root(profiles.parse_root({**make.ROOT, **changes}), self.public, self.root_path, self.now)

    def plan_intermediate(self, key: Any, now: dt.datetime | None = None, **changes: Any) -> issuance.CertificatePlan:
        profile = profiles.parse_intermediate({**make.INTERMEDIATE, **changes})
        return issuance.plan_intermediate(
            profile, make.request(key), self.root, self.public, self.path, now or self.now
        )

    def plan_crl(self, *serials: int, now: dt.datetime | None = None) -> crls.CrlPlan:
        revoked = [(serial, x509.ReasonFlags.ca_compromise) for serial in serials]
        profile = profiles.CrlProfile(365, 60)
        return crls.plan_crl(profile, self.root, self.public, revoked, self.crl_path, now or self.now)


@pytest.fixture(params=["ec-p384", "rsa-3072"])
def ceremony(softhsm: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Ceremony:
    return Ceremony(softhsm, tmp_path, request.param)


@pytest.fixture
def ec_ceremony(softhsm: Any, tmp_path: Path) -> Ceremony:
    return Ceremony(softhsm, tmp_path, "ec-p384")


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_openssl_accepts_all_and_notices_the_revocation(ceremony: Ceremony) -> None:
    intermediate = ceremony.plan_intermediate(make.new_key()).apply(ceremony.key)
    ceremony.plan_crl().apply(ceremony.key)
    root, crl = ceremony.root_path, ceremony.crl_path
    assert openssl("verify", "-x509_strict", "-CAfile", root, ceremony.path).startswith("0 ")
    assert "verify OK" in openssl("crl", "-inform", "DER", "-in", crl, "-CAfile", root, "-noout")
    both = ceremony.home / "both.pem"

    def check() -> str:
        found = x509.load_der_x509_crl(crl.read_bytes())
        both.write_bytes(root.read_bytes() + found.public_bytes(Encoding.PEM))
        return openssl("verify", "-crl_check", "-CAfile", both, ceremony.path)

    assert check().startswith("0 ")
    ceremony.plan_crl(intermediate.serial_number).apply(ceremony.key)
    assert "certificate revoked" in check()


def test_a_second_run_signs_nothing(ec_ceremony: Ceremony) -> None:
    key = make.new_key()
    ec_ceremony.plan_intermediate(key).apply(ec_ceremony.key)
    ec_ceremony.plan_crl().apply(ec_ceremony.key)
    assert not ec_ceremony.plan_root().changed
    assert not ec_ceremony.plan_intermediate(key).changed
    assert not ec_ceremony.plan_crl().changed
    assert not ec_ceremony.plan_crl(now=ec_ceremony.now + 304 * DAY).changed


def test_a_changed_declaration_is_an_error_that_names_the_difference(ec_ceremony: Ceremony) -> None:
    with pytest.raises(TrustAnchorError, match="exists and differs.*permitted is \\['corp.example'\\]"):
        ec_ceremony.plan_root(name_constraints={"permitted_dns": ["other.example"]})
    key = make.new_key()
    ec_ceremony.plan_intermediate(key).apply(ec_ceremony.key)
    with pytest.raises(TrustAnchorError, match="exists and differs.*not_after is"):
        ec_ceremony.plan_intermediate(key, days=10)


def test_a_new_key_renews_and_keeps_the_old_certificate(ec_ceremony: Ceremony) -> None:
    old = ec_ceremony.plan_intermediate(make.new_key()).apply(ec_ceremony.key)
    new = ec_ceremony.plan_intermediate(make.new_key()).apply(ec_ceremony.key)
    kept = list((ec_ceremony.path.parent / "archive").iterdir())
    assert [x509.load_pem_x509_certificate(one.read_bytes()) for one in kept] == [old]
    assert kept[0].name.startswith("ca1-")
    assert x509.load_pem_x509_certificate(ec_ceremony.path.read_bytes()) == new


def test_a_file_that_appears_meanwhile_is_not_overwritten(ec_ceremony: Ceremony) -> None:
    plan = ec_ceremony.plan_intermediate(make.new_key())
    ec_ceremony.path.parent.mkdir()
    ec_ceremony.path.write_text("precious")
    with pytest.raises(TrustAnchorError, match="never overwritten"):
        plan.apply(ec_ceremony.key)
    assert [one.name for one in ec_ceremony.path.parent.iterdir()] == ["ca1.crt"]
    assert ec_ceremony.path.read_text() == "precious"


def test_one_key_has_one_root(ec_ceremony: Ceremony) -> None:
    ec_ceremony.root_path = ec_ceremony.root_path.with_name("r2.crt")
    with pytest.raises(TrustAnchorError, match="is the key of r1.crt already"):
        ec_ceremony.plan_root(subject="CN=Test Root R2")


def test_a_token_with_another_key(ec_ceremony: Ceremony) -> None:
    ec_ceremony.public = make.new_key().public_key()
    with pytest.raises(TrustAnchorError, match="token's key is not the key of"):
        ec_ceremony.plan_intermediate(make.new_key())
    with pytest.raises(TrustAnchorError, match="token's key is not the key of"):
        ec_ceremony.plan_crl()


def test_the_number_rises_and_entries_stay(ec_ceremony: Ceremony) -> None:
    first = ec_ceremony.plan_crl(2**100).apply(ec_ceremony.key)
    assert not ec_ceremony.plan_crl().changed
    second = ec_ceremony.plan_crl(2**101).apply(ec_ceremony.key)
    late = ec_ceremony.now + 306 * DAY
    third = ec_ceremony.plan_crl(now=late)
    assert third.why == "fewer than 60 days are left"
    renewed = third.apply(ec_ceremony.key)
    assert [crls.crl_number(one) for one in (first, second, renewed)] == [1, 2, 3]
    assert {one.serial_number: one.revocation_date_utc for one in renewed} == {
        one.serial_number: one.revocation_date_utc for one in second
    }


def test_a_crl_from_the_future_or_of_another_root(ec_ceremony: Ceremony) -> None:
    ec_ceremony.plan_crl().apply(ec_ceremony.key)
    with pytest.raises(TrustAnchorError, match="Set the clock"):
        ec_ceremony.plan_crl(now=ec_ceremony.now - DAY)
    profile, other = profiles.CrlProfile(), make.root(ec_ceremony.now)
    with pytest.raises(TrustAnchorError, match="not signed by the token's key"):
        crls.plan_crl(profile, other, make.ROOT_KEY.public_key(), [], ec_ceremony.crl_path, ec_ceremony.now)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"serial": "xyz"}, "no hexadecimal serial"),
        ({"serial": "0"}, "is no serial"),
        ({"serial": "1", "reason": "certificate_hold"}, "is no reason"),
        ({"serial": "1", "certificate": "a"}, "both or neither"),
        ({"reason": "superseded"}, "both or neither"),
        ({"certificate": "absent.crt"}, "does not exist"),
        ({"certificate": "foreign.crt"}, "was not issued by"),
        ({"serail": "1"}, "Did you mean 'serial'"),
    ],
)
def test_refused_revocations(tmp_path: Path, entry: dict[str, str], message: str) -> None:
    other = make.root(subject="CN=Other Root")
    (tmp_path / "foreign.crt").write_bytes(make.intermediate(other, make.new_key()).public_bytes(Encoding.PEM))
    with pytest.raises(TrustAnchorError, match=message):
        crls.parse_revocation(entry, make.root(), tmp_path)


def test_a_revocation_by_certificate(tmp_path: Path) -> None:
    root = make.root()
    certificate = make.intermediate(root, make.new_key())
    (tmp_path / "ca1.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    found = crls.parse_revocation({"certificate": "ca1.crt", "reason": "superseded"}, root, tmp_path)
    assert found == (certificate.serial_number, x509.ReasonFlags.superseded)
