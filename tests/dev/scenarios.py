# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule scenarios, two at a time, each in a lab of its own."""

from __future__ import annotations

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import state, tools
from .console import Failure, say
from .image import images
from .podman import prepare
from .settings import CACHE, CHECKOUT, ansible_environment

AT_A_TIME = 2
TAIL_LINES = 150
# The labs of the scenarios: 10.77.101.0/24 and up.
FIRST_INDEX = 101
# They come first, so that no scenario is left running alone at the end.
LONGEST = ("trust", "changes")


def names() -> list[str]:
    """Return all scenarios."""
    return sorted(path.parent.name for path in (CHECKOUT / "molecule").glob("*/molecule.yml"))


def scenario(name: str, logs: Path) -> bool:
    """Run one scenario with its output in a file; print a summary, and the end of a failure's output."""
    lab = f"m-{name}"
    shutil.rmtree(state.directory(lab), ignore_errors=True)  # a public record of its own, from nothing
    state.prepare(lab)
    environment = ansible_environment(lab, FIRST_INDEX + names().index(name))
    environment["NO_COLOR"] = "1"
    command = [
        "molecule",
        "--base-config",
        str(CHECKOUT / "molecule/config.yml"),
        "test",
        "--scenario-name",
        name,
    ]
    began = time.monotonic()
    log = logs / f"{name}.log"
    with log.open("w") as output:
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    ok = done.returncode == 0
    say(f"scenario {name}: {'ok' if ok else 'FAILED'} in {time.monotonic() - began:.0f}s ({log})")
    if not ok:
        print("\n".join(log.read_text().splitlines()[-TAIL_LINES:]), flush=True)
    return ok


def run_all(chosen: list[str]) -> dict[str, bool]:
    """Run these scenarios (default: all) and return which passed."""
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        raise Failure(f"no scenario {', '.join(unknown)}; there are: {', '.join(names())}")
    # Made once, before scenarios would wait for each other.
    prepare()
    images(ceremony=True)
    tools.packages()
    logs = CACHE / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    wanted = sorted(chosen or names(), key=lambda name: name not in LONGEST)
    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        return dict(zip(wanted, pool.map(lambda name: scenario(name, logs), wanted), strict=True))


def main(arguments: list[str]) -> int:
    """./dev molecule [SCENARIO...]"""
    return 0 if all(run_all(arguments).values()) else 1
