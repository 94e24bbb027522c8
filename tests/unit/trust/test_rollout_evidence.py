# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from the report of a rollout, and what that proves."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import rollout_evidence
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.rollout_evidence import (
    Measurement,
    Rollout,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import plan, report
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.journal import Entry, Release
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.waivers import Waiver

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
RELEASE = Release("ab" * 16, 7, "cd" * 32, "12" * 32, ("ef" * 32,))
ROLLED = {"id": RELEASE.id, "sequence": RELEASE.sequence, "digest": RELEASE.told}
STORE = {"name": "java", "path": "/x", "state": "ok", "missing": [], "unwanted": [], "why": ""}
LEAF = {"root": "11" * 32, "name": "web", "not_after": "2026-12-01T00:00:00Z"}
WEB = Entry("web1", "2026-11-26T11:00:00Z", "converged", manifest=ROLLED, stores=[STORE], leaves=[LEAF])


def written(check: bool = False) -> dict[str, Any]:
    """The report of a rollout that has reached web1 and not old1, whose repair is waited for."""
    waiver = Waiver("old1", "Ada", "in repair", dt.date(2026, 12, 31))
    scope = plan.Scope(("web1", "old1"), ("web1", "old1"), (), (waiver,), {"desk1": "not in pki_hosts"})
    return report.build(RELEASE, scope, plan.states([WEB], RELEASE, check), NOW, check)


def parsed(**changes: Any) -> Rollout:
    return rollout_evidence.parse(json.dumps({**written(), **changes}).encode(), "000007.json")


def test_what_is_read() -> None:
    assert parsed() == Rollout(
        id=RELEASE.id,
        sequence=7,
        digest=RELEASE.digest,
        hosts={
            "web1": Measurement("converged", NOW - dt.timedelta(hours=1), ((LEAF["root"], "web"),)),
            "old1": Measurement("not reached", None, None),
        },
        waived={"old1": dt.date(2026, 12, 31)},
        trusted=frozenset(RELEASE.trusted),
        complete=True,
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"check": True}, "it is of check mode"),
        ({"check": "no"}, "it is of check mode"),
        ({"manifest": {}}, "not a report of a rollout"),
        ({"hosts": []}, "not a report of a rollout"),
        ({"hosts": {"web1": {}}}, "not a report of a rollout"),
        ({"hosts": {"web1": {"outcome": "converged", "measured": "now"}}}, "measured"),
        ({"waived": [{"host": "old1"}]}, "not a report of a rollout"),
        ({"version": 2}, "later version"),
    ],
)
def test_what_proves_nothing(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        parsed(**changes)


@pytest.mark.parametrize("complete", [False, 1, "yes", None])
def test_complete_is_what_says_so(complete: object) -> None:
    assert parsed(complete=complete).complete is False


def test_of_whom_nothing_is_known() -> None:
    found = parsed()
    hosts = ["web1", "old1", "new1"]
    assert found.doubts(hosts, NOW) == {"old1": "not reached", "new1": "not in the report"}
    assert found.missing(hosts, NOW) == {"new1": "not in the report"}
    last = NOW.replace(month=12, day=31)
    assert list(found.missing(["old1"], last)) == []
    assert list(found.missing(["old1"], last + DAY)) == ["old1"]


@pytest.mark.parametrize(
    ("one", "doubt"),
    [
        (Measurement("converged", NOW, ()), ""),
        (Measurement("converged", None, ()), "not measured"),
        (Measurement("converged", NOW, None), "not measured"),
        (Measurement("failed", NOW, ()), "failed"),
        (Measurement("converged", NOW - 8 * DAY, ()), "measured 2026-11-18T12:00:00Z"),
    ],
)
def test_doubts(one: Measurement, doubt: str) -> None:
    assert one.doubt(NOW) == doubt


def test_leaves_and_the_oldest_measurement() -> None:
    hosts = {
        "b": Measurement("converged", NOW - DAY, (("11", "web"), ("", "odd"))),
        "a": Measurement("converged", NOW, (("11", "mail"),)),
        "c": Measurement("failed", None, None),
    }
    found = Rollout("id", 7, "", hosts)
    assert found.leaves("11") == ["a: mail", "b: web"]
    assert found.leaves("") == ["b: odd"]
    assert found.oldest(["a", "b", "c", "x"]) == (NOW - DAY, "b")
    assert found.oldest(["a"]) == (NOW, "a")
    assert found.oldest(["c", "x"]) is None
