# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM files with our roots and nothing else, for services that are given a file. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import TrustAnchorError
from ...host.files import File
from .base import Wanted
from .cache import Cache
from .kind import OWNER, Declared, StoreKind, directories, entries
from .managed import Items, ManagedFiles


def store(path: str, owner: str = "root", group: str = "root", mode: int = 0o644) -> ManagedFiles:
    """One PEM file with exactly our roots; its directory must be there."""

    def render(wanted: Wanted) -> Items:
        return [File(path, wanted.pem.encode(), mode, owner, group)]

    return ManagedFiles(f"file {path}", path, render)


def _check(entry: Mapping[str, str], where: str) -> None:
    if "mode" in entry and not re.fullmatch("0?[0-7]{3}", entry["mode"]):
        raise TrustAnchorError(f"{where}: mode '{entry['mode']}' is not a mode", "octal digits such as 0644")


def _open(declared: Declared, _cache: Cache) -> list[ManagedFiles]:
    filled = [KIND.filled(entry) for entry in declared]
    return [store(one["path"], one["owner"], one["group"], int(one["mode"], 8)) for one in filled]


KIND = StoreKind(
    name="PEM file",
    option="files",
    spec=entries(**OWNER, mode={"type": "str", "default": "0644"}),
    check=_check,
    open=_open,
    writable=directories,
    example=({"path": "/etc/postgresql/roots.pem", "owner": "root", "group": "root", "mode": "0640"},),
)
