# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a rollout: JSON as evidence, Markdown and one page of HTML for people (controller)."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...host import versioned
from ...host.files import save
from ...text import times
from ...text.document import Banner, Block, Cell, Heading, Mark, Paragraph, Table, as_html, as_markdown
from . import plan
from .journal import Release

FILE = versioned.VersionedFile("report of a rollout", 1, "Roll out again")
# Worst first: who reads a report looks for what is wrong.
_ORDER = (
    plan.FAILED,
    plan.UNREACHABLE,
    plan.WRONG,
    plan.UNKNOWN,
    plan.NOT_REACHED,
    plan.OUTDATED,
    plan.TO_CHANGE,
    plan.CONVERGED,
)
_KINDS = {
    plan.CONVERGED: "good",
    plan.OK: "good",
    plan.INSTALLED: "good",
    plan.REPAIRED: "note",
    plan.TO_CHANGE: "note",
    plan.WRONG: "bad",
    plan.FAILED: "bad",
    plan.UNREACHABLE: "bad",
}
_SHOWN = 20  # lines of a kind on a terminal
Report = dict[str, Any]


def build(
    release: Release,
    scope: plan.Scope,
    journaled: Mapping[str, plan.HostRollout],
    now: dt.datetime,
    check: bool = False,
) -> Report:
    """The report as JSON has it.

    Args:
        release: what was rolled out.
        scope: the declared hosts and the waivers.
        journaled: what the journal says.
        now: present time, UTC.
        check: it is of check mode.
    """
    hosts = {name: _host(journaled.get(name), now) for name in scope.hosts}
    waived = {one.host for one in scope.waivers}
    missing = [name for name, host in hosts.items() if host["outcome"] != plan.CONVERGED and name not in waived]
    outcomes = [host["outcome"] for host in hosts.values()]
    return {
        "version": FILE.version,
        "manifest": release.as_dict(),
        "complete": not missing,
        "check": check,
        "written": times.render(now),
        "counts": {outcome: outcomes.count(outcome) for outcome in _ORDER},
        "missing": missing,
        "hosts": hosts,
        "outside": dict(scope.outside),
        "waived": [{**one.as_dict(), "needed": hosts[one.host]["outcome"] != plan.CONVERGED} for one in scope.waivers],
    }


def _outcome(state: plan.HostRollout, now: dt.datetime) -> str:
    """What converged long ago says nothing about today."""
    old = state.outcome == plan.CONVERGED and not plan.is_fresh(state.last.moment, now)
    return plan.OUTDATED if old else state.outcome


def _host(state: plan.HostRollout | None, now: dt.datetime) -> Report:
    if state is None:
        return {"outcome": plan.NOT_REACHED, "measured": None, "converged": None, "stores": [], "drift": []}
    last = state.last
    stores = state.stores()
    return {
        "outcome": _outcome(state, now),
        "measured": last.time,
        "converged": state.converged.time if state.converged else None,
        "stores": stores,
        "drift": [store["name"] for store in stores if store["state"] == plan.REPAIRED],
        "effective": dict(last.effective),
        "leaves": list(last.leaves),
        "handshakes": list(last.handshakes),
        "error": dict(last.error),
        "reason": "" if last.outcome == plan.CONVERGED else plan.reason(last),
    }


def same(one: Report, other: Report | None) -> bool:
    """Whether two reports say the same, whenever they were written."""
    known = {key: other.get(key) for key in one} if other is not None else None
    return known is not None and {**one, "written": ""} == {**known, "written": ""}


def path(directory: str, sequence: int, suffix: str) -> str:
    """Where a file of a rollout is in the public record."""
    return os.path.join(directory, "rollouts", f"{sequence:06d}.{suffix}")


def write(directory: str, release: Release, report: Report) -> list[str]:
    """Write the report in its three forms; the record gets no half of one.

    Returns:
        The files.
    """
    forms = {
        "md": markdown(report).encode(),
        "html": html(report).encode(),
        # The evidence comes last: people have read about it when it counts.
        "json": FILE.rewritten(path(directory, release.sequence, "json"), report),
    }
    for suffix, content in forms.items():
        save(path(directory, release.sequence, suffix), content)
    return [path(directory, release.sequence, suffix) for suffix in forms]


def markdown(report: Report) -> str:
    """The report as Markdown."""
    return as_markdown(_document(report))


def html(report: Report) -> str:
    """The report as one page of HTML."""
    return as_html(_title(report), _document(report), wide=True)


def summary(report: Report) -> list[str]:
    """What to say on a terminal: counts, and what needs somebody."""
    counts = ", ".join(f"{number} {outcome}" for outcome, number in reversed(report["counts"].items()) if number)
    verdict = "check mode, nothing was changed" if report["check"] else _verdict(report)
    lines = [f"{_title(report)}: {verdict}", f"{len(report['hosts'])} hosts: {counts}"]
    lines += _some([f"{name}: {_why(host)}" for name, host in _problems(report)])
    lines += _some([f"{name}: was wrong and is repaired: {', '.join(host['drift'])}" for name, host in _drift(report)])
    lines += _some([f"{name}: would be changed: {_wrong_stores(host)}" for name, host in _to_change(report)])
    lines += _some([f"{row[0]}: {row[1]} ({row[2]} {row[3]}) still has the old roots" for row in _old(report)])
    return lines


def _some(lines: list[str]) -> list[str]:
    more = [f"... and {len(lines) - _SHOWN} more, see the report"] if len(lines) > _SHOWN else []
    return [f"  {line}" for line in [*lines[:_SHOWN], *more]]


def _title(report: Report) -> str:
    return f"Rollout of trust manifest {report['manifest']['id']}, sequence {report['manifest']['sequence']}"


def _verdict(report: Report) -> str:
    if not report["complete"]:
        return "NOT COMPLETE"
    return "complete, with waivers" if any(one["needed"] for one in report["waived"]) else "complete"


def _document(report: Report) -> Iterator[Block]:
    if report["check"]:
        yield Banner("CHECK MODE: nothing was changed")
    if not report["complete"]:
        yield Banner(f"NOT COMPLETE: {len(report['missing'])} of {len(report['hosts'])} hosts have not converged")
    yield Heading(1, _title(report))
    yield Paragraph(f"{_verdict(report)}; written {report['written']}")
    rows = [(Mark(outcome, _kind(outcome)), str(number)) for outcome, number in report["counts"].items() if number]
    yield Table(("hosts", "number"), rows)
    yield from _listed(
        "Hosts that have not converged", ("host", "waived", "last converged", "why"), _problem_rows(report)
    )
    yield from _listed("Waivers", ("host", "owner", "until", "reason", "needed"), _waiver_rows(report))
    outside = sorted(report["outside"].items())
    yield from _listed("Hosts of the inventory that are none of the estate", ("host", "reason"), outside)
    yield from _listed(
        "Stores that were wrong since the host had converged, by hand or by a package, and are repaired",
        ("host", "store", "missing", "unwanted", "what else", "measured"),
        _drift_rows(report),
    )
    yield from _listed(
        "Services that still have the old roots, until they are restarted",
        ("host", "unit", "program", "processes", "runtime", "started"),
        _old(report),
    )
    yield Heading(2, "All hosts")
    yield _matrix(report)


def _listed(title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Iterator[Block]:
    if rows:
        yield Heading(2, f"{title} ({len(rows)})")
        yield Table(head, rows)


def _problem_rows(report: Report) -> list[Sequence[Cell]]:
    waived = {one["host"] for one in report["waived"]}
    return [
        (name, "yes" if name in waived else "", host["converged"] or "never", Mark(_why(host), _kind(host["outcome"])))
        for name, host in _problems(report)
    ]


def _waiver_rows(report: Report) -> list[Sequence[Cell]]:
    return [
        (one["host"], one["owner"], one["expires"], one["reason"], "yes" if one["needed"] else "no: it has converged")
        for one in report["waived"]
    ]


def _drift_rows(report: Report) -> list[Sequence[Cell]]:
    return [
        (name, store["name"], *_wrong_in(store), host["measured"])
        for name, host in _drift(report)
        for store in host["stores"]
        if store["name"] in host["drift"]
    ]


def _matrix(report: Report) -> Table:
    names = sorted({store["name"] for host in report["hosts"].values() for store in host["stores"]})
    rows = []
    for name, host in _sorted(report):
        found = {store["name"]: store["state"] for store in host["stores"]}
        cells: list[Cell] = [Mark(found[one], _kind(found[one])) if one in found else "" for one in names]
        effective = str(host.get("effective", {}).get("state", ""))
        in_effect: Cell = (
            Mark(effective, {"effective": "good", "stale": "note"}.get(effective, "open")) if effective else ""
        )
        rows.append([name, Mark(host["outcome"], _kind(host["outcome"])), *cells, in_effect, host["measured"] or ""])
    return Table(("host", "outcome", *names, "in effect", "measured"), rows)


def _sorted(report: Report) -> list[tuple[str, Report]]:
    return sorted(report["hosts"].items(), key=lambda item: (_ORDER.index(item[1]["outcome"]), item[0]))


def _problems(report: Report) -> list[tuple[str, Report]]:
    fine = (plan.CONVERGED, plan.TO_CHANGE)
    return [(name, host) for name, host in _sorted(report) if host["outcome"] not in fine]


def _drift(report: Report) -> list[tuple[str, Report]]:
    return [(name, host) for name, host in _sorted(report) if host["drift"]]


def _to_change(report: Report) -> list[tuple[str, Report]]:
    return [(name, host) for name, host in _sorted(report) if host["outcome"] == plan.TO_CHANGE]


def _old(report: Report) -> list[tuple[str, str, str, str, str, str]]:
    """Services with old roots: host, unit, program, process ids, runtime, when the first one began."""
    found: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] = {}
    for name, host in _sorted(report):
        for one in host.get("effective", {}).get("processes") or []:
            unit, program, runtime = (str(one.get(key) or "") for key in ("unit", "program", "runtime"))
            found.setdefault((name, unit or "no unit", program, runtime), []).append(one)
    return [
        (name, unit, program, ", ".join(str(one.get("pid")) for one in these), runtime, _began(these))
        for (name, unit, program, runtime), these in found.items()
    ]


def _began(processes: Sequence[Mapping[str, Any]]) -> str:
    first = min(float(one.get("started") or 0) for one in processes)
    return times.render_epoch(first)


def _why(host: Report) -> str:
    if host["outcome"] == plan.UNKNOWN:
        return "unknown: " + "; ".join(
            f"{one['name']}: {one.get('why') or 'it could not be looked into'}"
            for one in host["stores"]
            if one["state"] == plan.UNKNOWN
        )
    if host["outcome"] == plan.WRONG:
        return "still wrong: " + "; ".join(
            f"{one['name']}: {one.get('why') or 'it could not be corrected'}"
            for one in host["stores"]
            if one["state"] == plan.WRONG
        )
    if host["outcome"] == plan.OUTDATED:
        return f"outdated: it was measured {host['measured']}, more than {plan.FRESH.days} days ago"
    return str(host.get("reason") or host["outcome"])


def _wrong_stores(host: Report) -> str:
    return ", ".join(one["name"] for one in host["stores"] if one["state"] == plan.WRONG) or "files or settings"


def _wrong_in(store: Mapping[str, Any]) -> tuple[str, str, str]:
    """Missing and unwanted roots, and whatever else was wrong with a store."""
    missing, unwanted = (", ".join(str(one)[:16] for one in store.get(key) or []) for key in ("missing", "unwanted"))
    return missing, unwanted, str(store.get("why") or "")


def _kind(state: str) -> str:
    return _KINDS.get(state, "open")
