# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import html.parser
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import plan, report
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.journal import Entry, Release
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.waivers import Waiver
from hypothesis import given
from hypothesis import strategies as st

RELEASE = Release("ab" * 16, 7, "cd" * 32, "12" * 32, ("ef" * 32,))
ROLLED = {"id": RELEASE.id, "sequence": RELEASE.sequence, "digest": RELEASE.told}
NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
HOSTS = ("web1", "web2", "old1")
GOOD = {"name": "java", "path": "/x", "state": "ok", "missing": [], "unwanted": [], "why": ""}
BAD = {**GOOD, "state": "wrong", "missing": ["cd" * 32]}
OLD = {"pid": 77, "program": "/usr/sbin/nginx", "unit": "nginx.service", "runtime": "openssl", "started": 1764000000.5}
HOSTILE = "</td><script>alert(1)</script> | `x` **b** [l](http://e) # \u202e\x1b[31m\n<!--"


def entry(host: str, outcome: str = "converged", **more: Any) -> Entry:
    return Entry(host, "2026-11-26T11:00:00Z", outcome, **{"manifest": ROLLED, "stores": [GOOD], **more})


def build(*entries: Entry, waived: tuple[str, ...] = (), check: bool = False, hosts: tuple[str, ...] = HOSTS) -> Any:
    waivers = tuple(Waiver(host, "Ada", "in repair", dt.date(2026, 12, 31)) for host in waived)
    states = plan.states(entries, RELEASE, check)
    return report.build(RELEASE, plan.Scope(hosts, hosts, (), waivers), states, NOW, check)


ALL = tuple(entry(host) for host in HOSTS)


def test_complete_is_every_declared_host() -> None:
    built = build(*ALL)
    assert built["complete"]
    assert built["missing"] == []
    assert built["manifest"] == {**ROLLED, "digest": "cd" * 32, "told": "12" * 32, "trusted": ["ef" * 32]}
    assert built["counts"]["converged"] == 3
    assert report.summary(built)[0].endswith("sequence 7: complete")


@pytest.mark.parametrize(
    "line",
    [
        None,
        entry("old1", "failed", error={"what": "disk full"}),
        entry("old1", "unreachable"),
        entry("old1", stores=[{**GOOD, "state": "unknown", "why": "no keytool"}]),
        entry("old1", stores=[{**GOOD, "state": "wrong", "why": ""}]),
    ],
    ids=["not reached", "failed", "unreachable", "unknown", "wrong"],
)
def test_a_host_that_has_not_converged_needs_a_waiver(line: Entry | None) -> None:
    lines = [*ALL[:2], *([line] if line else [])]
    built = build(*lines)
    assert (built["complete"], built["missing"]) == (False, ["old1"])
    built = build(*lines, waived=("old1",))
    assert built["complete"]
    assert built["waived"][0]["needed"]
    assert report.summary(built)[0].endswith("complete, with waivers")


@pytest.mark.parametrize("time", ["2026-11-19T11:59:59Z", "2026-11-26T12:00:01Z", "2026-09-27T12:00:00Z"])
def test_the_age_is_that_of_each_measurement(time: str) -> None:
    """Whoever converged 60 days ago is not known to be right today, whichever host was measured since."""
    built = build(*ALL[:2], replace(entry("old1"), time=time))
    assert (built["complete"], built["missing"]) == (False, ["old1"])
    assert built["hosts"]["old1"]["outcome"] == "outdated"
    assert f"old1: outdated: it was measured {time}" in "".join(report.summary(built))
    assert build(*ALL[:2], replace(entry("old1"), time="2026-11-19T12:00:00Z"))["complete"]


def test_a_waiver_that_is_not_needed_is_told() -> None:
    built = build(*ALL, waived=("old1",))
    assert built["waived"] == [
        {"host": "old1", "owner": "Ada", "reason": "in repair", "expires": "2026-12-31", "needed": False}
    ]
    assert "no: it has converged" in report.markdown(built)


def test_why_a_host_did_not_converge() -> None:
    built = build(*ALL[:2], entry("old1", "failed", error={"what": "no space", "why": "disk full", "next_step": ""}))
    assert "  old1: failed: no space: disk full" in report.summary(built)
    unknown = build(*ALL[:2], entry("old1", stores=[{**GOOD, "state": "unknown", "why": "no keytool"}]))
    assert "  old1: unknown: java: no keytool" in report.summary(unknown)
    wrong = build(*ALL[:2], entry("old1", stores=[{**GOOD, "state": "wrong", "missing": ["ab" * 32]}]))
    assert wrong["hosts"]["old1"]["outcome"] == "wrong"
    assert "  old1: still wrong: java: it could not be corrected" in report.summary(wrong)


def test_a_host_that_is_lost_says_when_it_had_converged() -> None:
    built = build(*ALL, entry("old1", "unreachable"))
    assert (built["hosts"]["old1"]["outcome"], built["hosts"]["old1"]["converged"]) == (
        "unreachable",
        "2026-11-26T11:00:00Z",
    )


def test_drift_is_told_and_a_first_installation_is_none() -> None:
    built = build(entry("web1", stores=[BAD], repaired=["java"], changed=True))
    assert built["hosts"]["web1"]["drift"] == []
    assert built["hosts"]["web1"]["stores"][0]["state"] == "installed"
    built = build(*ALL, entry("web1", stores=[BAD], repaired=["java"], changed=True))
    assert built["hosts"]["web1"]["drift"] == ["java"]
    assert "  web1: was wrong and is repaired: java" in report.summary(built)
    assert "cdcdcdcdcdcdcdcd" in report.markdown(built)


def test_processes_with_old_roots_are_told_with_their_units() -> None:
    alone, worker = {**OLD, "unit": "", "pid": 78}, {**OLD, "pid": 79, "started": 1764000009.0}
    effective = {"state": "stale", "changed_at": 1764000001.0, "processes": [OLD, alone, worker]}
    built = build(*ALL[1:], entry("web1", effective=effective))
    assert built["complete"]
    assert "  web1: nginx.service (/usr/sbin/nginx 77, 79) still has the old roots" in report.summary(built)
    assert "  web1: no unit (/usr/sbin/nginx 78) still has the old roots" in report.summary(built)
    assert "| web1 | nginx.service | /usr/sbin/nginx | 77, 79 | openssl | 2025-11-24T16:00:00Z |" in (
        report.markdown(built)
    )


def test_check_mode_says_what_would_change() -> None:
    built = build(entry("web1", check=True, changed=True, stores=[BAD]), check=True)
    text = report.markdown(built)
    assert text.startswith("> # **CHECK MODE: nothing was changed**")
    assert "  web1: would be changed: java" in report.summary(built)


def test_a_terminal_is_spared_long_lists() -> None:
    hosts = tuple(f"web{number}" for number in range(500))
    lines = report.summary(build(*[entry(host, "failed") for host in hosts], hosts=hosts))
    assert len(lines) == 2 + 21
    assert lines[-1] == "  ... and 480 more, see the report"


def test_problems_come_first() -> None:
    built = build(entry("web1"), entry("web2", "unreachable"), entry("old1", "failed"))
    text = report.markdown(built)
    assert text.index("NOT COMPLETE") < text.index("have not converged (2)") < text.index("## All hosts")
    rows = [line for line in text.partition("## All hosts")[2].splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| old1", "| web2", "| web1"]


class Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    return page


def test_the_page_shows_states_in_colours_and_takes_nothing_from_elsewhere() -> None:
    built = build(entry("web1", stores=[BAD]), entry("web2", "failed", stores=[BAD]), entry("old1"))
    page = parsed(report.html(built))
    assert {"good", "bad"} <= {attributes.get("class") for tag, attributes in page.tags if tag == "td"}
    assert not [tag for tag, attributes in page.tags if {"src", "href"} & set(attributes) or tag in ("script", "link")]


@pytest.mark.parametrize("field", ["error", "why", "unit", "store"])
def test_what_a_host_says_is_text(field: str) -> None:
    line = {
        "error": entry("web1", "failed", error={"what": HOSTILE}),
        "why": entry("web1", stores=[{**GOOD, "state": "unknown", "why": HOSTILE}]),
        "unit": entry("web1", effective={"state": "stale", "processes": [{**OLD, "unit": HOSTILE}]}),
        "store": entry("web1", stores=[{**GOOD, "name": HOSTILE}]),
    }[field]
    built = build(*ALL[1:], line)
    assert not [tag for tag, _attributes in parsed(report.html(built)).tags if tag == "script"]
    assert "\x1b" not in report.markdown(built) + report.html(built)
    assert "\u202e" not in report.markdown(built)


def test_500_hosts_are_of_moderate_size() -> None:
    hosts = tuple(f"web{number}.corp.example" for number in range(500))
    stores = [{**GOOD, "name": f"store {number}"} for number in range(6)]
    page = report.html(build(*[entry(host, stores=stores) for host in hosts], hosts=hosts))
    assert len(page) < 500_000


def test_the_files_and_that_they_say_the_same(tmp_path: Path) -> None:
    built = build(*ALL)
    files = report.write(str(tmp_path), RELEASE, built)
    assert sorted(Path(name).name for name in files) == ["000007.html", "000007.json", "000007.md"]
    assert sorted(path.name for path in (tmp_path / "rollouts").iterdir()) == [
        "000007.html",
        "000007.json",
        "000007.md",
    ]
    again = json.loads((tmp_path / "rollouts/000007.json").read_bytes())
    assert again == built
    assert report.same({**built, "written": "later"}, again)
    assert not report.same(build(*ALL[:2]), again)
    assert not report.same(built, None)


def test_a_record_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "rollouts/000007.md").mkdir(parents=True)
    with pytest.raises(TrustAnchorError, match="cannot write"):
        report.write(str(tmp_path), RELEASE, build(*ALL))
    assert [path.name for path in (tmp_path / "rollouts").iterdir()] == ["000007.md"]


@given(
    st.lists(
        st.builds(
            entry,
            st.sampled_from(HOSTS),
            st.sampled_from(["converged", "failed", "unreachable"]),
            check=st.booleans(),
            changed=st.booleans(),
            stores=st.lists(st.sampled_from([GOOD, BAD, {**GOOD, "state": "unknown"}]), max_size=2),
            repaired=st.lists(st.just("java"), max_size=1),
        )
    ),
    st.sets(st.sampled_from(HOSTS)),
    st.booleans(),
)
def test_complete_means_no_host_is_missing(lines: list[Entry], waived: set[str], check: bool) -> None:
    built = build(*lines, waived=tuple(waived), check=check)
    outcomes = {name: host["outcome"] for name, host in built["hosts"].items()}
    assert built["complete"] == all(outcomes[name] == "converged" or name in waived for name in HOSTS)
    assert sum(built["counts"].values()) == len(HOSTS)
    assert report.summary(built)
    assert report.markdown(built)
    assert report.html(built)
