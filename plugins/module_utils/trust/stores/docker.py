# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker: the roots of each registry. Standard library only."""

from __future__ import annotations

import os

from ...host.files import Directory, File
from . import container_registries
from .base import PREFIX, Wanted, entry_name
from .cache import Cache
from .certificate_files import certificates
from .kind import Declared, StoreKind, texts
from .managed import Items, ManagedFiles

BASE = "/etc/docker/certs.d"


def store(registry: str, base: str) -> ManagedFiles:
    """Docker reads every .crt in the registry's directory, at each connection (docs: "Verify repository client")."""
    directory = os.path.join(base, registry)

    def render(wanted: Wanted) -> Items:
        names = [(root, f"{directory}/{entry_name(root.sha256)}.crt") for root in wanted.roots]
        return [Directory(base), Directory(directory), *(File(path, root.pem.encode()) for root, path in names)]

    def stale(wanted: Wanted) -> list[str]:
        keep = {f"{entry_name(sha256)}.crt" for sha256 in wanted.sha256s}
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        return [f"{directory}/{name}" for name in names if name.startswith(PREFIX) and name not in keep]

    def stray(wanted: Wanted) -> list[str]:
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        paths = [f"{directory}/{name}" for name in names if name.endswith(".crt") and not name.startswith(PREFIX)]
        return [path for path in paths if wanted.unwanted(certificates(path))]

    return ManagedFiles(f"docker {registry}", directory, render, stale, stray)


def _open(declared: Declared, _cache: Cache) -> list[ManagedFiles]:
    return [store(registry, BASE) for registry in declared]


KIND = StoreKind(
    name="Docker",
    option="docker_registries",
    spec=texts(),
    check=container_registries.check,
    open=_open,
    writable=lambda declared: [os.path.dirname(BASE)] if declared else [],
    example=("registry.corp.example:5000",),
)
