# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ./dev."""

from __future__ import annotations

import os
import sys

from .console import Failure, say
from .settings import ansible_environment

HELP = """usage: ./dev COMMAND

  demo                        a complete PKI in the lab, from nothing
  test [PART]                 everything: lint, unit, molecule, coverage
  lint                        formatters, types, linters, ansible-test sanity
  nox [ARGUMENT...]           a session of noxfile.py in an environment of its own (--list: which there are)
  docs                        the documentation site, in build/docs/html
  unit [PYTEST ARGUMENT...]   unit tests
  molecule [SCENARIO...]      scenarios in the lab, two at a time
  mutants [FILE...]           change the files that decide, and see whether a test fails (--help; outside CI)
  compatibility               let all clients read what the profiles make; writes docs/compatibility.md (outside CI)
  bench NAME                  a benchmark of benchmarks/
  lab up [HOST...]            start the lab's hosts (name: LAB_NAME, network: LAB_INDEX)
  lab down [HOST...]          remove them; without names also the public record
  lab reset [HOST...]         replace hosts by virgin ones
  lab status                  what runs, with which address and names
  lab ssh HOST [COMMAND...]   log in
  lab podman ARGUMENT...      podman in the lab's storage
  run COMMAND...              run a program (ansible-playbook, pytest, ...) in the project's environment
"""


def start(arguments: list[str]) -> int:
    """Become another program in the project's environment."""
    if not arguments:
        raise Failure("./dev run: which program?")
    try:
        os.execvpe(arguments[0], arguments, ansible_environment())
    except FileNotFoundError:
        raise Failure(f"./dev run: there is no program {arguments[0]}") from None


NAMES = {line.split()[0] for line in HELP.splitlines() if line.startswith("  ")}


def main(arguments: list[str]) -> int:
    """Run one command and return the exit code."""
    name = arguments[0] if arguments else "help"
    if name in ("help", "-h", "--help"):
        print(HELP, end="")
        return 0
    if name not in NAMES:
        print(f"./dev: unknown command {name}\n", file=sys.stderr)
        print(HELP, end="", file=sys.stderr)
        return 2
    from . import lab, suite  # they need the virtual environment, the list of commands does not

    commands = {"lab": lab.main, "run": start, **suite.COMMANDS}
    try:
        return commands[name](arguments[1:])
    except Failure as problem:
        say(f"FAILED: {problem}")
        return 1


sys.exit(main(sys.argv[1:]))
