# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A record held by the rules passes; each way to tamper with it is named by the check that should catch it."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.attestation import AttestationFiles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.history import (
    Anchors,
    parse_anchors,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.verification import verify
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import pkilint
from ansible_collections.trustanchor.private_ca.plugins.modules import ceremony_verify
from factories import ceremonies as factory
from factories.ceremony_host import CeremonyHost
from factories.tampering import FIRST, SECOND, event_of, failed, flip, other_root, reseal, set_data

pytestmark = pytest.mark.usefixtures("without_pkilint")
PKILINT = pkilint.version
LINKS = "each ceremony stands on the one before"


def test_what_was_held_by_the_rules_holds(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pkilint, "version", PKILINT)
    checks = verify(held)
    assert [one.as_dict() for one in checks if not one.ok] == []
    assert {one.ceremony for one in checks} == {"0001", "0002", "0003", ""}
    assert "root:r1: signed as planned" in {one.check for one in checks}
    assert failed(held, "0002") == {}


@pytest.mark.parametrize("rehearsal", [False, True])
def test_what_the_program_holds_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rehearsal: bool) -> None:
    """The program drafts what it signs, these checks build it again from the record: each is a test of the other."""
    monkeypatch.setattr(pkilint, "version", PKILINT)
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
