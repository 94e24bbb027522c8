# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories of the step program, which reads no other store. Standard library only."""

from __future__ import annotations

from ...host.files import Directory, File
from ...text.document import visible
from .base import Wanted
from .cache import Cache
from .json_settings import dumped, json_object
from .kind import OWNER, Declared, StoreKind, entries, paths
from .managed import Items, ManagedFiles


def store(path: str, owner: str, group: str, ca_url: str) -> ManagedFiles:
    """What the step program reads, and nothing else: certs/root_ca.crt and defaults.json below $STEPPATH."""
    defaults, roots = f"{path}/config/defaults.json", f"{path}/certs/root_ca.crt"

    def render(wanted: Wanted) -> Items:
        settings = {**json_object(defaults), "root": roots, "fingerprint": wanted.roots[0].sha256}
        if ca_url:
            settings["ca-url"] = ca_url
        folders = [Directory(one, 0o755, owner, group) for one in (path, f"{path}/certs", f"{path}/config")]
        files = [File(roots, wanted.pem.encode(), 0o644, owner, group)]
        return [*folders, *files, File(defaults, dumped(settings), 0o644, owner, group)]

    return ManagedFiles(f"step {path}", path, render, unread=lambda: _unread(path))


def _unread(path: str) -> str:
    """With a current context, step reads the directory of that and nothing here (step help context)."""
    context = json_object(f"{path}/current-context.json").get("context")
    return f"step reads its context {visible(str(context))[:100]} instead: step context remove" if context else ""


def _open(declared: Declared, _cache: Cache) -> list[ManagedFiles]:
    filled = [KIND.filled(entry) for entry in declared]
    return [store(one["path"], one["owner"], one["group"], one["ca_url"]) for one in filled]


KIND = StoreKind(
    name="step program",
    option="step_paths",
    spec=entries(**OWNER, ca_url={"type": "str"}),
    open=_open,
    writable=paths,
    example=({"path": "/root/.step", "ca_url": "https://ca.corp.example"},),
)
