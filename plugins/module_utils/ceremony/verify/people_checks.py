# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what the record says about the people of a ceremony: whether they were asked, and what they agreed to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..transcript import EventKind, agreement_sha256
from .recorded import RecordedCeremony

SEAL_STEP = "seal"


def asking_problems(recorded: RecordedCeremony) -> Iterator[str]:
    """Nobody is asked only where the plan says so; a rehearsal signs nothing of value."""
    if recorded.plan.unattended or recorded.opened.get("rehearsal"):
        return
    for record in recorded.records:
        if record.kind in (EventKind.OPENED, EventKind.RESUMED) and record.data.get("unattended") is not False:
            yield f"the run of {record.time} asked nobody, and the plan does not say unattended"


def confirmation_problems(recorded: RecordedCeremony) -> Iterator[str]:
    """As many people as the plan says confirmed it, each key for a root of it, each signature and the closing."""
    people = {(person.name, person.role) for person in recorded.plan.people}
    for name in [EventKind.PLAN_CONFIRMED, *_asked(recorded)]:
        act = None if name == EventKind.PLAN_CONFIRMED else name
        found = recorded.find(EventKind.PLAN_CONFIRMED if act is None else EventKind.CONFIRMED, act) or {}
        by = {(one.get("name"), one.get("role")) for one in found.get("by", [])}
        present = people & by
        if len(present) < recorded.plan.quorum:
            missing = ", ".join(sorted(person for person, _role in people - present))
            yield f"{name} was not confirmed by {missing} ({recorded.plan.quorum} people are wanted)"
        elif {role for _person, role in people} != {role for _person, role in present}:
            yield f"{name} was not confirmed by an operator and a witness"


def _asked(recorded: RecordedCeremony) -> Iterator[str]:
    for record in recorded.records:
        if record.kind == EventKind.SIGNED or (record.kind == EventKind.KEY and _is_new(recorded, record.data)):
            yield str(record.data.get("act"))
    if recorded.closed is not None and not recorded.unsealed:
        yield SEAL_STEP


def _is_new(recorded: RecordedCeremony, key: Mapping[str, Any]) -> bool:
    """A key for a root of this plan: made now, or found on its token and taken."""
    return bool(key.get("made")) or recorded.plan.made_root(str(key.get("key"))) is not None


def agreement_problems(recorded: RecordedCeremony) -> Iterator[str]:
    """What people agreed to, by its digest, is what was done."""
    if recorded.closed is not None:
        yield from _seal_problems(recorded)
    for key in recorded.plan.keys.values():
        found = recorded.find(EventKind.CONFIRMED, f"key:{key.name}")
        if found is not None and not isinstance(found.get("asked"), dict):
            yield f"the transcript does not say what people agreed to for the key '{key.name}'"
        elif found is not None:
            yield from _key_problems(recorded, key.name, found)


def _seal_problems(recorded: RecordedCeremony) -> Iterator[str]:
    """The head that was confirmed: what follows it is no more than what tokens say of themselves."""
    records = recorded.records
    indexes = [
        n for n, one in enumerate(records) if one.kind == EventKind.CONFIRMED and one.data.get("act") == SEAL_STEP
    ]
    if not indexes:
        return  # the confirmations tell
    heads = []
    for record in reversed(records[: indexes[-1]]):
        heads.append(record.digest)
        if record.kind != EventKind.TOKEN:
            break
    if records[indexes[-1]].data.get("digest") not in heads:
        yield "people agreed to the seal of a transcript other than this one up to there"


def _key_problems(recorded: RecordedCeremony, name: str, confirmed: Mapping[str, Any]) -> Iterator[str]:
    asked, made = confirmed["asked"], recorded.find(EventKind.KEY, f"key:{name}") or {}
    if agreement_sha256(asked) != confirmed.get("digest"):
        yield f"people agreed to a key '{name}' other than the one in the transcript"
    if asked.get("key") != name:
        yield f"people agreed to the key '{asked.get('key')}' where '{name}' was asked"
    for fact in ("algorithm", "origin", "pin_policy", "touch_policy", "public_key_sha256"):
        if fact in asked and asked[fact] != made.get(fact):
            yield f"people agreed to {fact} {asked[fact]} for the key '{name}', it has {made.get(fact)}"
