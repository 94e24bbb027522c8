# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.exchange import IN, OUT, plan_merge, read
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.seal import seal
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind, Transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, profiles
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from factories import pki
from factories.pki import profiled as make

ROOT = make.root()
OLD = make.intermediate(ROOT, make.new_key()).public_bytes(Encoding.PEM)
NEW = make.intermediate(ROOT, make.new_key(), pki.FIXED_NOW + dt.timedelta(days=1)).public_bytes(Encoding.PEM)
ROOT_PEM = ROOT.public_bytes(Encoding.PEM)


def crl(number: int) -> bytes:
    builder = builders.crl_builder(profiles.CrlProfile(), ROOT, number, [], pki.FIXED_NOW)
    return builder.sign(make.ROOT_KEY, hashes.SHA384()).public_bytes(Encoding.DER)


def merge(directory: Path, **files: bytes) -> list[str]:
    plan = plan_merge(directory, {name.replace("__", "/").replace("_", "."): data for name, data in files.items()})
    plan.apply()
    return plan.paths()


def test_both_ends_become_equal_and_stay_so(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    merge(record, roots__r1_crt=ROOT_PEM, intermediates__ca1_crt=OLD, crls__r1_crl=crl(2))
    merge(host, roots__r1_crt=ROOT_PEM, intermediates__ca1_crt=NEW, crls__r1_crl=crl(1))
    plan_merge(host, read(record, IN)).apply()
    plan_merge(record, read(host, OUT)).apply()
    assert read(record, IN) == read(host, IN)
    assert read(record, IN)["intermediates/ca1.crt"] == NEW
    assert not plan_merge(host, read(record, IN)).changed
    archive = [name for name in read(record, IN) if "intermediates/archive" in name]
    assert [read(record, IN)[name] for name in archive] == [OLD]


def test_the_older_certificate_does_not_come_back(tmp_path: Path) -> None:
    merge(tmp_path, intermediates__ca1_crt=NEW)
    assert merge(tmp_path, intermediates__ca1_crt=OLD)[0].startswith("intermediates/archive/ca1-")
    assert (tmp_path / "intermediates/ca1.crt").read_bytes() == NEW


def test_what_one_end_has_replaced_does_not_come_back_whatever_the_clock_says(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    merge(record, intermediates__ca1_crt=NEW)
    merge(host, intermediates__ca1_crt=OLD)
    replaced = hashlib.sha256(x509.load_pem_x509_certificate(NEW).public_bytes(Encoding.DER)).hexdigest()[:16]
    (host / "intermediates/archive").mkdir()
    (host / f"intermediates/archive/ca1-{replaced}.crt").write_bytes(NEW)
    plan_merge(record, read(host, OUT)).apply()
    assert (record / "intermediates/ca1.crt").read_bytes() == OLD
    merge(host, intermediates__ca1_crt=NEW)
    assert (host / "intermediates/ca1.crt").read_bytes() == OLD


def test_a_lower_crl_number_does_not_come_back(tmp_path: Path) -> None:
    merge(tmp_path, crls__r1_crl=crl(2))
    first, second = crl(1), (tmp_path / "crls/r1.crl").read_bytes()
    assert merge(tmp_path, crls__r1_crl=first) == ["crls/archive/r1-1.crl"]
    assert (tmp_path / "crls/r1.crl").read_bytes() == second
    assert merge(tmp_path, crls__r1_crl=crl(3)) == ["crls/archive/r1-2.crl", "crls/r1.crl"]
    assert [(tmp_path / f"crls/archive/r1-{number}.crl").read_bytes() for number in (1, 2)] == [first, second]


def test_a_request_is_replaced(tmp_path: Path) -> None:
    one, two = (make.request(make.new_key()).public_bytes(Encoding.PEM) for _index in range(2))
    merge(tmp_path, requests__ca1_csr=one)
    assert merge(tmp_path, requests__ca1_csr=two) == ["requests/ca1.csr"]
    assert read(tmp_path, OUT) == {}


def test_two_roots_of_one_name(tmp_path: Path) -> None:
    merge(tmp_path, roots__r1_crt=ROOT_PEM)
    with pytest.raises(TrustAnchorError, match="one certificate on the ceremony host and another in the record"):
        merge(tmp_path, roots__r1_crt=make.root().public_bytes(Encoding.PEM))


@pytest.mark.parametrize(
    "name",
    [
        "ceremonies/0001/notes.md",
        "ceremonies/0001/.transcript.p7s",
        "ceremonies/../transcript.jsonl",
        "ceremonies/transcript.jsonl",
        "rehearsals/0001/requests/ca1.csr",
        "rehearsals/0001/rehearsals/0001/roots/r1.crt",
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
    found = read(tmp_path, IN)
    assert x509.load_pem_x509_certificate(found["roots/r1.crt"]) == ROOT


PLAN = b"""version: 1
name: "0001"
window: {start: "2026-11-24T06:00:00Z", end: "2026-11-25T06:00:00Z"}
people: [{name: Ada, role: operator}, {name: Grace, role: witness}]
sealed_by: r1
keys: {r1: {tokens: [one], algorithm: ec-p384}}
acts: [{act: root, name: r1, subject: "CN=R1", days: 7305, unconstrained: true}]
"""
PLACE = "ceremonies/0001"


def begun(directory: Path, *events: str, plan: bytes = PLAN) -> Path:
    log = Transcript.open(directory / PLACE / "transcript.jsonl", lambda: pki.FIXED_NOW)
    log.append(EventKind.OPENED, plan_sha256=hashlib.sha256(plan).hexdigest())
    for event in events:
        log.append(EventKind(event))
    return log.path


def put(directory: Path, name: str, data: bytes) -> None:
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data)


def carry(source: Path, target: Path, way: str) -> list[str]:
    plan = plan_merge(target, read(source, way))
    plan.apply()
    return plan.paths()


def test_a_ceremony_goes_in_and_comes_out(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    put(record, f"{PLACE}/ceremony.yml", PLAN)
    put(record, f"{PLACE}/notes.txt", b"of the people")
    assert carry(record, host, IN) == [f"{PLACE}/ceremony.yml"]
    put(host, f"{PLACE}/.transcript.p7s", b"half a seal")
    path = begun(host, "draft")
    put(host, f"{PLACE}/transcript.p7s", seal(path.read_bytes(), ROOT, make.ROOT_KEY))
    put(host, f"{PLACE}/report.md", b"# Report\n")
    put(host, f"{PLACE}/report.html", b"<!doctype html>\n")
    put(host, "attestations/r1.pem", ROOT_PEM + OLD)
    put(host, "cross/s1-by-r1.crt", OLD)
    put(host, "signers/m1.crt", NEW)
    put(host, "rehearsals/0001/roots/r1.crt", ROOT_PEM)
    put(host, "softhsm/tokens/x", b"a key")
    out = [
        "attestations/r1.pem",
        f"{PLACE}/report.html",
        f"{PLACE}/report.md",
        f"{PLACE}/transcript.jsonl",
        f"{PLACE}/transcript.p7s",
        "cross/s1-by-r1.crt",
        "rehearsals/0001/roots/r1.crt",
        "signers/m1.crt",
    ]
    assert carry(host, record, OUT) == out
    assert carry(host, record, OUT) == carry(record, host, IN) == []


def test_another_machine_goes_on(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    path = begun(record, "draft")
    assert carry(record, host, IN) == [f"{PLACE}/transcript.jsonl"]
    log = Transcript.open(host / PLACE / "transcript.jsonl")
    log.append(EventKind.SIGNED)
    assert carry(record, host, IN) == []
    assert carry(host, record, OUT) == [f"{PLACE}/transcript.jsonl"]
    assert Transcript.open(path).events == log.events


def test_a_torn_line_is_not_carried(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    path = begun(host)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"data"')
    carry(host, record, OUT)
    assert (record / PLACE / "transcript.jsonl").read_bytes() == whole
    path.write_bytes(b'{"data"')
    assert read(host, OUT) == {}


def test_two_transcripts_of_one_ceremony(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    begun(record, "draft"), begun(host, "signed")
    for source, target, way in ((record, host, IN), (host, record, OUT)):
        with pytest.raises(TrustAnchorError, match="tampered"):
            carry(source, target, way)


def test_a_plan_changes_until_its_ceremony_begins(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    put(record, f"{PLACE}/ceremony.yml", PLAN)
    carry(record, host, IN)
    put(record, f"{PLACE}/ceremony.yml", PLAN + b"# better\n")
    assert carry(record, host, IN) == [f"{PLACE}/ceremony.yml"]
    begun(host, plan=PLAN + b"# better\n")
    put(record, f"{PLACE}/ceremony.yml", PLAN + b"# too late\n")
    with pytest.raises(TrustAnchorError, match="changed after its ceremony had begun"):
        carry(record, host, IN)
    put(host, f"{PLACE}/ceremony.yml", PLAN)  # what was confirmed comes back
    put(record, f"{PLACE}/ceremony.yml", PLAN + b"# better\n")
    assert carry(record, host, IN) == [f"{PLACE}/ceremony.yml"]


def test_a_report_goes_with_its_transcript(tmp_path: Path) -> None:
    record, host = tmp_path / "record", tmp_path / "host"
    begun(record, "draft"), begun(host)
    put(record, f"{PLACE}/report.md", b"new\n")
    put(host, f"{PLACE}/report.md", b"old\n")
    assert carry(host, record, OUT) == []
    carry(record, host, IN)
    assert carry(host, record, OUT) == [f"{PLACE}/report.md"]


@pytest.mark.parametrize("name", [f"{PLACE}/transcript.p7s", "attestations/r1.pem", "crls/archive/r1-1.crl"])
def test_what_exists_once(tmp_path: Path, name: str) -> None:
    made = {"p7s": lambda: seal(b"x", ROOT, make.ROOT_KEY), "crl": lambda: crl(1), "pem": make_root_pem}
    put(tmp_path, name, made[name[-3:]]())
    with pytest.raises(TrustAnchorError, match="one thing on the ceremony host and another"):
        plan_merge(tmp_path, {name: made[name[-3:]]()})


def make_root_pem() -> bytes:
    return make.root().public_bytes(Encoding.PEM)


def test_the_last_rehearsal_counts(tmp_path: Path) -> None:
    put(tmp_path, "rehearsals/0001/roots/r1.crt", ROOT_PEM)
    assert plan_merge(tmp_path, {"rehearsals/0001/roots/r1.crt": make_root_pem()}).changed


@pytest.mark.parametrize("name", ["report.md", "report.html", "transcript.jsonl", "transcript.p7s", "ceremony.yml"])
def test_no_private_key_among_the_papers(tmp_path: Path, name: str) -> None:
    key = make.new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(TrustAnchorError):
        plan_merge(tmp_path, {f"{PLACE}/{name}": b"text\n" + key})
