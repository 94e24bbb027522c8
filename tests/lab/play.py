# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook of the project from a test, and read what it did."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .processes import kill_tree

CHECKOUT = Path(__file__).resolve().parents[2]
SITE = "playbooks/site.yml"
# Of the lab: ssh configuration, public record, secrets.
STATE = Path(os.environ["LAB_STATE"])

_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?:[^\]]*? : )?(.*)\] \**$")
_RESULT = re.compile(
    r"^(ok|changed|fatal|failed|skipping): \[([^\] ]+)[^\]]*\](?:: FAILED!)?(?: (?:=> )?\(item=.*?\))? => (\{.*\})$"
)
_RECAP = re.compile(r"^(\S+)\s+: ((?:\w+=\d+\s*)+)$")


@dataclass(frozen=True)
class Play:
    """What one run of ansible-playbook did.

    Args:
        rc: exit code; 0 is success.
        output: standard output and standard error.
        hosts: host to the counts of its recap: ok, changed, unreachable, failed, skipped, rescued, ignored.
        results: (task, host) to the result of each item (one for a task without a loop).
    """

    rc: int
    output: str
    hosts: dict[str, dict[str, int]] = field(default_factory=dict)
    results: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Changed tasks on all hosts."""
        return sum(counts["changed"] for counts in self.hosts.values())

    def result(self, task: str, host: str) -> dict[str, Any]:
        """The one result of a task without a loop."""
        (only,) = self.results[task, host]
        return only

    def failure(self, host: str) -> str:
        """The message of the task that failed on a host."""
        mine = [one for (_task, where), items in self.results.items() if where == host for one in items]
        failed = [one for one in mine if one.get("failed")]
        assert failed, f"nothing failed on {host}:\n{self.output}"
        return str(failed[-1].get("msg", ""))


def play(
    *playbooks: str,
    limit: str,
    variables: Mapping[str, Any] | None = None,
    check: bool = False,
    arguments: tuple[str, ...] = (),
    prefix: tuple[str, ...] = (),
) -> Play:
    """Run playbooks in the lab of the environment (LAB_NAME).

    Args:
        playbooks: paths in the checkout; default: the site playbook.
        limit: hosts.
        variables: extra variables. No secrets: others see a command line.
        check: check mode with differences.
        arguments: further arguments of ansible-playbook.
        prefix: a program that starts ansible-playbook, with its arguments.
    """
    command = [*prefix, *_command(playbooks, limit, variables), *(["--check", "--diff"] if check else []), *arguments]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return parse(done.returncode, done.stdout)


def converge(
    *playbooks: str, limit: str, variables: Mapping[str, Any] | None = None, arguments: tuple[str, ...] = ()
) -> Play:
    """Run playbooks that must succeed."""
    done = play(*playbooks, limit=limit, variables=variables, arguments=arguments)
    assert done.rc == 0, done.output
    return done


def killed_at(task: str, *playbooks: str, limit: str, variables: Mapping[str, Any] | None = None) -> str:
    """Kill a run, with all its processes, when it comes to a task.

    Returns:
        Its output so far.
    """
    running = _started(playbooks, limit, variables, subprocess.PIPE)
    assert running.stdout is not None
    output = ""
    for line in running.stdout:
        output += line
        found = _TASK.match(line)
        if found and found.group(1) == task:
            kill_tree(running.pid)
            running.wait()
            return output
    raise AssertionError(f"the run ended with {running.wait()} and never came to '{task}':\n{output}")


def kill_when(
    reached: Callable[[], bool], *playbooks: str, limit: str, variables: Mapping[str, Any] | None = None
) -> None:
    """Kill a run, with all its processes, when a condition holds. What it started on hosts goes on there.

    Raises:
        AssertionError: the run ended before.
    """
    running = _started(playbooks, limit, variables, subprocess.DEVNULL)
    while not reached():
        assert running.poll() is None, "the run ended before it was killed"
        time.sleep(0.1)
    kill_tree(running.pid)
    running.wait()


def _started(
    playbooks: tuple[str, ...], limit: str, variables: Mapping[str, Any] | None, output: int
) -> subprocess.Popen[str]:
    """A run under way, with a session of its own."""
    return subprocess.Popen(
        _command(playbooks, limit, variables),
        cwd=CHECKOUT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def parse(rc: int, output: str) -> Play:
    """Read the output of a run with --verbose and results as JSON."""
    hosts: dict[str, dict[str, int]] = {}
    results: dict[tuple[str, str], list[dict[str, Any]]] = {}
    task = ""
    for line in output.splitlines():
        if found := _TASK.match(line):
            task = found.group(1)
        elif found := _RESULT.match(line):
            failed = {"failed": True} if found.group(1) in ("fatal", "failed") else {}
            results.setdefault((task, found.group(2)), []).append({**json.loads(found.group(3)), **failed})
        elif found := _RECAP.match(line):
            counts = (pair.split("=") for pair in found.group(2).split())
            hosts[found.group(1)] = {name: int(number) for name, number in counts}
    return Play(rc, output, hosts, results)


def _command(playbooks: tuple[str, ...], limit: str, variables: Mapping[str, Any] | None) -> list[str]:
    extra = ["--extra-vars", json.dumps(dict(variables))] if variables else []
    inventory = str(CHECKOUT / "inventories/lab")
    return ["ansible-playbook", "-v", "-i", inventory, "--limit", limit, *extra, *(playbooks or (SITE,))]


def _environment() -> dict[str, str]:
    """The environment of ./dev, with output that can be read by `parse`."""
    plain = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return {**os.environ, **plain}
