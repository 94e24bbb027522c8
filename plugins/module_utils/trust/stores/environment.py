# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environment variables for programs that bring roots of their own: Python's certifi and requests, and Node.js.

Three places, since none reaches all: login shells, users' services, the system's services. Standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...host import systemd
from ...host.commands import run
from ...host.files import Directory, File
from ...text.configuration import fill
from . import debian, private_roots, variable_stores
from .base import Wanted
from .cache import Cache
from .kind import Declared, StoreKind, texts
from .managed import Items, ManagedFiles

PYTHON, NODE = "python", "node"
CHOICES = (PYTHON, NODE)
SHELLS = "/etc/profile.d/trustanchor.sh"
USERS = "/etc/environment.d/50-trustanchor.conf"
SERVICES = "/etc/systemd/system.conf.d/50-trustanchor.conf"
_MARK = "# Managed by the Ansible collection trustanchor.private_ca; changes are overwritten.\n"


def variables(programs: Sequence[str], roots: str) -> dict[str, str]:
    """Variables for programs.

    Args:
        programs: any of `CHOICES`.
        roots: path of the file with our roots alone; Node.js adds it to what it brings.
    """
    variables_of = {PYTHON: {"REQUESTS_CA_BUNDLE": debian.BUNDLE}, NODE: {"NODE_EXTRA_CA_CERTS": roots}}
    return {name: value for program in CHOICES if program in programs for name, value in variables_of[program].items()}


def drop_ins(programs: Sequence[str], roots: str) -> ManagedFiles:
    """The drop-ins; without programs there must be none."""
    values = variables(programs, roots)

    def render(_wanted: Wanted) -> Items:
        if not values:
            return []
        texts = _texts(list(values.items()))
        folders = [Directory(os.path.dirname(path)) for path in texts]
        return [*folders, *(File(path, (_MARK + text).encode()) for path, text in texts.items())]

    def stale(_wanted: Wanted) -> list[str]:
        return [] if values else [path for path in (SHELLS, USERS, SERVICES) if os.path.lexists(path)]

    def unread() -> str:
        loaded = _loaded() if values else None
        lost = [f"{name}={value}" for name, value in values.items() if f"{name}={value}" not in (loaded or ())]
        return (
            f"systemd does not give its services {', '.join(lost)}: look for another DefaultEnvironment="
            if (loaded is not None and lost)
            else ""
        )

    return ManagedFiles("environment", USERS, render, stale, holds_roots=False, after=_tell_systemd, unread=unread)


def _loaded() -> list[str] | None:
    """What systemd gives to its services; None where no systemd runs."""
    if not os.path.isdir("/run/systemd/system"):
        return None
    return run(["systemctl", "show-environment"]).stdout.decode(errors="replace").splitlines()


def _texts(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What each of the drop-ins says."""
    return {
        SHELLS: "".join(fill("export {pair:shell_variable}\n", {"pair": pair}) for pair in pairs),
        USERS: "".join(fill("{pair:file_variable}\n", {"pair": pair}) for pair in pairs),
        SERVICES: fill("[Manager]\nDefaultEnvironment={pairs:unit_variables}\n", {"pairs": pairs}),
    }


def _tell_systemd() -> None:
    """Services that start from now on have the variables."""
    if os.path.isdir("/run/systemd/system"):
        systemd.daemon_reload()


def _open(declared: Declared, _cache: Cache) -> list[ManagedFiles]:
    return [drop_ins(declared, private_roots.PATH)]


KIND = StoreKind(
    name="environment variables",
    option="environment",
    spec=texts(CHOICES, CHOICES),
    open=_open,
    discover=variable_stores.discover,
    always_writable=lambda: [os.path.dirname(path) for path in (SHELLS, USERS, SERVICES)],
    example=CHOICES,
)
