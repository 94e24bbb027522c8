# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All linters, two at a time, with one summary."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from . import nox, sanity
from .console import say
from .settings import CHECKOUT, TESTS, ansible_environment, collections_path

AT_A_TIME = 2


@dataclass(frozen=True, eq=False)
class Check:
    """One linter: its commands, one after the other, where they run, and their environment."""

    name: str
    commands: list[list[str]]
    directory: Path = CHECKOUT
    environment: dict[str, str] = field(default_factory=ansible_environment)


def checks() -> list[Check]:
    """Return the linters, the slow ones first."""
    return [
        Check("ansible-test sanity", sanity.commands(), sanity.copy()),
        Check("nox", [["antsibull-nox", "lint-config"], nox.command(*nox.LINTED)], environment=nox.environment()),
        _types(),
        Check("ansible-lint", [["ansible-lint", "--profile", "production", "--offline", "-q"]]),
        Check(
            "import", [[sys.executable, "-m", "dev.libraries"]], environment={**os.environ, "PYTHONPATH": str(TESTS)}
        ),
        Check("ruff check", [["ruff", "check", "."]]),
        Check("ruff format", [["ruff", "format", "--check", "--quiet", "."]]),
        Check("yamllint", [["yamllint", "--strict", "."]]),
    ]


def _types() -> Check:
    """mypy on the plugins, which are one collection, and on the tests, of which each folder is a package."""
    tree = collections_path()
    plugins = "ansible_collections/trustanchor/private_ca/plugins"
    tests = [str(TESTS / name) for name in ("dev", "factories", "lab", "unit", "virtual_yubikey")]
    folders = [plugins, *(name for name in tests if Path(name).is_dir())]
    path = ":".join(str(root) for root in (tree, TESTS))
    command = ["mypy", "--config-file", str(CHECKOUT / "pyproject.toml"), *folders]
    return Check("mypy", [command], tree, {**ansible_environment(), "MYPYPATH": path})


def _run(check: Check) -> tuple[bool, float, str]:
    began = time.monotonic()
    passed, output = True, ""
    for command in check.commands:
        done = subprocess.run(
            command,
            cwd=check.directory,
            env=check.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        passed, output = passed and done.returncode == 0, output + done.stdout
    seconds = time.monotonic() - began
    say(f"{check.name}: {'ok' if passed else 'FAILED'} in {seconds:.0f}s")
    return passed, seconds, output


def run_all() -> dict[str, bool]:
    """Run all linters, print what they found and a summary; return which passed."""
    listed = checks()
    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        results = dict(zip(listed, pool.map(_run, listed), strict=True))
    for check, (passed, _seconds, output) in results.items():
        if not passed:
            print(f"--- {check.name}\n{output}")
    for check, (passed, seconds, _output) in results.items():
        print(f"{check.name:20} {'ok' if passed else 'FAILED':8} {seconds:5.0f}s")
    return {check.name: passed for check, (passed, _seconds, _output) in results.items()}


def main(_arguments: list[str]) -> int:
    """./dev lint"""
    return 0 if all(run_all().values()) else 1
