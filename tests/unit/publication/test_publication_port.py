# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens where nginx has to listen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import commands, preflight
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import nginx


@pytest.mark.parametrize(
    ("users", "refused"),
    [
        ('("nginx",pid=2,fd=6),("nginx",pid=3,fd=6)', ""),
        ('("nginx",pid=2,fd=6),("nginx",pid=9,fd=6)', "/home/ada/nginx"),
        ('("x",pid=2,fd=3)","nginx",pid=9,fd=6)', "/home/ada/nginx"),
        ('("nginx",pid=8,fd=6)', "another program"),
        ('("\udcff",pid=9,fd=6)', "/home/ada/nginx"),
        ('("a",pid=7,fd=6)', r"/tmp/\\x1b\[2J"),
    ],
)
def test_who_listens_is_told_by_its_program_and_not_by_its_name(
    monkeypatch: pytest.MonkeyPatch, users: str, refused: str
) -> None:
    programs = {2: nginx.PROGRAM, 3: nginx.PROGRAM, 7: "/tmp/\x1b[2J", 9: "/home/ada/nginx"}
    listed = f"LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:({users})\n".encode(errors="surrogateescape")
    asked: list[list[str]] = []

    def run(command: list[str]) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(stdout=listed)

    monkeypatch.setattr(commands, "run", run)
    monkeypatch.setattr(preflight, "program_of", lambda pid: programs.get(pid, ""))
    if not refused:
        nginx.require_port(80)
        assert asked == [["ss", "--no-header", "--listening", "--tcp", "--numeric", "--processes", "sport = :80"]]
        return
    with pytest.raises(TrustAnchorError, match=f"port 80 is in use by {refused}"):
        nginx.require_port(80)


def test_the_program_of_a_process(tmp_path: Path) -> None:
    assert preflight.program_of(os.getpid()) == os.path.realpath(sys.executable)
    copy = tmp_path / "copy"
    shutil.copy("/usr/bin/sleep", copy)
    running = subprocess.Popen([copy, "60"])
    try:
        copy.unlink()
        assert preflight.program_of(running.pid) == str(copy)
    finally:
        running.kill()
        running.wait()
    assert preflight.program_of(2**31 - 1) == ""
