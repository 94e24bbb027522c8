# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to tamper with a record of ceremonies, and what its verification says then."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.linting import Lint
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import parse_plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session.context import CeremonyContext
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind, Transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.history import (
    Anchors,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.verification import verify
from ansible_collections.trustanchor.private_ca.plugins.module_utils.journal.chain import head
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, profiles
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from factories import ceremonies as factory
from factories import pki

FIRST, SECOND = "ceremonies/0001", "ceremonies/0002"


def failed(record: Path, name: str = "", anchors: Anchors | None = None) -> dict[str, str]:
    """What fails, by ceremony and check, with its detail."""
    checks = verify(record, name, anchors=anchors)
    return {f"{one.ceremony} {one.check}".strip(): one.detail for one in checks if not one.ok}


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
            event["data"]["digest"] = head(log.events)
        log.append(EventKind(event["event"]), **event["data"])
    ceremony = object.__new__(factory.Ceremony)
    ceremony.directory, ceremony.log = record / place, log
    ceremony.plan = parse_plan((record / place / "ceremony.yml").read_bytes(), "ceremony.yml")
    nowhere: Any = None
    ceremony.context = CeremonyContext(ceremony.plan, nowhere, record, record, log, Lint(None), pki.FIXED_NOW)
    ceremony.seal()


def event_of(events: list[dict[str, Any]], event: str, act: str | None = None) -> dict[str, Any]:
    """Data of the last event of a name, to be changed."""
    found: dict[str, Any] = next(
        one["data"] for one in reversed(events) if one["event"] == event and act in (None, one["data"].get("act"))
    )
    return found


def set_data(events: list[dict[str, Any]], event: str, act: str | None, **changes: Any) -> None:
    """Change data of an event."""
    event_of(events, event, act).update(changes)


def flip(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes of a file."""
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def other_root() -> bytes:
    """Another root of the same name and key."""
    key = factory.KEYS["r1"]
    profile = profiles.parse_root({"subject": "CN=Root R1", "unconstrained": True})
    start = dt.datetime(2026, 11, 10, 6, tzinfo=dt.UTC)
    builder = builders.root_builder(profile, key.public_key(), builders.Issuance.fresh(start))
    return builder.sign(key, hashes.SHA384()).public_bytes(Encoding.PEM)
