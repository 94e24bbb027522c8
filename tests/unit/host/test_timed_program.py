# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import (
    commands,
    files,
    systemd,
    timed_program,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.timed_program import TimedProgram
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import program as entry
from factories import accounts

SERVICE = "{mark:block}[Service]\nExecStart={program:unit_path} {name:unit_word}\n{sandbox:block}"


class Systemd:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.enabled = self.active = self.stale = False

    def show(self, _unit: str) -> systemd.Unit:
        return systemd.Unit(True, self.active, self.enabled, self.stale, 0, 0.0)

    def run(self, command: list[str], **_options: Any) -> None:
        self.told.append(" ".join(command[1:]))
        self.stale = False
        self.enabled, self.active = (
            self.enabled or "enable" in command,
            self.active or command[1] in ("start", "restart"),
        )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Systemd:
    accounts.as_current_user(monkeypatch)
    for name in ("DIRECTORY", "UNITS"):
        monkeypatch.setattr(timed_program, name, str(tmp_path / name))
        (tmp_path / name).mkdir()
    found = Systemd()
    monkeypatch.setattr(systemd, "show", found.show)
    monkeypatch.setattr(systemd, "run", found.run)
    monkeypatch.setattr(commands, "run", found.run)
    return found


WANTED = TimedProgram("look-web", "look", entry, SERVICE, "Look", "hourly", 30, {"name": "web"})


def converge(wanted: TimedProgram, check: bool = False, before: list[Any] | None = None) -> timed_program.Convergence:
    done = wanted.install(before or [], check)
    if not check:
        wanted.start(done)
    return done


def test_files_first_then_the_timer_and_nothing_the_next_time(told: Systemd, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    own = files.File(str(tmp_path / "own/settings.json"), b"{}\n")
    planned = converge(WANTED, check=True, before=[own])
    assert (told.told, list(tmp_path.glob("*/*"))) == ([], [])
    done = converge(WANTED, before=[own])
    assert done == planned
    assert next(iter(done.corrected)) == own.path
    assert done.faults == ("not enabled", "not running")
    assert told.told == ["daemon-reload", "enable look-web.timer", "restart look-web.timer"]
    told.told.clear()
    again = converge(WANTED, before=[own])
    assert (again.changed, again.reload, told.told) == (False, False, [])


@pytest.mark.usefixtures("told")
def test_what_is_on_the_host(tmp_path: Path) -> None:
    converge(WANTED)
    path = tmp_path / "DIRECTORY/look"
    assert path.stat().st_mode & 0o777 == 0o755
    assert path.read_bytes().startswith(b"#!/usr/bin/python3\n")
    service = (tmp_path / "UNITS/look-web.service").read_text()
    assert service == f"{timed_program.MARK}[Service]\nExecStart={path} web\n{timed_program.SANDBOX}"
    timer = (tmp_path / "UNITS/look-web.timer").read_text()
    assert timer == (
        f"{timed_program.MARK}[Unit]\nDescription=Look\n\n[Timer]\nOnCalendar=hourly\nRandomizedDelaySec=30\n"
        "AccuracySec=1s\nPersistent=yes\n\n[Install]\nWantedBy=timers.target\n"
    )


def test_a_new_calendar_restarts_the_timer_and_a_new_program_does_not(told: Systemd, tmp_path: Path) -> None:
    converge(WANTED)
    told.told.clear()
    converge(replace(WANTED, calendar="daily"))
    assert told.told == ["daemon-reload", "enable look-web.timer", "restart look-web.timer"]
    told.told.clear()
    (tmp_path / "DIRECTORY/look").write_bytes(b"other")
    assert converge(replace(WANTED, calendar="daily")).changed
    assert told.told == []


@pytest.mark.parametrize("state", ["enabled", "active"])
def test_a_timer_that_somebody_stopped_is_started(told: Systemd, state: str) -> None:
    converge(WANTED)
    told.told.clear()
    setattr(told, state, False)
    assert len(converge(WANTED).faults) == 1
    assert told.told == ["enable look-web.timer", "start look-web.timer"]


def test_what_a_killed_run_left_is_finished(told: Systemd) -> None:
    """The files were written, and systemd was not told."""
    converge(WANTED)
    told.told.clear()
    told.stale = True
    done = converge(WANTED)
    assert (done.changed, done.faults) == (True, ("not loaded",))
    assert told.told == ["daemon-reload", "enable look-web.timer", "restart look-web.timer"]


def test_at_once(told: Systemd) -> None:
    WANTED.run_now()
    assert told.told == ["--no-block start look-web.service"]
