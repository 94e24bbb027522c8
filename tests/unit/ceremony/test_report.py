# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import datetime as dt
import html.parser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import report
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import parse_plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.model import Plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind, Transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.journal.chain import head
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.words import words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PLAN = b"""
version: 1
name: "0001"
title: First roots
window: {start: "2026-11-24T06:00:00Z", end: "2026-11-25T06:00:00Z"}
people:
  - {name: Ada Lovelace, role: operator}
  - {name: Grace Hopper, role: witness}
sealed_by: r1
keys:
  r1: {tokens: [one, two], algorithm: ec-p384, origin: imported, pin_policy: always, touch_policy: always}
acts:
  - {act: inspect, token: one}
  - {act: root, name: r1, subject: "CN=Root R1", days: 7305, unconstrained: true}
  - {act: crl, issuer: r1, number: 1, days: 365}
"""
BY = [{"name": "Ada Lovelace", "role": "operator", "how": "typed"}, {"name": "Grace Hopper", "role": "witness"}]
DIGESTS = {name: (name * 32)[:64] for name in ("a1", "b2", "c3", "d4", "e5")}
HOSTILE = "</pre><script>alert(1)</script> | `x` **b** [l](http://e) # \u202e\x1b[31m\n---\n<!--"


@pytest.fixture
def plan() -> Plan:
    return parse_plan(PLAN, "ceremony.yml")


def transcript(path: Path, plan: Plan, text: str = "plain", close: bool = True, **opened: Any) -> Transcript:
    log = Transcript.open(path, lambda: dt.datetime(2026, 11, 24, 7, tzinfo=dt.UTC))
    people = [dataclasses.asdict(person) for person in plan.people]
    log.append(
        EventKind.OPENED, ceremony="0001", plan_sha256=plan.sha256, people=people, software={"python": text}, **opened
    )
    log.append(EventKind.CLOCK, time="2026-11-24T07:00:00Z", window_start="a", window_end="b")
    log.append(EventKind.PLAN_CONFIRMED, plan_sha256=plan.sha256, by=BY)
    token = {
        "kind": "yubikey",
        "token": "one",
        "serial": "11111111",
        "firmware": "5.7.1",
        "nested": {"a": [text, None]},
    }
    log.append(EventKind.TOKEN, **token)  # pylint: disable=kwarg-superseded-by-positional-arg
    log.append(
        EventKind.KEY, act="key:r1", key="r1", origin="imported", public_key="QUJD", public_key_sha256=DIGESTS["a1"]
    )
    log.append(EventKind.CONFIRMED, act="key:r1", by=[{"name": text, "role": "witness", "how": "key"}])
    log.append(EventKind.INSPECTED, act="inspect:one", facts={"pin_retries": 3, text: True})
    log.append(EventKind.DRAFT, act="root:r1", what=text, serial="5f", tbs_sha256=DIGESTS["b2"], facts={}, lint=[])
    log.append(EventKind.CONFIRMED, act="root:r1", tbs_sha256=DIGESTS["b2"], by=[{"name": text, "role": "witness"}])
    log.append(EventKind.FAILED, act="root:r1", error=text)
    log.append(EventKind.SIGNED, act="root:r1", tbs_sha256=DIGESTS["b2"], der="U0VDUkVU", token_serial="11111111")
    log.append(
        EventKind.WRITTEN, act="root:r1", path="roots/r1.crt", sha256=DIGESTS["d4"], facts={"sha256": DIGESTS["c3"]}
    )
    log.append(EventKind.WRITTEN, act="crl:r1", path="crls/r1.crl", sha256=DIGESTS["e5"], facts={"number": 1})
    log.append(EventKind.CONFIRMED, act="seal", digest=DIGESTS["a1"], by=BY)
    if close:
        log.append(EventKind.CLOSED, outputs=[{"path": "roots/r1.crt", "sha256": DIGESTS["d4"]}], signatures=1)
    return log


def both(log: Transcript, plan: Plan) -> tuple[str, str]:
    events, closing = (log.events[:-1], log.events[-1].data) if log.closed else (log.events, None)
    return report.markdown(events, plan, closing), report.html(events, plan, closing)


def test_everything_that_is_signed_is_in_it(tmp_path: Path, plan: Plan) -> None:
    log = transcript(tmp_path / "log", plan)
    for text in both(log, plan):
        for wanted in (
            "Ada Lovelace",
            "Grace Hopper",
            "First roots",
            "11111111",
            "5.7.1",
            "IMPORTED",
            "typed",
            "Making the key was",
        ):
            assert wanted in text
        for wanted in ("2026-11-24T06:00:00Z", "2026-11-25T06:00:00Z", "2026-11-24T07:00:00Z", "Inspected", "5f"):
            assert wanted in text
        digests = [plan.sha256, head(log.events[:-1]), *(DIGESTS[name] for name in ("a1", "b2", "c3", "e5"))]
        for digest in map(bytes.fromhex, digests):
            assert " ".join(words(digest)[:4]) in text
            assert digest[:4].hex(" ") in text
        assert DIGESTS["d4"] in text
        assert "U0VDUkVU" not in text
        for banner in ("REHEARSAL", "UNATTENDED", "NOT CLOSED", "ANOTHER PLAN"):
            assert banner not in text


def test_the_same_records_give_the_same_bytes(tmp_path: Path, plan: Plan) -> None:
    log = transcript(tmp_path / "log", plan)
    assert both(log, plan) == both(Transcript.open(tmp_path / "log"), parse_plan(PLAN, "again"))


@pytest.mark.parametrize(
    ("changes", "banner"),
    [({"rehearsal": True}, "REHEARSAL"), ({"unattended": True}, "UNATTENDED"), ({"close": False}, "NOT CLOSED")],
)
def test_what_must_not_be_overlooked(tmp_path: Path, plan: Plan, changes: dict[str, Any], banner: str) -> None:
    log = transcript(tmp_path / "log", plan, **changes)
    assert all(text.count(banner) == 2 for text in both(log, plan))  # at the top, and where people sign


def test_another_plan(tmp_path: Path, plan: Plan) -> None:
    log = transcript(tmp_path / "log", plan)
    other = parse_plan(PLAN + b"# changed\n", "ceremony.yml")
    assert all("ANOTHER PLAN" in text for text in both(log, other))


class Tags(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Any]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


def test_text_cannot_become_markup(tmp_path: Path, plan: Plan) -> None:
    tame, wild = (both(transcript(tmp_path / name, plan, text), plan) for name, text in (("t", "x"), ("w", HOSTILE)))
    assert Tags(tame[1]).tags == Tags(wild[1]).tags
    assert len(tame[0].splitlines()) == len(wild[0].splitlines())
    for text in wild:
        assert "<script" not in text.replace("\\<", "")
        assert "<!--" not in text.replace("\\<", "")
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\u202e" in text.replace("\\\\", "\\")
    for mark in ("|", "`", "[", "#", "*"):
        assert f" {mark}" not in wild[0].split("Drafted at")[1].splitlines()[0].replace(f"\\{mark}", "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1))
def test_any_text(tmp_path_factory: pytest.TempPathFactory, plan: Plan, text: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return
    log = transcript(tmp_path_factory.mktemp("log") / "log", plan, text)
    for rendered in both(log, plan):
        assert all(line.isprintable() for line in rendered.split("\n"))
    assert "<script" not in rendered.lower()  # the last is the page


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path, plan: Plan) -> None:
    page = both(transcript(tmp_path / "log", plan), plan)[1]
    tags = {tag for tag, _attributes in Tags(page).tags}
    assert not tags & {"script", "link", "img", "iframe", "a", "object", "form"}
    assert "default-src 'none'" in page
    assert "size: A4" in page


def test_before_anything_happened(plan: Plan) -> None:
    assert "NOT CLOSED" in report.markdown((), plan)
