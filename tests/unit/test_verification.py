# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A record held by the rules passes; each way to tamper with it is named by the check that should catch it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ceremony_factory as factory
import pytest
import x509_factory as make
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import verification
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.evidence import Evidence
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.key_evidence import key_problems
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan import InspectAct, RootAct
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.stage import AttestationFiles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import Record, Transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verification import verify
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ceremony_host import CeremonyHost
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

PKILINT = verification.pkilint.version
FIRST, SECOND = "ceremonies/0001", "ceremonies/0002"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = tmp_path_factory.mktemp("pki")
    factory.hold_all(record)
    return record


@pytest.fixture
def record(held: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(held, tmp_path / "pki"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pkilint: it is the slow part."""
    monkeypatch.setattr(verification.pkilint, "version", lambda: None)


def failed(record: Path, name: str = "") -> dict[str, str]:
    return {f"{one.ceremony} {one.check}".strip(): one.detail for one in verify(record, name) if not one.ok}


def test_what_was_held_by_the_rules_holds(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification.pkilint, "version", PKILINT)
    checks = verify(held)
    assert [one.as_dict() for one in checks if not one.ok] == []
    assert {one.ceremony for one in checks} == {"0001", "0002", "0003", ""}
    assert "root:r1: signed as planned" in {one.check for one in checks}
    assert failed(held, "0002") == {}


@pytest.mark.parametrize("rehearsal", [False, True])
def test_what_the_program_holds_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rehearsal: bool) -> None:
    """The program and these checks read the plan each in its own way, so each is a test of the other."""
    monkeypatch.setattr(verification.pkilint, "version", PKILINT)
    host = CeremonyHost(tmp_path)
    host.rehearsal = rehearsal
    host.hold()
    plan = tmp_path / "ceremonies" / host.plan["name"] / "ceremony.yml"
    plan.parent.mkdir(parents=True, exist_ok=True)
    plan.write_bytes(host.material().plan)
    assert failed(host.outputs) == {}


def test_nothing_is_written(held: Path) -> None:
    before = {path: path.read_bytes() for path in held.rglob("*") if path.is_file()}
    verify(held)
    assert {path: path.read_bytes() for path in held.rglob("*") if path.is_file()} == before


def test_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match="no transcript"):
        verify(tmp_path)
    assert not verify(tmp_path, "0001")[0].ok


def reseal(record: Path, change: Callable[[list[dict[str, Any]]], None], place: str = FIRST) -> None:
    """Change a transcript as somebody would who has the root's key: chain, seal and reports are right again."""
    path = record / place / "transcript.jsonl"
    events = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(events)
    path.unlink()
    log = Transcript.open(path)
    for event in events:
        log._clock = lambda time=event["time"]: dt.datetime.fromisoformat(time)  # type: ignore[misc]
        log.append(event["event"], **event["data"])
    ceremony = object.__new__(factory.Ceremony)
    ceremony.place, ceremony.log = record / place, log
    ceremony.plan = factory.parse_plan((record / place / "ceremony.yml").read_bytes(), "ceremony.yml")
    nowhere: Any = None
    ceremony.stage = factory.Stage(ceremony.plan, nowhere, record, record, log, factory.Lint(None), make.NOW)
    ceremony.seal()


def event_of(events: list[dict[str, Any]], event: str, act: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one["data"] for one in reversed(events) if one["event"] == event and act in (None, one["data"].get("act"))
    )
    return found


def test_sealing_anew_alone_is_no_fault(record: Path) -> None:
    reseal(record, lambda events: None)
    assert failed(record) == {}


def flip(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def other_root() -> bytes:
    key = factory.KEYS["r1"]
    profile = make.profiles.parse_root({"subject": "CN=Root R1", "unconstrained": True})
    start = dt.datetime(2026, 11, 10, 6, tzinfo=dt.UTC)
    builder = make.builders.root_builder(profile, key.public_key(), make.builders.Moment.fresh(start))
    return builder.sign(key, hashes.SHA384()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("tamper", "check"),
    [
        (lambda r: flip(r / FIRST / "transcript.jsonl", b"Ada", b"Eve"), "0001 transcript and plan can be read"),
        (lambda r: flip(r / FIRST / "ceremony.yml", b'"days": 7305', b'"days": 7000'), "0001 the plan is the confirm"),
        (lambda r: flip(r / FIRST / "ceremony.yml", b'"days"', b'"dayz"'), "0001 transcript and plan can be read"),
        (lambda r: (r / FIRST / "ceremony.yml").unlink(), "0001 transcript and plan can be read"),
        (lambda r: (r / FIRST / "transcript.p7s").unlink(), "0001 the seal holds"),
        (
            lambda r: shutil.copy(r / SECOND / "transcript.p7s", r / FIRST / "transcript.p7s"),
            "0001 the seal holds",
        ),
        (lambda r: (r / "intermediates/ca1.crt").unlink(), "0003 outputs are present"),
        (lambda r: (r / "signers/m1.crt").unlink(), "0001 outputs are present"),
        (lambda r: next((r / "crls/archive").iterdir()).unlink(), "0001 outputs are present"),
        (lambda r: flip(r / "crls/r1.crl", b"\x02\x01\x02", b"\x02\x01\x03"), "0002 outputs are present"),
        (lambda r: (r / "roots/r1.crt").write_bytes(other_root()), "0002 crl:r1: signed as planned"),
        (lambda r: flip(r / FIRST / "report.md", b"Grace", b"Mallory"), "0001 the report is that"),
        (lambda r: (r / FIRST / "report.html").unlink(), "0001 the report is that"),
        (lambda r: (r / "roots/r9.crt").write_bytes(other_root()), "every signed file is known"),
        (
            lambda r: shutil.copy(next((r / "crls/archive").iterdir()), r / "crls/r1.crl"),
            "CRL numbers rise",
        ),
        (lambda r: shutil.rmtree(r / FIRST), "every signed file is known"),
    ],
)
def test_tampering_without_a_key(record: Path, tamper: Callable[[Path], object], check: str) -> None:
    tamper(record)
    assert any(name.startswith(check) for name in failed(record)), failed(record)


def by_another(events: list[dict[str, Any]], event: str, act: str | None = None) -> None:
    event_of(events, event, act)["by"][1]["name"] = "Mallory"


def set_data(events: list[dict[str, Any]], event: str, act: str | None, **changes: Any) -> None:
    event_of(events, event, act).update(changes)


def late(events: list[dict[str, Any]]) -> None:
    for event in events:
        event["time"] = "2026-12-24T06:00:00Z"


def early(events: list[dict[str, Any]]) -> None:
    events[-1]["time"] = "2026-11-10T05:59:59Z"


def without(events: list[dict[str, Any]], *names: str, act: str | None = None) -> None:
    events[:] = [one for one in events if not (one["event"] in names and act in (None, one["data"].get("act")))]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda e: by_another(e, "plan_confirmed"), "0001 enough people confirmed"),
        (lambda e: by_another(e, "confirmed", "root:r1"), "0001 enough people confirmed"),
        (lambda e: by_another(e, "confirmed", "key:s1"), "0001 enough people confirmed"),
        (lambda e: by_another(e, "confirmed", "seal"), "0001 enough people confirmed"),
        (lambda e: event_of(e, "confirmed", "root:r1")["by"].pop(), "0001 enough people confirmed"),
        (lambda e: without(e, "confirmed", act="cross:s1-by-r1"), "0001 enough people confirmed"),
        (lambda e: without(e, "plan_confirmed"), "0001 the plan is the confirmed one"),
        (lambda e: set_data(e, "opened", None, plan_sha256="0" * 64), "0001 the plan is the confirmed one"),
        (lambda e: set_data(e, "opened", None, ceremony="0002"), "0001 the plan is the confirmed one"),
        (lambda e: set_data(e, "opened", None, rehearsal=True), "0001 the plan is the confirmed one"),
        (lambda e: without(e, "closed"), "0001 the ceremony is closed"),
        (lambda e: event_of(e, "closed")["outputs"].pop(), "0001 the ceremony is closed"),
        (lambda e: set_data(e, "closed", None, signatures=99), "0001 the ceremony is closed"),
        (late, "0001 time is inside the window"),
        (early, "0001 time is inside the window"),
        (lambda e: set_data(e, "key", "key:r1", origin="imported"), "0001 keys are as planned"),
        (lambda e: set_data(e, "key", "key:r1", touch_policy="never"), "0001 keys are as planned"),
        (lambda e: set_data(e, "key", "key:r1", public_key_sha256="0" * 64), "0001 keys are as planned"),
        (lambda e: without(e, "key", act="key:s1"), "0001 keys are as planned"),
        (lambda e: set_data(e, "draft", "intermediate:ca1", tbs_sha256="0" * 64), "0001 intermediate:ca1: signed as c"),
        (lambda e: set_data(e, "confirmed", "root:s1", tbs_sha256="0" * 64), "0001 root:s1: signed as confirmed"),
        (lambda e: set_data(e, "signed", "crl:s1", tbs_sha256="0" * 64), "0001 crl:s1: signed as confirmed"),
        (
            lambda e: set_data(e, "signed", "root:r1", der=base64.b64encode(b"other").decode()),
            "0001 root:r1: signed as confirmed",
        ),
        (lambda e: without(e, "signed", act="root:r1"), "0001 root:r1: signed as confirmed"),
        (lambda e: without(e, "written", act="manifest_signer:m1"), "0001 outputs are present"),
        (lambda e: set_data(e, "written", "root:s1", path="roots/s2.crt"), "0001 outputs are present"),
        (lambda e: set_data(e, "confirmed", "root:r1", by="all of them"), "0001 enough people confirmed"),
        (lambda e: set_data(e, "closed", None, outputs=7), "0001 the ceremony is closed"),
    ],
)
def test_a_false_transcript_with_a_good_seal(
    record: Path, change: Callable[[list[dict[str, Any]]], object], check: str
) -> None:
    def changed(events: list[dict[str, Any]]) -> None:
        change(events)

    with contextlib.suppress(TypeError, AttributeError):  # no report can be made of it; the checks say so, too
        reseal(record, changed)
    assert any(name.startswith(check) for name in failed(record)), failed(record)


def held_otherwise(tmp_path: Path, **changes: Callable[[Any], Any]) -> Path:
    """A ceremony by people who hold the keys and depart from the plan in one act."""
    ceremony = factory.Ceremony(tmp_path, factory.first_plan(tmp_path))
    ceremony.begin()
    for act in ceremony.plan.acts:
        if not isinstance(act, InspectAct):
            ceremony.sign(changes.get(act.id.partition(":")[0], lambda same: same)(act))
    ceremony.close()
    return tmp_path


def longer(act: Any) -> Any:
    return dataclasses.replace(act, profile=dataclasses.replace(act.profile, days=act.profile.days + 1))


def later(act: Any) -> Any:
    return dataclasses.replace(act, not_before=act.not_before + dt.timedelta(hours=1))


def free(act: Any) -> Any:
    assert isinstance(act, RootAct)
    return dataclasses.replace(act, profile=dataclasses.replace(act.profile, constraints=None))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("root", free),
        ("intermediate", longer),
        ("intermediate", later),
        ("cross", longer),
        ("manifest_signer", later),
        ("crl", lambda act: dataclasses.replace(act, number=9)),
    ],
)
def test_signed_otherwise_than_planned(tmp_path: Path, kind: str, change: Callable[[Any], Any]) -> None:
    found = failed(held_otherwise(tmp_path, **{kind: change}))
    wrong = [name for name in found if name.endswith("signed as planned")]
    assert wrong and all(f" {kind}:" in name for name in wrong)


def test_another_key_than_the_reviewed_request(tmp_path: Path) -> None:
    """Signed from another request; then the reviewed one is put back."""

    def swapped(act: Any) -> Any:
        nonlocal reviewed
        reviewed = (tmp_path / act.request).read_bytes()
        return dataclasses.replace(act, request_sha256=factory.request(tmp_path, "ca1", factory.NEXT_CA_KEY, "CN=CA 1"))

    reviewed = b""
    held_otherwise(tmp_path, intermediate=swapped)
    assert failed(tmp_path) == {}  # another request stands there: nobody can say any more
    (tmp_path / "requests/ca1.csr").write_bytes(reviewed)
    assert list(failed(tmp_path)) == ["0001 intermediate:ca1: signed as planned"]


def test_crl_number_of_another_ceremony(tmp_path: Path) -> None:
    factory.Ceremony(tmp_path, factory.first_plan(tmp_path)).hold()
    ceremony = factory.Ceremony(tmp_path, factory.second_plan(tmp_path, number=1))
    (tmp_path / "crls/r1.crl").unlink()
    ceremony.hold()
    assert "CRL numbers rise" in failed(tmp_path)


def test_a_ceremony_under_way(tmp_path: Path) -> None:
    ceremony = factory.Ceremony(tmp_path, factory.first_plan(tmp_path))
    ceremony.begin()
    found = failed(tmp_path)
    assert {"0001 the ceremony is closed", "0001 the seal holds", "0001 outputs are present"} <= set(found)


def evidence(record: Path, **changes: Any) -> Evidence:
    """The first ceremony as if its key r1 had been made on a YubiKey."""
    found = Evidence.load(record, "0001")
    token = Record(0, "", "", "token", {"token": "token-r1", "kind": "yubikey"})
    records = [
        dataclasses.replace(one, data={**one.data, **changes}) if one.data.get("act") == "key:r1" else one
        for one in found.records
    ]
    return dataclasses.replace(found, records=(token, *records))


def test_attestation(record: Path) -> None:
    assert list(key_problems(evidence(record), None)) == ["key 'r1' was made on a YubiKey and is not attested"]
    said = {"attestation": {"serial": "11111111"}}
    assert len(list(key_problems(evidence(record, **said), None))) == 1
    chain = other_root() + (record / "roots/r1.crt").read_bytes()
    attested = evidence(record, **said, attestation_chain=chain.decode())
    assert list(key_problems(attested, None)) == []
    with pytest.raises(TrustAnchorError):
        list(key_problems(attested, AttestationFiles((chain,))))


def test_linters_look_again(tmp_path: Path) -> None:
    found = failed(held_otherwise(tmp_path, root=free))
    assert "has name constraints" in found["0001 intermediate:ca1: linters"]


def test_the_command_in_the_report(record: Path) -> None:
    text = (record / FIRST / "report.md").read_text()
    command = next(line for line in text.splitlines() if line.startswith("    openssl"))
    place = record / FIRST
    assert subprocess.run(command.split(), cwd=place, capture_output=True, check=False).returncode == 0
    flip(place / "transcript.jsonl", b"Ada", b"Eve")
    assert subprocess.run(command.split(), cwd=place, capture_output=True, check=False).returncode != 0
