# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The suites: unit tests, everything, the demonstration, benchmarks."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import compatibility, coverage, docs, lab, lint, nox, scenarios
from .console import Failure, say, step
from .mutation import command as mutants
from .settings import CACHE, CHECKOUT, INVENTORY, ansible_environment

# The web servers of the lab are an operator's own business, so they come from the tests.
DEMO_PLAYBOOKS = (
    "playbooks/request_intermediate.yml",
    "playbooks/plan_ceremony.yml",
    "playbooks/ceremony.yml",
    "tests/lab/anchors.yml",
    "tests/lab/services.yml",
    "playbooks/site.yml",
)
PARTS = ("lint", "unit", "molecule", "coverage")


def _pytest(arguments: list[str]) -> tuple[int, dict[str, int]]:
    """Run pytest and return its exit code and the counts of its closing line."""
    command = [sys.executable, "-m", "pytest", *arguments]
    started = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env=ansible_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert started.stdout is not None
    line = ""
    for line in started.stdout:
        print(line, end="", flush=True)
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?)", line)}
    return started.wait(), counts


def unit(arguments: list[str]) -> int:
    """./dev unit [PYTEST ARGUMENT...]"""
    return _pytest(arguments or ["-n", "auto"])[0]


def _unit() -> tuple[int, int]:
    with step("unit tests"):
        code, counts = _pytest(["-n", "auto"])
    failed = sum(number for word, number in counts.items() if word != "passed")
    return counts.get("passed", 0), max(failed, int(code != 0))


def _results(results: dict[str, bool]) -> tuple[int, int]:
    passed = sum(results.values())
    return passed, len(results) - passed


def _coverage() -> tuple[int, int]:
    """Check the record of the scenarios that ran just now."""
    gaps = coverage.missing(_record())
    print("".join(f"coverage: {gap}\n" for gap in gaps), end="", flush=True)
    return int(not gaps), int(bool(gaps))


def _record() -> Path:
    return CACHE / "executed-modules.jsonl"


def test(arguments: list[str]) -> int:
    """./dev test [PART...]; the last line has the counts."""
    chosen = arguments or list(PARTS)
    unknown = sorted(set(chosen) - set(PARTS))
    if unknown:
        raise Failure(f"no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    runners: dict[str, Callable[[], tuple[int, int]]] = {
        "lint": lambda: _results(lint.run_all()),
        "unit": _unit,
        "molecule": lambda: _results(scenarios.run_all([])),
        "coverage": _coverage,
    }
    if "molecule" in chosen:
        _record().unlink(missing_ok=True)
    passed = failed = 0
    for part in PARTS:
        if part in chosen:
            good, bad = runners[part]()
            passed, failed = passed + good, failed + bad
            say(f"{part}: {good} passed, {bad} failed")
    sys.stderr.flush()
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


def demo(_arguments: list[str]) -> int:
    """./dev demo: the lab and a complete PKI in it."""
    with step("demo"):
        lab.up([])
        playbooks = [str(CHECKOUT / name) for name in DEMO_PLAYBOOKS]
        command = ["ansible-playbook", "-i", str(INVENTORY), *playbooks, "--limit", "!other_authorities"]
        code, table = _play(command)
        if code:
            raise Failure("a playbook failed")
        print(f"\n{table}\n")
    return 0


def _play(command: list[str]) -> tuple[int, str]:
    """Run ansible-playbook in view; return its exit code and the last table of handshakes that it showed."""
    started = subprocess.Popen(command, cwd=CHECKOUT, env=ansible_environment(), stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    table: list[str] = []
    reading = False
    for line in started.stdout:
        print(line, end="", flush=True)
        if line.startswith("service "):
            table, reading = [], True
        reading = reading and "  " in line
        if reading:
            table.append(line.rstrip())
    return started.wait(), "\n".join(table)


def bench(arguments: list[str]) -> int:
    """./dev bench NAME [ARGUMENT...]: run benchmarks/NAME.py."""
    names = sorted(path.stem for path in (CHECKOUT / "benchmarks").glob("[a-z]*.py"))
    if not arguments or arguments[0] not in names:
        raise Failure(f"which benchmark? There are: {', '.join(names) or 'none'}")
    command = [sys.executable, str(CHECKOUT / "benchmarks" / f"{arguments[0]}.py"), *arguments[1:]]
    return subprocess.run(command, cwd=CHECKOUT, env=ansible_environment(), check=False).returncode


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "bench": bench,
    "compatibility": compatibility.main,
    "demo": demo,
    "docs": docs.main,
    "lint": lint.main,
    "molecule": scenarios.main,
    "mutants": mutants.main,
    "nox": nox.main,
    "test": test,
    "unit": unit,
}
