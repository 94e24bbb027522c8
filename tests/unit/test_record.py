# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import x509_factory as make
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.issuance import archive
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.record import plan_merge, read
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, profiles
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROOT = make.root()
OLD = make.intermediate(ROOT, make.new_key()).public_bytes(Encoding.PEM)
NEW = make.intermediate(ROOT, make.new_key(), make.NOW + dt.timedelta(days=1)).public_bytes(Encoding.PEM)
ROOT_PEM = ROOT.public_bytes(Encoding.PEM)


def crl(number: int) -> bytes:
    builder = builders.crl_builder(profiles.CrlProfile(), ROOT, number, [], make.NOW)
    return builder.sign(make.ROOT_KEY, hashes.SHA384()).public_bytes(Encoding.DER)


def merge(directory: Path, **files: bytes) -> list[str]:
    plan = plan_merge(directory, {name.replace("__", "/").replace("_", "."): data for name, data in files.items()})
    plan.apply()
    return plan.paths()


def test_both_ends_become_equal_and_stay_so(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    merge(record, roots__r1_crt=ROOT_PEM, intermediates__ca1_crt=OLD, crls__r1_crl=crl(2))
    merge(host, roots__r1_crt=ROOT_PEM, intermediates__ca1_crt=NEW, crls__r1_crl=crl(1))
    plan_merge(host, read(record, requests=True)).apply()
    plan_merge(record, read(host, requests=False)).apply()
    assert read(record, requests=True) == read(host, requests=True)
    assert read(record, requests=True)["intermediates/ca1.crt"] == NEW
    assert not plan_merge(host, read(record, requests=True)).changed
    archive = [name for name in read(record, requests=True) if "archive" in name]
    assert [read(record, requests=True)[name] for name in archive] == [OLD]


def test_the_older_certificate_does_not_come_back(tmp_path: Path) -> None:
    merge(tmp_path, intermediates__ca1_crt=NEW)
    assert merge(tmp_path, intermediates__ca1_crt=OLD)[0].startswith("intermediates/archive/ca1-")
    assert (tmp_path / "intermediates/ca1.crt").read_bytes() == NEW


def test_what_one_end_has_replaced_does_not_come_back_whatever_the_clock_says(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    merge(record, intermediates__ca1_crt=NEW)
    merge(host, intermediates__ca1_crt=OLD)
    archive(host / "intermediates/ca1.crt", x509.load_pem_x509_certificate(NEW))
    plan_merge(record, read(host, requests=False)).apply()
    assert (record / "intermediates/ca1.crt").read_bytes() == OLD
    merge(host, intermediates__ca1_crt=NEW)
    assert (host / "intermediates/ca1.crt").read_bytes() == OLD


def test_a_lower_crl_number_does_not_come_back(tmp_path: Path) -> None:
    merge(tmp_path, crls__r1_crl=crl(2))
    assert merge(tmp_path, crls__r1_crl=crl(1)) == []
    assert merge(tmp_path, crls__r1_crl=crl(3)) == ["crls/r1.crl"]


def test_a_request_is_replaced(tmp_path: Path) -> None:
    one, two = (make.request(make.new_key()).public_bytes(Encoding.PEM) for _index in range(2))
    merge(tmp_path, requests__ca1_csr=one)
    assert merge(tmp_path, requests__ca1_csr=two) == ["requests/ca1.csr"]
    assert read(tmp_path, requests=False) == {}


def test_two_roots_of_one_name(tmp_path: Path) -> None:
    merge(tmp_path, roots__r1_crt=ROOT_PEM)
    with pytest.raises(TrustAnchorError, match="one certificate on the ceremony host and another in the record"):
        merge(tmp_path, roots__r1_crt=make.root().public_bytes(Encoding.PEM))


@pytest.mark.parametrize(
    "name",
    [
        "../x.crt",
        "roots/../../x.crt",
        "roots/.hidden.crt",
        "roots/a/b.crt",
        "secrets/a.crt",
        "roots/x.pem",
        "x.crt",
    ],
)
def test_no_other_place(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrustAnchorError, match="no place in the record"):
        plan_merge(tmp_path, {name: ROOT_PEM})


def test_no_private_key(tmp_path: Path) -> None:
    key = make.new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (key, ROOT_PEM + key):
        with pytest.raises(TrustAnchorError, match="PRIVATE KEY"):
            plan_merge(tmp_path, {"roots/r1.crt": data})


def test_certificates_are_read_whole(tmp_path: Path) -> None:
    merge(tmp_path, roots__r1_crt=ROOT_PEM)
    found = read(tmp_path, requests=True)
    assert x509.load_pem_x509_certificate(found["roots/r1.crt"]) == ROOT
