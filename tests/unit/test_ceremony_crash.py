# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed anywhere, a ceremony goes on where it was, and no two things are signed for one act."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import signing_keys
from ceremony_host import CeremonyHost
from programs import hold_ceremony

PROGRAM = Path(__file__).parent / "programs/hold_ceremony.py"
LANES = 4  # each lane is one test, so that they run side by side
KILLED, SIGNATURES = 137, 4  # root, intermediate, CRL, seal


def dies(home: Path, at: int) -> bool:
    done = subprocess.run([sys.executable, PROGRAM, home, str(at)], capture_output=True, text=True, check=False)
    assert done.returncode in (0, KILLED), done.stdout + done.stderr
    return done.returncode == KILLED


@pytest.mark.parametrize("lane", range(LANES))
def test_killed_between_any_two_steps(lane: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in itertools.count(1 + lane, LANES):
        host = CeremonyHost(tmp_path / str(number), ["root:r1", "intermediate:ca1", "crl:r1"])
        host.save()
        if not dies(host.home, number):
            assert number > 40, "the program dies nowhere"
            return
        with monkeypatch.context() as patch:
            signer = hold_ceremony.note_signatures(host.home / "signatures.log", lambda: None)
            patch.setattr(signing_keys.TokenSigner, "__call__", signer)
            assert {status.state for status in host.hold()} == {"done"}
        blocks = (host.home / "signatures.log").read_text().split()
        transcript = (host.place / "transcript.jsonl").read_text()
        assert transcript.count('"event":"signed"') == SIGNATURES - 1, number
        # A signature that died on its way to the disk is made again over the very same bytes; the seal is over the
        # transcript, and its time is new.
        assert len(blocks) - len(set(blocks)) <= 1, number
        assert len(set(blocks)) <= SIGNATURES + 1, number
