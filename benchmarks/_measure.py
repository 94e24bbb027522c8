# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all benchmarks share: timing of plays in a lab, and the form of the result files."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "benchmarks" / "results"
DEV = str(CHECKOUT / "dev")
sys.path.insert(0, str(CHECKOUT / "tests"))

from dev.settings import INVENTORY, ansible_environment  # noqa: E402  the path is set above


@dataclass(frozen=True)
class Measure:
    """One figure."""

    name: str
    value: float
    unit: str
    higher_is_better: bool = False


@dataclass(frozen=True)
class Play:
    """What one run of ansible-playbook cost.

    Args:
        seconds: wall clock from start to end.
        controller_cpu: seconds, all processes of the controller.
        tasks: number of tasks that the recap counts, by host.
        changed: number of changes, by host.
    """

    seconds: float
    controller_cpu: float
    tasks: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)


class Lab:
    """A lab of its own for a benchmark.

    Args:
        name: of the lab.
        index: of its network.
        inventory: directory with the hosts that ./dev lab makes; plays use it, too, unless another one is set.
    """

    def __init__(self, name: str, index: int, inventory: Path = INVENTORY) -> None:
        self.name, self.index = name, index
        self._made_of = self.inventory = inventory
        self.state = Path(self.environment["LAB_STATE"])

    @property
    def environment(self) -> dict[str, str]:
        """For programs against this lab; complete once it is up."""
        return {**ansible_environment(self.name, self.index), "LAB_INVENTORY": str(self._made_of)}

    def dev(self, *arguments: str) -> str:
        """Run ./dev; its output."""
        done = subprocess.run([DEV, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"./dev {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def ssh(self, host: str, command: str) -> str:
        """Run a command on a host; its output."""
        return self.dev("lab", "ssh", host, command)

    def play(self, *playbooks: str, limit: str = "", directory: Path = CHECKOUT, arguments: Sequence[str] = ()) -> Play:
        """Run playbooks and measure them; ends the benchmark when they fail."""
        paths = [str(directory / playbook) for playbook in playbooks]
        limited = ["--limit", limit] if limit else []
        command = ["ansible-playbook", "-i", str(self.inventory), *limited, *arguments, *paths]
        before, began = _children_cpu(), time.monotonic()
        done = subprocess.run(command, cwd=CHECKOUT, env=self.environment, capture_output=True, text=True, check=False)
        seconds, cpu = time.monotonic() - began, _children_cpu() - before
        if done.returncode:
            raise SystemExit(f"{' '.join(playbooks)} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
        return Play(seconds, cpu, _recap(done.stdout, "ok", "skipped"), _recap(done.stdout, "changed"))

    def cpu(self, host: str) -> float:
        """CPU seconds that a host has used since it was started (cgroup v2 cpu.stat)."""
        stat = self.ssh(host, "cat /sys/fs/cgroup/cpu.stat")
        return int(re.search(r"usage_usec (\d+)", stat)[1]) / 1e6  # type: ignore[index]


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _recap(output: str, *words: str) -> dict[str, int]:
    """Sums of words of the PLAY RECAP, by host."""
    found = {}
    for line in output.partition("PLAY RECAP")[2].splitlines():
        if match := re.match(r"(\S+)\s+: (.*)", line):
            counts = dict(re.findall(r"(\w+)=(\d+)", match[2]))
            found[match[1]] = sum(int(counts[word]) for word in words)
    return found


def write(name: str, measures: Sequence[Measure]) -> None:
    """Print the figures and keep them in benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    result = {
        "name": name,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "measures": [asdict(measure) for measure in measures],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    for measure in measures:
        print(f"{measure.name:42} {measure.value:10.2f} {measure.unit}")
