# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed anywhere, a ceremony goes on where it was, and no two things are signed for one act."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from factories.ceremony_host import CeremonyHost

PROGRAM = Path(__file__).parent / "programs/hold_ceremony.py"
LANES = 2  # each lane is one test, so that they run side by side
KILLED, SIGNATURES = 137, 4  # root, intermediate, CRL, seal


class Program:
    """Holds ceremonies, each in a process that may die."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, PROGRAM], stdin=-1, stdout=-1, text=True)

    def dies(self, home: Path, at: int) -> bool:
        """Whether the process came to its N-th step."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{home} {at}\n")
        self._process.stdin.flush()
        code = self._process.stdout.readline().strip()
        assert code in ("0", str(KILLED)), code
        return code == str(KILLED)

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture
def program() -> Iterator[Program]:
    started = Program()
    yield started
    started.end()


@pytest.mark.parametrize("lane", range(LANES))
def test_killed_between_any_two_steps(lane: int, tmp_path: Path, program: Program) -> None:
    for number in itertools.count(1 + lane, LANES):
        host = CeremonyHost(tmp_path / str(number), ["root:r1", "intermediate:ca1", "crl:r1"])
        host.save()
        if not program.dies(host.home, number):
            assert number > 40, "the program dies nowhere"
            return
        assert not program.dies(host.home, 0)
        assert CeremonyHost.load(host.home).state()["over"]
        blocks = (host.home / "signatures.log").read_text().split()
        transcript = (host.ceremony_directory / "transcript.jsonl").read_text()
        assert transcript.count('"event":"signed"') == SIGNATURES - 1, number
        # A signature that died on its way to the disk is made again over the very same bytes; the seal is over the
        # transcript, and its time is new.
        assert len(blocks) - len(set(blocks)) <= 1, number
        assert len(set(blocks)) <= SIGNATURES + 1, number
