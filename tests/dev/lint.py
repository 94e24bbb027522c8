# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All linters, two at a time, with one summary."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import sanity
from .console import say
from .settings import CHECKOUT, ansible_environment, collections_path

AT_A_TIME = 2


@dataclass(frozen=True, eq=False)
class Check:
    """One linter: its command and where it runs."""

    name: str
    command: list[str]
    directory: Path


def checks() -> list[Check]:
    """Return the linters, the slow one first."""
    tree = collections_path()
    plugins = "ansible_collections/trustanchor/private_ca/plugins"
    return [
        Check("ansible-test sanity", sanity.command(), sanity.copy()),
        Check("ansible-lint", ["ansible-lint", "--profile", "production", "--offline", "-q"], CHECKOUT),
        Check("mypy", ["mypy", "--config-file", str(CHECKOUT / "pyproject.toml"), plugins], tree),
        Check("ruff check", ["ruff", "check", "."], CHECKOUT),
        Check("ruff format", ["ruff", "format", "--check", "--quiet", "."], CHECKOUT),
        Check("ignore files", [str(CHECKOUT / "dev"), "ignores", "--check"], CHECKOUT),
        Check("yamllint", ["yamllint", "--strict", "."], CHECKOUT),
    ]


def _run(check: Check) -> tuple[bool, float, str]:
    began = time.monotonic()
    done = subprocess.run(
        check.command,
        cwd=check.directory,
        env=ansible_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    say(f"{check.name}: {'ok' if done.returncode == 0 else 'FAILED'} in {seconds:.0f}s")
    return done.returncode == 0, seconds, done.stdout


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
