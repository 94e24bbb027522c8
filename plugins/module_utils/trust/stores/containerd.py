# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd: a file for each registry that leads to our roots. Standard library only."""

from __future__ import annotations

import os

from ...host.files import Directory, File
from ...text.configuration import fill
from . import container_registries, private_roots
from .base import Wanted
from .cache import Cache
from .kind import Declared, StoreKind, texts
from .managed import Items, ManagedFiles

BASE = "/etc/containerd/certs.d"
_HOSTS = "server = {server:toml_text}\n\n[host.{server:toml_text}]\n  ca = {roots:toml_text}\n"


def store(registry: str, roots: str, base: str) -> ManagedFiles:
    """containerd reads hosts.toml at each pull (docs/hosts.md); it leads to the file with our roots."""
    directory = os.path.join(base, registry)
    text = fill(_HOSTS, {"server": f"https://{registry}", "roots": roots})

    def render(_wanted: Wanted) -> Items:
        return [Directory(base), Directory(directory), File(f"{directory}/hosts.toml", text.encode())]

    return ManagedFiles(f"containerd {registry}", directory, render, holds_roots=False)


def _open(declared: Declared, _cache: Cache) -> list[ManagedFiles]:
    return [store(registry, private_roots.PATH, BASE) for registry in declared]


KIND = StoreKind(
    name="containerd",
    option="containerd_registries",
    spec=texts(),
    check=container_registries.check,
    open=_open,
    writable=lambda declared: [os.path.dirname(BASE)] if declared else [],
    example=("registry.corp.example",),
)
