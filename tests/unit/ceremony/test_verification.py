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

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts import crl as crl_act
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts.root import RootAct
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session.context import AttestationFiles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import Transcript, head
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify import verification
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.history import (
    Anchors,
    parse_anchors,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.key_checks import (
    attestation_problems,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.people_checks import (
    agreement_problems,
    asking_problems,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.recorded import RecordedCeremony
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.verification import verify
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.modules import ceremony_verify
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from factories import ceremonies as factory
from factories import x509 as make
from factories.ceremony_host import CeremonyHost

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


LINKS = "each ceremony stands on the one before"


def failed(record: Path, name: str = "", anchors: Anchors | None = None) -> dict[str, str]:
    checks = verify(record, name, anchors=anchors)
    return {f"{one.ceremony} {one.check}".strip(): one.detail for one in checks if not one.ok}


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
    factory.list_roots(host.outputs)
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
        if (event["event"], event["data"].get("act")) == ("confirmed", "seal"):
            event["data"]["digest"] = head(log.records)
        log.append(event["event"], **event["data"])
    ceremony = object.__new__(factory.Ceremony)
    ceremony.directory, ceremony.log = record / place, log
    ceremony.plan = factory.parse_plan((record / place / "ceremony.yml").read_bytes(), "ceremony.yml")
    nowhere: Any = None
    ceremony.context = factory.CeremonyContext(
        ceremony.plan, nowhere, record, record, log, factory.Lint(None), make.NOW
    )
    ceremony.seal()


def event_of(events: list[dict[str, Any]], event: str, act: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one["data"] for one in reversed(events) if one["event"] == event and act in (None, one["data"].get("act"))
    )
    return found


def test_sealing_anew_is_seen_by_the_ceremony_after(record: Path) -> None:
    reseal(record, lambda events: None)
    assert list(failed(record)) == [LINKS]
    assert "another seal" in failed(record)[LINKS]


def heads(record: Path, name: str) -> tuple[str, str]:
    """Of the line before the closing, which the report has; and of the last."""
    lines = (record / "ceremonies" / name / "transcript.jsonl").read_bytes().splitlines()
    return factory.sha256(lines[-2]), factory.sha256(lines[-1])


def test_the_last_ceremony_is_held_by_an_anchor(record: Path) -> None:
    for expected in heads(record, "0003"):
        assert failed(record, anchors=Anchors(head=expected)) == {}
    older = failed(record, anchors=Anchors(head=heads(record, "0002")[0]))
    assert list(older) == ["the last ceremony is the expected one"]
    assert "of the ceremony 0002, and 0003 was held since" in older["the last ceremony is the expected one"]
    expected = heads(record, "0003")[0]
    shutil.rmtree(record / "ceremonies/0003")
    assert "the last ceremony is the expected one" in failed(record, anchors=Anchors(head=expected))


def test_an_anchor_is_about_the_whole_record(held: Path) -> None:
    with pytest.raises(TrustAnchorError, match="they are about the whole record"):
        verify(held, "0001", anchors=Anchors(head="0" * 64))
    assert parse_anchors("", ["AB:" * 31 + "ab"]) == Anchors(roots=frozenset({"ab" * 32}))
    with pytest.raises(TrustAnchorError, match="is not a SHA-256"):
        parse_anchors("0001", [])


def test_attestation_files_of_tokens_yml(tmp_path: Path) -> None:
    """They are relative to it, and those that are given go first."""
    root = {"file": "root.pem", "sha256": factory.sha256(b"root")}
    (tmp_path / "root.pem").write_bytes(b"root")
    tokens = {"version": 1, "tokens": {"primary": {"kind": "softhsm", "label": "x", "id": "02"}}}
    (tmp_path / "tokens.yml").write_text(json.dumps({**tokens, "attestation": {"roots": [root]}}))
    (tmp_path / "software.yml").write_text(json.dumps(tokens))
    none: dict[str, Any] = {"attestation_roots": [], "attestation_intermediates": [], "tokens": None}

    def files(**options: Any) -> AttestationFiles | None:
        found: AttestationFiles | None = ceremony_verify.attestation_files({**none, **options})
        return found

    assert files() is files(tokens=str(tmp_path / "software.yml")) is None
    assert files(tokens=str(tmp_path / "tokens.yml")) == AttestationFiles((b"root",))
    given = [{**root, "file": str(tmp_path / "root.pem")}]
    assert files(attestation_roots=given, tokens="/nowhere/tokens.yml") == AttestationFiles((b"root",))
    with pytest.raises(TrustAnchorError, match="/nowhere/tokens.yml does not exist"):
        files(tokens="/nowhere/tokens.yml")


def test_roots_are_held_by_an_anchor(record: Path) -> None:
    both = frozenset(factory.root_sha256(record, name) for name in ("r1", "s1"))
    assert failed(record, anchors=Anchors(roots=both)) == {}
    title = "the roots are the expected ones"
    one = frozenset({factory.root_sha256(record, "r1")})
    assert "roots/s1.crt" in failed(record, anchors=Anchors(roots=one))[title]
    assert "is not in roots/" in failed(record, anchors=Anchors(roots=both | {"0" * 64}))[title]
    trust = (record / "trust.yml").read_text()
    before, after = trust.rsplit("state: trusted", 1)
    (record / "trust.yml").write_text(f"{before}state: distrusted{after}")
    assert failed(record, anchors=Anchors(roots=one)) == {}


def no_previous(events: list[dict[str, Any]]) -> None:
    event_of(events, "opened").pop("previous")


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda r: shutil.rmtree(r / FIRST), "0002 follows the ceremony 0001, which the record does not have"),
        (lambda r: shutil.rmtree(r / SECOND), "0003 follows the ceremony 0002, which"),
        (lambda r: reseal(r, no_previous), "0001 does not say which ceremony was before it"),
        (lambda r: reseal(r, lambda e: set_data(e, "opened", None, previous=None), SECOND), "0001 and 0002 say that"),
        (lambda r: reseal(r, lambda e: set_data(e, "opened", None, title="x")), "0002 follows a ceremony 0001 with"),
        (lambda r: reseal(r, fork, "ceremonies/0003"), "0002 and 0003 both follow 0001"),
    ],
)
def test_ceremonies_are_chained(record: Path, tamper: Callable[[Path], object], message: str) -> None:
    tamper(record)
    assert message in failed(record)[LINKS]


def fork(events: list[dict[str, Any]]) -> None:
    event_of(events, "opened")["previous"]["ceremony"] = "0001"


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda r: (r / "trust.yml").unlink(), "trust.yml does not list roots/r1.crt"),
        (lambda r: flip(r / "trust.yml", b"name: s1", b"name: s2"), "lists the root 's2'"),
        (lambda r: flip(r / "trust.yml", b"roots:", b"garbage: ["), "is not the plain YAML"),
    ],
)
def test_the_trust_manifest(record: Path, tamper: Callable[[Path], object], message: str) -> None:
    tamper(record)
    assert message in failed(record)["the trust manifest lists the roots"]


def flip(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def other_root() -> bytes:
    key = factory.KEYS["r1"]
    profile = make.profiles.parse_root({"subject": "CN=Root R1", "unconstrained": True})
    start = dt.datetime(2026, 11, 10, 6, tzinfo=dt.UTC)
    builder = make.builders.root_builder(profile, key.public_key(), make.builders.Issuance.fresh(start))
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
            "CRL numbers rise, and nothing leaves a CRL",
        ),
        (lambda r: (r / "crls/r1.crl").unlink(), "CRL numbers rise, and nothing leaves a CRL"),
        (lambda r: (r / "intermediates/ca1.crt").rename(r / "intermediates/archive/ca1-x.crt"), "every signed file"),
        (lambda r: shutil.copy(r / "intermediates/ca1.crt", r / "roots/ca1.crt"), "every signed file is known"),
        (lambda r: (r / "roots/ca1.PEM").write_text("x"), "every signed file is known"),
        (lambda r: archived(r).rename(r / "intermediates/ca1.crt"), "every signed file is known"),
        (lambda r: archived(r).rename(r / "intermediates/archive/ca2-0.crt"), "every signed file is known"),
        (lambda r: shutil.rmtree(r / FIRST), "every signed file is known"),
    ],
)
def test_tampering_without_a_key(record: Path, tamper: Callable[[Path], object], check: str) -> None:
    tamper(record)
    assert any(name.startswith(check) for name in failed(record)), failed(record)


def archived(record: Path) -> Path:
    return next((record / "intermediates/archive").iterdir())


def by_another(events: list[dict[str, Any]], event: str, act: str | None = None) -> None:
    event_of(events, event, act)["by"][1]["name"] = "Mallory"


def set_data(events: list[dict[str, Any]], event: str, act: str | None, **changes: Any) -> None:
    event_of(events, event, act).update(changes)


def another_key(events: list[dict[str, Any]]) -> None:
    """On its token already: it needs the word of people as one that was made."""
    event_of(events, "key", "key:r1")["made"] = False
    without(events, "confirmed", act="key:r1")


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
        (lambda e: without(e, "inspected"), "0001 tokens were inspected"),
        (lambda e: set_data(e, "opened", None, unattended=True), "0001 people were asked"),
        (lambda e: e.insert(5, {**e[5], "event": "resumed", "data": {"unattended": True}}), "0001 people were asked"),
        (lambda e: e.insert(5, {**e[5], "event": "resumed", "data": {}}), "0001 people were asked"),
        (another_key, "0001 enough people confirmed"),
        (lambda e: set_data(e, "confirmed", "key:r1", asked={"key": "r1"}, digest="0"), "0001 people agreed to what"),
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
        ceremony.perform(changes.get(act.id.partition(":")[0], lambda same: same)(act))
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


def test_crl_number_of_another_ceremony(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held by a program that does not look at what was signed before."""
    factory.Ceremony(tmp_path, factory.first_plan(tmp_path)).hold()
    (tmp_path / "crls/r1.crl").unlink()
    monkeypatch.setattr(crl_act, "known_crls", lambda *_arguments: [])
    factory.Ceremony(tmp_path, factory.second_plan(tmp_path, number=1)).hold()
    detail = failed(tmp_path)["CRL numbers rise, and nothing leaves a CRL"]
    assert "went from 1 to 1 in 0002" in detail and "have two CRLs with the number 1" in detail


def test_a_ceremony_under_way(tmp_path: Path) -> None:
    ceremony = factory.Ceremony(tmp_path, factory.first_plan(tmp_path))
    ceremony.begin()
    found = failed(tmp_path)
    assert {"0001 the ceremony is closed", "0001 the seal holds", "0001 outputs are present"} <= set(found)


def test_attestation(record: Path) -> None:
    """The plan wants r1 attested; its transcript says what the changes say."""
    found = RecordedCeremony.load(record, "0001")
    keys = {**found.plan.keys, "r1": dataclasses.replace(found.plan.keys["r1"], attested=True)}
    plan = dataclasses.replace(found.plan, keys=keys)

    def recorded(**changes: Any) -> RecordedCeremony:
        records = [
            dataclasses.replace(one, data={**one.data, **changes}) if one.data.get("act") == "key:r1" else one
            for one in found.records
        ]
        return dataclasses.replace(found, plan=plan, records=tuple(records))

    none = ["key 'r1' is not attested, and the plan wants it to be"]
    said = {"attestation": {"serial": "11111111"}}
    chain = other_root() + (record / "roots/r1.crt").read_bytes()
    assert list(attestation_problems(found, None)) == []
    assert list(attestation_problems(recorded(), None)) == none
    assert list(attestation_problems(recorded(**said), None)) == none
    attested = recorded(**said, attestation_chain=chain.decode())
    assert list(attestation_problems(attested, None)) == []
    with pytest.raises(TrustAnchorError):
        list(attestation_problems(attested, AttestationFiles((chain,))))


def test_the_head_that_people_agreed_to(record: Path) -> None:
    found = RecordedCeremony.load(record, "0001")
    place = next(n for n, one in enumerate(found.records) if one.data.get("act") == "seal")

    def problems(*between: str, digest: str = head(found.records[:place])) -> list[str]:
        more = [dataclasses.replace(found.records[place], event=event) for event in between]
        seal = dataclasses.replace(found.records[place], data={"act": "seal", "digest": digest})
        records = (*found.records[:place], *more, seal, *found.records[place + 1 :])
        return list(agreement_problems(dataclasses.replace(found, records=records)))

    assert problems() == problems("token") == []
    for wrong in (problems("failed"), problems("token", "written"), problems(digest="")):
        assert wrong == ["people agreed to the seal of a transcript other than this one up to there"]


def test_a_ceremony_without_its_root_has_no_seal(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ["root:r1"])
    host.plan["pkilint"] = "optional"
    host.take("first", [], attended=False)
    host.abandon = True
    host.hold()
    (host.ceremony_directory / "ceremony.yml").write_bytes(host.material().plan)
    assert not (host.ceremony_directory / "transcript.p7s").exists()
    assert failed(tmp_path) == {}


def test_a_seal_is_not_talked_away(record: Path) -> None:
    reseal(record, lambda e: set_data(e, "closed", None, unsealed=True, abandoned=True), "ceremonies/0003")
    (record / "ceremonies/0003/transcript.p7s").unlink()
    assert "0003 the seal holds" in failed(record)


def test_nobody_was_asked(tmp_path: Path) -> None:
    """A plan that says so is not a fault; the same run with another plan is."""
    ceremony = factory.Ceremony(tmp_path, factory.first_plan(tmp_path)).hold()
    reseal(tmp_path, lambda e: set_data(e, "opened", None, unattended=True))
    assert list(failed(tmp_path)) == ["0001 people were asked"]
    found = dataclasses.replace(
        RecordedCeremony.load(tmp_path, "0001"), plan=dataclasses.replace(ceremony.plan, unattended=True)
    )
    assert list(asking_problems(found)) == []


def linters(record: Path) -> tuple[bool, str]:
    check = next(one for one in verify(record) if one.check == "intermediate:ca1: linters")
    return check.ok, check.detail


def test_linters_look_again(tmp_path: Path) -> None:
    """Those of the ceremony must agree today; what later ones find is reported."""
    record = held_otherwise(tmp_path, root=free)
    ok, detail = linters(record)
    assert not ok and "has name constraints" in detail
    older = ["trustanchor.private_ca 0.9.0", "pkilint 0.1"]
    reseal(record, lambda e: set_data(e, "draft", "intermediate:ca1", lint=older))
    ok, detail = linters(record)
    assert ok and "has name constraints" in detail
    assert "at the ceremony: trustanchor.private_ca 0.9.0, pkilint 0.1" in detail


def test_what_was_found(record: Path) -> None:
    """The last ceremony finds what it wrote itself: then no ceremony before it did."""

    def found(events: list[dict[str, Any]]) -> None:
        next(one for one in events if one["event"] == "written")["event"] = "found"

    reseal(record, found, "ceremonies/0003")
    title = "what was found was written before"
    assert failed(record)[title] == "0003 found intermediates/ca1.crt, which no ceremony before it wrote"


def test_what_left_a_crl(record: Path) -> None:
    key = factory.KEYS["r1"]
    root = make.x509.load_pem_x509_certificate((record / "roots/r1.crt").read_bytes())
    entry = make.builders.Revoked(0xAB12, make.x509.ReasonFlags.superseded, make.NOW)
    profile = make.profiles.CrlProfile(365)
    crl = make.builders.crl_builder(profile, root, 0, [entry], make.NOW).sign(key, hashes.SHA384())
    (record / "crls/archive/r1-0.crl").write_bytes(crl.public_bytes(Encoding.DER))
    detail = failed(record)["CRL numbers rise, and nothing leaves a CRL"]
    assert "crls/archive/r1-0.crl revokes ab12, " in detail and "with number 1 does not" in detail


def test_a_clock_that_goes_back_is_told(record: Path) -> None:
    def back(events: list[dict[str, Any]]) -> None:
        events[-1]["time"] = "2026-11-22T06:30:00Z"

    reseal(record, back, "ceremonies/0003")
    assert failed(record) == {}
    told = next(one for one in verify(record, "0003") if one.check == "the clock went on")
    assert told.ok and "went back from 2026-11-22T07:00:00Z to 2026-11-22T06:30:00Z at 'closed'" in told.detail


def test_the_command_in_the_report(record: Path) -> None:
    text = (record / FIRST / "report.md").read_text()
    command = next(line for line in text.splitlines() if line.startswith("    openssl"))
    place = record / FIRST
    assert subprocess.run(command.split(), cwd=place, capture_output=True, check=False).returncode == 0
    flip(place / "transcript.jsonl", b"Ada", b"Eve")
    assert subprocess.run(command.split(), cwd=place, capture_output=True, check=False).returncode != 0
