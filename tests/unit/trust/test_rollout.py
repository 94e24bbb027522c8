# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a rollout has to do, when it stops, what it counts as complete."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.journal import Entry, Release
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.waivers import Waiver
from hypothesis import example, given
from hypothesis import strategies as st

RELEASE = Release("ab" * 16, 7, "cd" * 32, "12" * 32, ("ef" * 32,))
ROLLED = {"id": RELEASE.id, "sequence": RELEASE.sequence, "digest": RELEASE.told}
NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
HOURS_12 = dt.timedelta(hours=12)
HOSTS = ("web1", "web2", "web3")
GOOD = {"name": "java", "path": "/x", "state": "ok", "missing": [], "unwanted": [], "why": ""}
BAD = {**GOOD, "state": "wrong", "missing": ["ab" * 32]}
UNKNOWN = {**GOOD, "state": "unknown", "why": "no keytool"}


def entry(host: str = "web1", outcome: str = "converged", hours: float = 1, **more: Any) -> Entry:
    time = times.render(NOW - dt.timedelta(hours=hours))
    more.setdefault("manifest", ROLLED)
    return Entry(host, time, outcome, **{"stores": [GOOD], **more})


def journaled(*entries: Entry, check: bool = False) -> dict[str, plan.HostRollout]:
    return plan.states(entries, RELEASE, check)


def scope(**changes: Any) -> plan.Scope:
    return plan.Scope(**{"hosts": HOSTS, "only": HOSTS, "canaries": (), "waivers": (), **changes})


def waiver(host: str) -> Waiver:
    return Waiver(host, "Ada", "in repair", dt.date(2026, 12, 31))


def planned(*entries: Entry, **changes: Any) -> plan.RolloutPlan:
    return plan.plan(scope(**changes), journaled(*entries), NOW, HOURS_12)


def test_all_hosts_are_to_do_in_their_order() -> None:
    assert planned().todo == HOSTS


def test_what_converged_is_done() -> None:
    plan = planned(entry("web2"))
    assert (plan.todo, plan.done) == (("web1", "web3"), {"web2": "2026-11-26T11:00:00Z"})


@pytest.mark.parametrize(
    "line",
    [
        entry(outcome="failed"),
        entry(outcome="unreachable"),
        entry(hours=12),
        entry(hours=-1),
        entry(stores=[GOOD, UNKNOWN]),
        entry(manifest={**ROLLED, "sequence": 6}),
        entry(manifest={**ROLLED, "id": "cd" * 16}),
        entry(manifest={**ROLLED, "digest": "ef" * 32}),
        entry(manifest={"id": RELEASE.id, "sequence": 7}),
        entry(manifest={}),
        entry(check=True),
    ],
    ids=[
        "failed",
        "unreachable",
        "old",
        "from the future",
        "unknown",
        "sequence",
        "estate",
        "content",
        "former",
        "no manifest",
        "check",
    ],
)
def test_what_does_not_count_is_to_do(line: Entry) -> None:
    assert planned(line).todo == HOSTS


def test_the_last_line_wins() -> None:
    assert planned(entry(outcome="failed"), entry()).todo == ("web2", "web3")
    assert planned(entry(), entry(outcome="failed")).todo == HOSTS


def test_hosts_with_a_waiver_come_apart() -> None:
    plan = planned(waivers=(waiver("web2"),))
    assert (plan.todo, plan.waived) == (("web1", "web3"), ("web2",))


def test_a_measurement_that_says_nothing_any_more_is_made_again() -> None:
    long = dt.timedelta(days=30)
    lines = journaled(entry("web1", hours=7 * 24 + 1), entry("web2", hours=7 * 24))
    assert plan.plan(scope(), lines, NOW, long).todo == ("web1", "web3")


def test_canaries_come_first() -> None:
    assert planned(canaries=("web3",)).todo == ("web3", "web1", "web2")


def test_a_run_can_be_about_some() -> None:
    assert planned(only=("web3",)).todo == ("web3",)


@pytest.mark.parametrize("changes", [{"only": ("web9",)}, {"canaries": ("web9",)}, {"hosts": ()}])
def test_hosts_that_are_not_declared_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(TrustAnchorError):
        scope(**changes)


@given(st.lists(st.tuples(st.sampled_from(HOSTS), st.sampled_from(["converged", "failed", "unreachable"]))))
def test_a_host_is_done_or_to_do_whatever_the_journal_says(lines: list[tuple[str, str]]) -> None:
    plan = planned(*[entry(host, outcome) for host, outcome in lines], waivers=(waiver("web2"),))
    assert sorted([*plan.todo, *plan.waived, *plan.done]) == sorted(HOSTS)
    assert set(plan.done) == {host for host, outcome in dict(lines).items() if outcome == "converged"}


@example(lines=[*[("web1", "converged", False)] * 9, ("web1", "failed", False), ("web1", "converged", True)])
@given(st.lists(st.tuples(st.sampled_from(HOSTS), st.sampled_from(["converged", "failed"]), st.booleans())))
def test_a_compacted_journal_says_the_same(lines: list[tuple[str, str, bool]]) -> None:
    entries = [entry(host, outcome, check=check) for host, outcome, check in lines]
    kept = plan.superseded(entries, RELEASE)
    assert (kept is None) == (len(entries) <= 10 * len({host for host, _o, _c in lines}))
    if kept is not None:
        assert plan.states(kept, RELEASE) == plan.states(entries, RELEASE)
        assert len(kept) <= 3 * len(HOSTS)


def test_a_long_journal_is_compacted() -> None:
    entries = [entry("web1", "converged"), *[entry("web1", "failed")] * 20]
    assert plan.superseded(entries, RELEASE) == [entries[0], entries[-1]]


@pytest.mark.parametrize(
    ("lines", "store"),
    [
        ([entry(stores=[GOOD])], "ok"),
        ([entry(stores=[BAD], repaired=["java"])], "installed"),
        ([entry(), entry(stores=[BAD], repaired=["java"])], "repaired"),
        ([entry(), entry(outcome="failed"), entry(stores=[BAD], repaired=["java"])], "repaired"),
        ([entry(outcome="failed"), entry(stores=[BAD], repaired=["java"])], "installed"),
        ([entry(outcome="failed", stores=[BAD])], "wrong"),
        ([entry(stores=[UNKNOWN])], "unknown"),
    ],
)
def test_what_became_of_a_store(lines: list[Entry], store: str) -> None:
    assert journaled(*lines)["web1"].stores()[0]["state"] == store


def test_check_mode_says_what_would_change() -> None:
    line = entry(check=True, changed=True, stores=[BAD])
    assert journaled(line) == {}
    state = journaled(line, check=True)["web1"]
    assert (state.outcome, state.stores()[0]["state"]) == ("to change", "wrong")


def test_a_gate_knows_failed_unreachable_and_silent_hosts() -> None:
    lines = [entry("web1"), entry("web2", "failed", error={"what": "no space", "why": "disk full."})]
    gate = plan.gate(("web1", "web2", "web3"), journaled(*lines), NOW - dt.timedelta(hours=2), 66)
    assert gate.failed == {
        "web2": "failed: no space: disk full",
        "web3": "nothing was heard of it in this run",
    }
    assert (gate.share, gate.passed) == (67, False)


def test_an_older_word_is_none() -> None:
    gate = plan.gate(("web1",), journaled(entry(hours=3)), NOW - dt.timedelta(hours=2), 10)
    assert list(gate.failed) == ["web1"]


@pytest.mark.parametrize(("failed", "share", "passed"), [(0, 0, True), (1, 0, False), (1, 33, False), (1, 34, True)])
def test_the_share_that_is_accepted(failed: int, share: int, passed: bool) -> None:
    lines = [entry(host, "failed" if at < failed else "converged") for at, host in enumerate(HOSTS)]
    assert plan.gate(HOSTS, journaled(*lines), NOW - dt.timedelta(hours=2), share).passed is passed


@pytest.mark.parametrize(
    ("waves", "canaries", "sizes"),
    [([1, "10%", "100%"], 0, [1, "10%", "100%"]), (["2"], 0, [2]), (["100%"], 3, [3, "100%"])],
)
def test_waves(waves: list[Any], canaries: int, sizes: list[int | str]) -> None:
    assert plan.check_waves(waves, canaries) == sizes


@pytest.mark.parametrize("waves", [[], "10%", [0], ["0%"], ["101%"], [-1], [True], ["ten"], [1.5], None, [[1]]])
def test_waves_that_are_none(waves: Any) -> None:
    with pytest.raises(TrustAnchorError):
        plan.check_waves(waves, 0)
