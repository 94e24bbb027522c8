# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was asked, who confirmed and what they agreed to: transcripts that say something else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.model import Person
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import (
    EventKind,
    agreement_sha256,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.people_checks import (
    agreement_problems,
    asking_problems,
    confirmation_problems,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.recorded import RecordedCeremony
from ansible_collections.trustanchor.private_ca.plugins.module_utils.journal.chain import Event

ADA, GRACE, JOAN = (Person("Ada", "operator"), Person("Grace", "witness"), Person("Joan", "witness"))
ALL = (ADA, GRACE, JOAN)


@pytest.fixture(scope="module")
def first(held: Path) -> RecordedCeremony:
    return RecordedCeremony.load(held, "0001")


def by(people: tuple[Person, ...]) -> list[dict[str, str]]:
    return [{"name": one.name, "role": one.role} for one in people]


def is_about(event: Event, kind: str, act: str | None = None) -> bool:
    return event.kind == kind and act in (None, event.data.get("act"))


def told(recorded: RecordedCeremony, kind: str, act: str | None = None, **data: Any) -> RecordedCeremony:
    """The ceremony whose transcript says something else in one kind of event."""
    events = (
        dataclasses.replace(one, data={**one.data, **data}) if is_about(one, kind, act) else one
        for one in recorded.events
    )
    return dataclasses.replace(recorded, events=tuple(events))


def untold(recorded: RecordedCeremony, kind: str, act: str | None = None) -> RecordedCeremony:
    """The ceremony whose transcript lacks an event."""
    return dataclasses.replace(recorded, events=tuple(one for one in recorded.events if not is_about(one, kind, act)))


def planned(recorded: RecordedCeremony, **changes: Any) -> RecordedCeremony:
    return dataclasses.replace(recorded, plan=dataclasses.replace(recorded.plan, **changes))


# Whether people were asked.


def asked_nobody(recorded: RecordedCeremony, kind: EventKind) -> RecordedCeremony:
    index = next(n for n, one in enumerate(recorded.events) if one.kind == EventKind.OPENED)
    resumed = dataclasses.replace(recorded.events[index], kind=kind, data={"unattended": True})
    return dataclasses.replace(recorded, events=(*recorded.events[: index + 1], resumed, *recorded.events[index + 1 :]))


def test_people_were_asked(first: RecordedCeremony) -> None:
    assert list(asking_problems(first)) == []


def test_a_later_run_that_asked_nobody(first: RecordedCeremony) -> None:
    (problem,) = asking_problems(asked_nobody(first, EventKind.RESUMED))
    assert problem == f"the run of {first.events[0].time} asked nobody, and the plan does not say unattended"
    assert list(asking_problems(asked_nobody(first, EventKind.CLOCK))) == []  # only runs have the word


@pytest.mark.parametrize("said", [True, None, "false", 0])
def test_only_a_plain_no_is_no(first: RecordedCeremony, said: object) -> None:
    assert len(list(asking_problems(told(first, "opened", unattended=said)))) == 1


def test_where_nobody_has_to_be_asked(first: RecordedCeremony) -> None:
    unasked = told(first, "opened", unattended=True)
    assert list(asking_problems(planned(unasked, unattended=True))) == []
    assert list(asking_problems(told(unasked, "opened", rehearsal=True))) == []


# Whether they confirmed.

ASKED = [
    ("plan_confirmed", None, "plan_confirmed"),
    ("confirmed", "key:r1", "key:r1"),
    ("confirmed", "root:r1", "root:r1"),
    ("confirmed", "intermediate:ca1", "intermediate:ca1"),
    ("confirmed", "crl:s1", "crl:s1"),
    ("confirmed", "seal", "seal"),
]


def confirmed_by(recorded: RecordedCeremony, people: tuple[Person, ...], quorum: int) -> RecordedCeremony:
    """Three people in the plan, of whom these confirmed everything."""
    told_by = told(told(recorded, "plan_confirmed", by=by(people)), "confirmed", by=by(people))
    return planned(told_by, people=ALL, quorum=quorum)


@pytest.mark.parametrize(("kind", "act", "name"), ASKED)
def test_each_thing_was_confirmed(first: RecordedCeremony, kind: str, act: str | None, name: str) -> None:
    assert list(confirmation_problems(first)) == []
    missing = f"{name} was not confirmed by Ada Lovelace, Grace Hopper (2 people are wanted)"
    assert list(confirmation_problems(untold(first, kind, act))) == [missing]
    one = told(first, kind, act, by=[{"name": "Ada Lovelace", "role": "operator"}])
    assert list(confirmation_problems(one)) == [f"{name} was not confirmed by Grace Hopper (2 people are wanted)"]


@pytest.mark.parametrize(
    ("quorum", "people", "problem"),
    [
        (3, ALL, None),
        (3, (ADA, GRACE), "was not confirmed by Joan (3 people are wanted)"),
        (2, ALL, None),
        (2, (ADA, JOAN), None),
        (2, (ADA,), "was not confirmed by Grace, Joan (2 people are wanted)"),
        (2, (GRACE, JOAN), "was not confirmed by an operator and a witness"),
        (2, (), "was not confirmed by Ada, Grace, Joan (2 people are wanted)"),
        (2, (ADA, Person("Grace", "operator")), "was not confirmed by Grace, Joan (2 people are wanted)"),
        (2, (ADA, Person("Eve", "witness")), "was not confirmed by Grace, Joan (2 people are wanted)"),
    ],
)
def test_a_quorum_is_of_people_of_the_plan_in_both_roles(
    first: RecordedCeremony, quorum: int, people: tuple[Person, ...], problem: str | None
) -> None:
    problems = list(confirmation_problems(confirmed_by(first, people, quorum)))
    if problem is None:
        assert problems == []
    else:
        assert problems[0] == f"plan_confirmed {problem}"
        assert f"seal {problem}" in problems and f"root:r1 {problem}" in problems


def test_a_key_that_was_there_before_is_not_asked_for(held: Path, first: RecordedCeremony) -> None:
    """A later ceremony only finds it; a key for a new root is agreed to, whether it is made or found."""
    second = RecordedCeremony.load(held, "0002")
    assert second.find(EventKind.CONFIRMED, "key:r1") is None
    assert list(confirmation_problems(second)) == []
    assert any("key:r1" in one for one in confirmation_problems(told(second, "key", "key:r1", made=True)))
    found = untold(told(first, "key", "key:r1", made=False), "confirmed", "key:r1")
    assert any("key:r1" in one for one in confirmation_problems(found))


def test_the_seal_is_not_asked_for_before_the_end(first: RecordedCeremony) -> None:
    """Nor where there was no root yet that could seal."""
    under_way = untold(untold(first, "closed"), "confirmed", "seal")
    assert list(confirmation_problems(under_way)) == []
    abandoned = told(untold(first, "confirmed", "seal"), "closed", abandoned=True, unsealed=True)
    assert any(one.startswith("seal was not") for one in confirmation_problems(abandoned))
    without_root = untold(abandoned, "written", "root:r1")
    assert not any(one.startswith("seal was not") for one in confirmation_problems(without_root))


# What they agreed to.


def agreed(recorded: RecordedCeremony, **changes: Any) -> Iterator[str]:
    asked = {**(recorded.find(EventKind.CONFIRMED, "key:r1") or {})["asked"], **changes}
    return agreement_problems(told(recorded, "confirmed", "key:r1", asked=asked, digest=agreement_sha256(asked)))


def test_agreed_as_it_was_done(first: RecordedCeremony) -> None:
    assert list(agreement_problems(first)) == list(agreed(first)) == []


@pytest.mark.parametrize(
    ("fact", "other"),
    [
        ("algorithm", "rsa-3072"),
        ("origin", "imported"),
        ("pin_policy", "once"),
        ("touch_policy", "never"),
        ("public_key_sha256", "ab" * 32),
    ],
)
def test_a_key_of_another_kind_than_agreed(first: RecordedCeremony, fact: str, other: str) -> None:
    has = (first.find(EventKind.KEY, "key:r1") or {})[fact]
    assert list(agreed(first, **{fact: other})) == [f"people agreed to {fact} {other} for the key 'r1', it has {has}"]
    assert list(agreed(first, **{fact: has})) == []


def test_an_agreement_about_another_key(first: RecordedCeremony) -> None:
    assert list(agreed(first, key="s1")) == ["people agreed to the key 's1' where 'r1' was asked"]


def test_the_digest_is_that_of_what_was_asked(first: RecordedCeremony) -> None:
    other = told(first, "confirmed", "key:r1", digest="ab" * 32)
    assert list(agreement_problems(other)) == ["people agreed to a key 'r1' other than the one in the transcript"]


@pytest.mark.parametrize("asked", [None, "r1", ["r1"]])
def test_nobody_knows_what_was_asked(first: RecordedCeremony, asked: object) -> None:
    untold_what = told(first, "confirmed", "key:r1", asked=asked)
    problems = ["the transcript does not say what people agreed to for the key 'r1'"]
    assert list(agreement_problems(untold_what)) == problems
    assert list(agreement_problems(untold(first, "confirmed", "key:r1"))) == []  # the confirmations tell


def sealed_after(recorded: RecordedCeremony, *between: str) -> RecordedCeremony:
    """Events of these kinds between what people looked at and their word on it."""
    index = next(n for n, one in enumerate(recorded.events) if is_about(one, "confirmed", "seal"))
    more = tuple(dataclasses.replace(recorded.events[index], kind=kind, data={}) for kind in between)
    return dataclasses.replace(recorded, events=(*recorded.events[:index], *more, *recorded.events[index:]))


@pytest.mark.parametrize(
    ("between", "good"),
    [((), True), (("token",), True), (("token", "token"), True), (("written",), False), (("written", "token"), False)],
)
def test_only_what_tokens_say_may_follow_what_was_agreed_to(
    first: RecordedCeremony, between: tuple[str, ...], good: bool
) -> None:
    problems = [] if good else ["people agreed to the seal of a transcript other than this one up to there"]
    assert list(agreement_problems(sealed_after(first, *between))) == problems


def test_the_seal_of_a_ceremony_under_way_is_not_looked_at(first: RecordedCeremony) -> None:
    assert list(agreement_problems(untold(sealed_after(first, "written"), "closed"))) == []
    assert list(agreement_problems(untold(first, "confirmed", "seal"))) == []  # the confirmations tell


def test_the_last_word_on_the_seal_counts(first: RecordedCeremony) -> None:
    """A seal that was asked for twice, since the token failed in between."""
    index = next(n for n, one in enumerate(first.events) if is_about(one, "confirmed", "seal"))
    stale = dataclasses.replace(first.events[index], data={"act": "seal", "digest": "ab" * 32})
    last = dataclasses.replace(first.events[index], data={"act": "seal", "digest": stale.digest})
    events = (*first.events[:index], stale, last, *first.events[index + 1 :])
    assert list(agreement_problems(dataclasses.replace(first, events=events))) == []
