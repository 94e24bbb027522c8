# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask and command systemd. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from .commands import run


@dataclass(frozen=True)
class Unit:
    """State of a unit, as ``systemctl show`` tells it.

    Args:
        loaded: the unit file is known and without error.
        active: running.
        enabled: started at boot.
        needs_daemon_reload: the file changed after systemd read it.
        main_pid: process id, 0 where none.
        started_at: seconds since the epoch at which the main process began, 0 where none.
    """

    loaded: bool
    active: bool
    enabled: bool
    needs_daemon_reload: bool
    main_pid: int
    started_at: float


def show(unit: str) -> Unit:
    """State of a unit; an unknown unit is neither loaded nor active."""
    properties = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,MainPID,ExecMainStartTimestamp"
    done = run(["systemctl", "show", unit, f"--property={properties}", "--timestamp=unix"])
    values = dict(line.split("=", 1) for line in done.stdout.decode(errors="replace").split("\n") if "=" in line)
    started = values.get("ExecMainStartTimestamp", "").lstrip("@")
    return Unit(
        loaded=values.get("LoadState") == "loaded",
        active=values.get("ActiveState") in ("active", "reloading"),
        enabled=values.get("UnitFileState") == "enabled",
        needs_daemon_reload=values.get("NeedDaemonReload") == "yes",
        main_pid=int(values.get("MainPID") or 0),
        started_at=float(started or 0),
    )


def daemon_reload() -> None:
    """Make systemd read changed unit files."""
    run(["systemctl", "daemon-reload"])


def act(verb: str, unit: str, timeout: float = 120) -> None:
    """``systemctl VERB UNIT``.

    Raises:
        TrustAnchorError: with what systemd said.
    """
    run(["systemctl", verb, unit], timeout=timeout)


def journal(unit: str, lines: int = 15, since: float = 0) -> str:
    """What a unit logged last, without lines in JSON (a daemon's log of requests), for an error message.

    Args:
        unit: its name.
        lines: how many at the most.
        since: seconds since the epoch; 0: from the beginning.
    """
    command = ["journalctl", "--unit", unit, "--no-pager", "--output=cat", f"--lines={lines * 20}"]
    done = run([*command, *([f"--since=@{since:.6f}"] if since else [])], accept=(0, 1))
    told = [line for line in done.stdout.decode(errors="replace").split("\n") if not line.startswith("{")]
    return "\n".join(told[-lines:]).strip()
