# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running step-ca to what is on the disk: nothing, reload, restart or start.

Facts that decide (ca/ca.go of v0.30.2): SIGHUP reads ca.json, certificates, keys, templates and provisioners again, but
neither the password nor listeners nor the database; it is refused silently, systemd sees success all the same.
What the process has loaded is remembered in /run, so that a play that was interrupted between writing a file and
reloading is finished by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import TrustAnchorError
from ..host import systemd, versioned
from ..host.files import read, write_atomically
from . import settings, unit
from .layout import Layout

LOADED_STATE = "/run/trustanchor/step-ca.json"
FILE = versioned.VersionedFile("what step-ca has loaded", 1, "The next run of the playbook makes it again")
REFUSED = "error reloading server:"  # ca/signal.go


@dataclass(frozen=True)
class LoadedState:
    """What a process has loaded.

    Args:
        pid: main process.
        started_at: its start, seconds since the epoch.
        restart: digest of everything that only a start reads.
        reload: digest of everything that a reload reads too.
    """

    pid: int
    started_at: float
    restart: str
    reload: str


def digests(config: Mapping[str, Any], layout: Layout) -> tuple[str, str]:
    """Digests (restart, reload) of what is on the disk now."""
    listeners = settings.read_at_start(config) | {"insecure": _serves_insecurely(config)}
    program = os.stat(unit.PROGRAM) if os.path.exists(unit.PROGRAM) else None
    restart = _digest(
        [
            json.dumps(listeners, sort_keys=True).encode(),
            # A reproducible package gives every version the same time; a replaced file is another inode.
            str(program and (program.st_ino, program.st_mtime_ns, program.st_size)).encode(),
        ],
        [unit.PATH, layout.password],
    )
    templates = [*_files_below(f"{layout.base}/templates"), *_named_files(config)]
    reload = _digest([], [layout.config, layout.root, layout.certificate, layout.key, *templates])
    return restart, reload


def _serves_insecurely(config: Mapping[str, Any]) -> bool:
    """Whether there is a plain-HTTP listener (ca/ca.go shouldServeInsecureServer): a reload does not change that."""
    provisioners = (config.get("authority") or {}).get("provisioners") or []
    needed = (config.get("crl") or {}).get("enabled") or any(one.get("type") == "SCEP" for one in provisioners)
    return bool(config.get("insecureAddress") and needed)


def _named_files(config: Mapping[str, Any]) -> list[str]:
    """Further files that ca.json names and a reload reads."""
    provisioners = (config.get("authority") or {}).get("provisioners") or []
    templates = [((one.get("options") or {}).get("x509") or {}).get("templateFile") for one in provisioners]
    return sorted({str(path) for path in [*templates, *(config.get("federatedRoots") or [])] if path})


def _digest(parts: Iterable[bytes], paths: Iterable[str]) -> str:
    total = hashlib.sha256()
    for part in [*parts, *(read(path) or b"" for path in paths)]:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


def _files_below(path: str) -> list[str]:
    return sorted(os.path.join(top, name) for top, _directories, names in os.walk(path) for name in names)


def plan(state: systemd.Unit, loaded: LoadedState | None, restart: str, reload: str, newest: float) -> str:
    """What has to happen: ``none``, ``reload``, ``restart`` or ``start``.

    Args:
        state: the unit.
        loaded: what a former run left in `LOADED_STATE`, None where there is nothing.
        restart: digest of what only a start reads, as it is on the disk.
        reload: digest of what a reload reads.
        newest: the latest modification among these files, seconds since the epoch.
    """
    if not state.active:
        return "start"
    if loaded is None or (loaded.pid, loaded.started_at) != (state.main_pid, state.started_at):
        # Somebody else started the process (a boot, an operator): it read what was there then.
        return "none" if newest < state.started_at else "restart"
    if loaded.restart != restart:
        return "restart"
    return "none" if loaded.reload == reload else "reload"


def newest_change(layout: Layout) -> float:
    """Latest change (ctime: a renamed-in file counts too) of anything that the daemon reads, seconds."""
    paths = [
        unit.PATH,
        unit.PROGRAM,
        layout.password,
        layout.config,
        layout.root,
        layout.certificate,
        layout.key,
    ]
    found = [
        os.stat(path).st_ctime for path in [*paths, *_files_below(f"{layout.base}/templates")] if os.path.exists(path)
    ]
    return max(found, default=0.0)


def loaded_state() -> LoadedState | None:
    """What a former run left in `LOADED_STATE`; None where there is nothing, or nothing that can be read.

    Raises:
        TrustAnchorError: it is of a later version.
    """
    content = read(LOADED_STATE)
    if content is None:
        return None
    try:
        return LoadedState(**versioned.known(LoadedState, FILE.parse(content, LOADED_STATE)))
    except (versioned.DamagedFileError, TypeError):
        return None


def remember(restart: str, reload: str) -> None:
    """Keep what the running process has loaded for the next run."""
    state = systemd.show(unit.NAME)
    os.makedirs(os.path.dirname(LOADED_STATE), mode=0o755, exist_ok=True)
    loaded = LoadedState(state.main_pid, state.started_at, restart, reload)
    write_atomically(LOADED_STATE, FILE.rewritten(LOADED_STATE, asdict(loaded)), 0o644, "root", "root")


def apply(action: str, serving: Callable[[], bytes]) -> None:
    """Carry out a plan and wait until the daemon serves with it.

    Args:
        action: from `plan`.
        serving: gives the certificate that the daemon serves; raises TrustAnchorError while it does not answer.

    Raises:
        TrustAnchorError: it does not come up, or a reload was refused; with the end of its log.
    """
    if action == "none":
        return
    before = serving() if action == "reload" else b""
    began = time.time()
    try:
        if action != "reload":
            # Failed starts of a former run must not count against this one (StartLimitBurst=).
            systemd.act("reset-failed", unit.NAME)
        systemd.act("reload" if action == "reload" else "restart", unit.NAME)
        # Every start and every accepted reload makes a new server certificate (ca/ca.go getTLSConfig).
        what = f"step-ca did not take over its configuration ({action})"
        wait_until(lambda: serving() != before or _refused(began, what), 20, what)
    except TrustAnchorError as error:
        why = " ".join(part for part in (error.why, f"Its log ends: {systemd.journal(unit.NAME)}") if part)
        raise TrustAnchorError(error.what, why, "Correct the cause and run the play again") from error


class NotRetryable(TrustAnchorError):
    """A condition that will not come true, however long one waits."""


def _refused(since: float, what: str) -> bool:
    """False, unless step-ca has said that it refuses a reload.

    Raises:
        NotRetryable: it has.
    """
    if REFUSED in systemd.journal(unit.NAME, since=since):
        raise NotRetryable(what, "it refused the new one and goes on with the old one")
    return False


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until a condition holds.

    Raises:
        TrustAnchorError: it did not hold in time; with the last error that the condition raised.
        NotRetryable: the condition raised it.
    """
    deadline = time.monotonic() + seconds
    reason = ""
    while True:
        try:
            if condition():
                return
        except NotRetryable:
            raise
        except TrustAnchorError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise TrustAnchorError(what, reason)
        time.sleep(0.1)
