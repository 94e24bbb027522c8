# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transcript says of keys: another policy, another key, no attestation, or one that says something else."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.attestation import AttestationFiles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.key_checks import (
    attestation_problems,
    key_problems,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.recorded import RecordedCeremony
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from factories import ceremonies as factory
from factories.fake_yubico import Authority, attest

ROOT = Authority("Yubico PIV Root CA Serial 263751")
OWN = Authority("Yubico PIV Attestation", ROOT)
PINNED = AttestationFiles((ROOT.pem,))


@pytest.fixture(scope="module")
def first(held: Path) -> RecordedCeremony:
    return RecordedCeremony.load(held, "0001")


def told(recorded: RecordedCeremony, act: str, **data: Any) -> RecordedCeremony:
    events = (
        dataclasses.replace(one, data={**one.data, **data}) if one.kind == "key" and one.data["act"] == act else one
        for one in recorded.events
    )
    return dataclasses.replace(recorded, events=tuple(events))


def without(recorded: RecordedCeremony, kind: str, **data: Any) -> RecordedCeremony:
    events = (one for one in recorded.events if one.kind != kind or not data.items() <= one.data.items())
    return dataclasses.replace(recorded, events=tuple(events))


def abandoned(recorded: RecordedCeremony) -> RecordedCeremony:
    events = (
        dataclasses.replace(one, data={**one.data, "abandoned": True}) if one.kind == "closed" else one
        for one in recorded.events
    )
    return dataclasses.replace(recorded, events=tuple(events))


def test_keys_as_planned(first: RecordedCeremony) -> None:
    assert list(key_problems(first)) == []


def test_a_key_of_which_the_transcript_says_nothing(first: RecordedCeremony) -> None:
    """Fine where the ceremony was abandoned before it was made."""
    lost = without(first, "key", act="key:s1")
    assert list(key_problems(lost)) == ["the transcript has no key 's1'"]
    assert list(key_problems(abandoned(lost))) == []


@pytest.mark.parametrize(
    ("fact", "other"),
    [("origin", "imported"), ("algorithm", "rsa-4096"), ("pin_policy", "once"), ("touch_policy", "never")],
)
def test_a_key_with_another_policy(first: RecordedCeremony, fact: str, other: str) -> None:
    planned = getattr(first.plan.keys["r1"], fact)
    problem = f"key 'r1': {fact} is {other}, the plan says {planned}"
    assert list(key_problems(told(first, "key:r1", **{fact: other}))) == [problem]
    assert list(key_problems(told(first, "key:r1", **{fact: None}))) == [problem.replace(f"is {other}", "is None")]


def test_a_key_that_is_not_that_of_its_root(first: RecordedCeremony, held: Path) -> None:
    problem = ["key 's1' is not the key of the root 's1'"]
    other = told(first, "key:s1", public_key_sha256="ab" * 32)
    assert list(key_problems(other)) == problem
    assert list(key_problems(abandoned(other))) == problem  # its root was written all the same
    unused = without(abandoned(other), "written", path="roots/s1.crt")
    assert list(key_problems(unused)) == []
    assert list(key_problems(without(other, "written", path="roots/s1.crt"))) == problem
    later = RecordedCeremony.load(held, "0002")  # whose plan knows the root
    known = told(abandoned(later), "key:r1", public_key_sha256="ab" * 32)
    assert list(key_problems(known)) == ["key 'r1' is not the key of the root 'r1'"]


# Attestations.


def wanted(recorded: RecordedCeremony, **changes: Any) -> RecordedCeremony:
    """The plan wants r1 attested."""
    key = dataclasses.replace(recorded.plan.keys["r1"], attested=True, **changes)
    plan = dataclasses.replace(recorded.plan, keys={**recorded.plan.keys, "r1": key})
    return dataclasses.replace(recorded, plan=plan)


def attested(recorded: RecordedCeremony, own: Authority = OWN, public: Any = None) -> RecordedCeremony:
    """A YubiKey attested r1, by what the transcript says."""
    leaf = attest(own, public or factory.KEYS["r1"].public_key())
    chain = (leaf + own.pem + ROOT.pem).decode()
    return told(wanted(recorded), "key:r1", attestation={"serial": "11111111"}, attestation_chain=chain)


def problems(recorded: RecordedCeremony, pinned: AttestationFiles | None = PINNED) -> list[str]:
    return list(attestation_problems(recorded, pinned))


NONE = ["key 'r1' is not attested, and the plan wants it to be"]


def test_what_is_not_wanted_is_not_looked_for(first: RecordedCeremony) -> None:
    assert problems(first) == []
    assert problems(without(wanted(first), "key", act="key:r1")) == []  # the other check says that it is not there


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"attestation": None, "attestation_chain": "x"},
        {"attestation": {"serial": "1"}, "attestation_chain": None},
        {"attestation": {"serial": "1"}, "attestation_chain": ""},
    ],
)
def test_no_attestation_where_one_is_wanted(first: RecordedCeremony, said: dict[str, Any]) -> None:
    recorded = told(wanted(first), "key:r1", **said)
    assert problems(recorded) == problems(recorded, None) == NONE


def test_a_rehearsal_attests_nothing(first: RecordedCeremony) -> None:
    events = (
        dataclasses.replace(one, data={**one.data, "rehearsal": True}) if one.kind == "opened" else one
        for one in first.events
    )
    assert problems(dataclasses.replace(wanted(first), events=tuple(events))) == []


def test_an_attestation_that_holds(first: RecordedCeremony) -> None:
    assert problems(attested(first)) == problems(attested(first), None) == []


def short_lived(until: dt.datetime) -> Authority:
    return Authority("Yubico PIV Attestation", ROOT, until=until)


def refusals(first: RecordedCeremony) -> Iterator[tuple[RecordedCeremony, str]]:
    yield attested(first, public=factory.KEYS["s1"].public_key()), "is for another key"
    yield told(attested(first), "key:r1", serials=["22222222"]), "is by the YubiKey 11111111"
    yield wanted(attested(first), pin_policy="once"), "PIN policy always"
    yield wanted(attested(first), touch_policy="cached"), "touch policy always"
    yield attested(first, Authority("Other", Authority("Other Root"))), "no pinned certificate leads to"
    yield attested(first, short_lived(dt.datetime(2026, 11, 10, tzinfo=dt.UTC))), "is not valid on 2026-11-10"


def test_an_attestation_that_does_not_hold(first: RecordedCeremony) -> None:
    for recorded, message in refusals(first):
        with pytest.raises(TrustAnchorError, match=message):
            problems(recorded)
        assert problems(recorded, None) == []  # the transcript's word is taken


def test_the_moment_is_that_of_the_ceremony(first: RecordedCeremony) -> None:
    """What has expired since then was good."""
    assert problems(attested(first, short_lived(dt.datetime(2026, 11, 11, tzinfo=dt.UTC)))) == []


def test_intermediates_are_pinned_too(first: RecordedCeremony) -> None:
    middle = Authority("Yubico PIV Attestation A 1", ROOT)
    recorded = attested(first, Authority("Yubico PIV Attestation", middle))
    assert problems(recorded, AttestationFiles((ROOT.pem,), (middle.pem,))) == []
    with pytest.raises(TrustAnchorError, match="no pinned certificate leads to"):
        problems(recorded)


def test_a_chain_that_is_none(first: RecordedCeremony) -> None:
    recorded = told(attested(first), "key:r1", attestation_chain=OWN.pem.decode())
    with pytest.raises(TrustAnchorError, match="the attestation of 'r1' in the transcript holds one certificate"):
        problems(recorded)
