# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd: a file for each registry that leads to our roots. Standard library only."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from typing import Any

from ...errors import TrustAnchorError
from ...host.commands import run
from ...host.files import Directory, File
from ...text.configuration import fill
from . import container_registries, private_roots
from .base import Wanted
from .cache import Cache
from .kind import Declared, StoreKind, texts
from .managed import Items, ManagedFiles

BASE = "/etc/containerd/certs.d"
# The plugin that pulls for Kubernetes: in configurations of version 3, of version 2, and as it was once called.
_CRI = ("io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri", "cri")
_HOSTS = "server = {server:toml_text}\n\n[host.{server:toml_text}]\n  ca = {roots:toml_text}\n"


def store(registry: str, roots: str, base: str) -> ManagedFiles:
    """containerd reads hosts.toml at each pull (docs/hosts.md); it leads to the file with our roots."""
    directory = os.path.join(base, registry)
    text = fill(_HOSTS, {"server": f"https://{registry}", "roots": roots})

    def render(_wanted: Wanted) -> Items:
        return [Directory(base), Directory(directory), File(f"{directory}/hosts.toml", text.encode())]

    return ManagedFiles(
        f"containerd {registry}", directory, render, holds_roots=False, unread=lambda: _unread(registry, base)
    )


def _unread(registry: str, base: str) -> str:
    """What containerd says of itself, its defaults and all imported files included; nothing where it is not installed.

    Raises:
        TrustAnchorError: its configuration cannot be read.
    """
    program = shutil.which("containerd")
    if program is None:
        return ""
    dumped = run([program, "config", "dump"], timeout=30).stdout.decode(errors="replace")
    try:
        settings = tomllib.loads(dumped)
    except tomllib.TOMLDecodeError as error:
        raise TrustAnchorError("containerd's configuration cannot be read", str(error)) from error
    return why_unread(settings, registry, base)


def why_unread(settings: Mapping[str, Any], registry: str, base: str) -> str:
    """Why containerd does not read the file of a registry; empty where it does.

    Args:
        settings: its whole configuration, of version 2 (containerd 1) or 3 (containerd 2).
        registry: name of the registry.
        base: directory of the registries' directories.
    """
    if set(_CRI) & set(settings.get("disabled_plugins") or ()):
        return ""  # pulls are nerdctl's then, which looks there by itself
    plugins = settings.get("plugins") or {}
    section: Mapping[str, Any] = next((plugins[name] for name in _CRI if name in plugins), {})
    config_path = str((section.get("registry") or {}).get("config_path") or "")
    listed = [os.path.normpath(path) for path in config_path.split(":") if path]
    if os.path.normpath(base) not in listed:
        return (
            f'containerd does not read it: config_path of its registries is "{config_path}"; write "{base}" there in '
            "/etc/containerd/config.toml, and restart containerd"
        )
    host, _colon, port = registry.partition(":")
    first = [f"{path}/{registry}" for path in listed[: listed.index(os.path.normpath(base))]]
    first += [f"{base}/{host}_{port}_"] if port else []
    hiding = [path for path in first if os.path.isdir(path)]
    return f"containerd reads {hiding[0]} instead" if hiding else ""


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
