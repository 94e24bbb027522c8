# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which trust stores a host has: declared by the operator, or found. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool, read_text, read_texts
from . import debian, discovery, environment, managed
from .base import Store
from .cache import Cache
from .java import Keystore
from .nss import NssDatabase

# Our roots alone: for programs that add to what they bring, and for containerd.
ROOTS = "/etc/trustanchor/roots.pem"
BROWSERS = {
    "firefox": lambda: managed.firefox_policy(debian.SOURCE),
    "chromium": lambda: managed.chromium_policy("chromium", "/etc/chromium/policies/managed"),
    "chrome": lambda: managed.chromium_policy("chrome", "/etc/opt/chrome/policies/managed"),
}
_REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?")
_KEYS = (
    *("discover", "keystores", "nss_databases", "browsers", "environment"),
    *("docker_registries", "containerd_registries", "step_paths", "files"),
)


@dataclass(frozen=True)
class Declaration:
    """The stores of a host, beside the system's and Debian's Java store, which every host has that has them.

    Args:
        discover: also the stores of other JDKs and the NSS databases of users, wherever they are.
        keystores: trust stores of Java programs: path, password_file, create, owner, group.
        nss_databases: databases of NSS: path, password_file, owner.
        browsers: names of `BROWSERS` whose policy is written.
        environment: names of `environment.CHOICES` that get their variables.
        docker_registries: ``host`` or ``host:port``.
        containerd_registries: the same.
        step_paths: directories of the step program: path, owner, group, ca_url.
        files: PEM files with our roots alone: path, owner, group, mode.
    """

    discover: bool = True
    keystores: tuple[Mapping[str, str], ...] = ()
    nss_databases: tuple[Mapping[str, str], ...] = ()
    browsers: tuple[str, ...] = ()
    environment: tuple[str, ...] = environment.CHOICES
    docker_registries: tuple[str, ...] = ()
    containerd_registries: tuple[str, ...] = ()
    step_paths: tuple[Mapping[str, str], ...] = ()
    files: tuple[Mapping[str, str], ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as `parse` reads it."""
        lists = {key: list(getattr(self, key)) for key in _KEYS if key != "discover"}
        return {"discover": self.discover, **lists}

    def stores(self, cache: Cache) -> list[Store]:
        """All stores of the host, the system's first: others are led to its files."""
        found: list[Store] = [managed.private_roots(ROOTS), debian.SystemStore()]
        declared: list[Store] = [*self._keystores(cache), *self._nss_databases(cache)]
        paths = {store.path for store in declared}
        discovered: list[Store] = [*discovery.debian_keystores(cache)]
        if self.discover:
            discovered += [*discovery.keystores(cache), *discovery.nss_databases(cache)]
        found += [*(store for store in discovered if store.path not in paths), *declared]
        found += [BROWSERS[name]() for name in self.browsers]
        found.append(environment.drop_ins(self.environment, ROOTS))
        found += [managed.docker_registry(name) for name in self.docker_registries]
        found += [managed.containerd_registry(name, ROOTS) for name in self.containerd_registries]
        found += [_step_path(entry) for entry in self.step_paths]
        return [*found, *(_file(entry) for entry in self.files)]

    def _keystores(self, cache: Cache) -> list[Keystore]:
        return [
            Keystore(
                entry["path"],
                f"java {entry['path']}",
                cache,
                password_file=entry.get("password_file", ""),
                create=entry.get("create", ""),
                owner=entry.get("owner", "root"),
                group=entry.get("group", "root"),
            )
            for entry in self.keystores
        ]

    def _nss_databases(self, cache: Cache) -> list[NssDatabase]:
        return [
            NssDatabase(
                entry["path"],
                f"nss {entry['path']}",
                cache,
                password_file=entry.get("password_file", ""),
                owner=entry.get("owner", ""),
            )
            for entry in self.nss_databases
        ]


def _step_path(entry: Mapping[str, str]) -> managed.ManagedFiles:
    owner = entry.get("owner", "root")
    return managed.step_path(entry["path"], owner, entry.get("group", "root"), entry.get("ca_url", ""))


def _file(entry: Mapping[str, str]) -> managed.ManagedFiles:
    owner, group = entry.get("owner", "root"), entry.get("group", "root")
    return managed.bundle(entry["path"], "", owner, group, int(entry.get("mode", "0644"), 8))


def parse(data: Mapping[str, Any]) -> Declaration:
    """Read a declaration, strictly.

    Raises:
        TrustAnchorError: an unknown key or name, a path that is not absolute, a path that is declared twice.
    """
    where = "trust stores"
    given = {key: value for key, value in check_keys(data, _KEYS, where).items() if value is not None}
    entries = {
        "keystores": ("path", "password_file", "create", "owner", "group"),
        "nss_databases": ("path", "password_file", "owner"),
        "step_paths": ("path", "owner", "group", "ca_url"),
        "files": ("path", "owner", "group", "mode"),
    }
    lists = {key: _entries(given.get(key), known, f"{where}: {key}") for key, known in entries.items()}
    _require_distinct([entry["path"] for listed in lists.values() for entry in listed])
    return Declaration(
        discover=read_bool(given, "discover", where) if "discover" in given else True,
        browsers=_names(given, "browsers", BROWSERS),
        environment=_names({"environment": list(environment.CHOICES), **given}, "environment", environment.CHOICES),
        docker_registries=_registries(given, "docker_registries"),
        containerd_registries=_registries(given, "containerd_registries"),
        **lists,
    )


def _entries(given: Any, known: tuple[str, ...], where: str) -> tuple[Mapping[str, str], ...]:
    if given is not None and not isinstance(given, (list, tuple)):
        raise TrustAnchorError(f"{where} is {type(given).__name__}, not a list", "each entry is a mapping")
    found = []
    for entry in given or []:
        values = {key: value for key, value in check_keys(entry, known, where).items() if value not in (None, "")}
        for key in values:
            read_text(values, key, where)
        path = read_text(values, "path", where)
        if not path.startswith("/") or "/../" in f"{path}/":
            raise TrustAnchorError(f"{where}: '{path}' is not an absolute path", "the place must be clear")
        if "mode" in values and not re.fullmatch("0?[0-7]{3}", values["mode"]):
            raise TrustAnchorError(f"{where}: mode '{values['mode']}' is not a mode", "octal digits such as 0644")
        if values.get("create", "jks") not in ("jks", "pkcs12"):
            raise TrustAnchorError(f"{where}: '{values['create']}' cannot be made", "known: jks, pkcs12")
        found.append(values)
    return tuple(found)


def _require_distinct(paths: Iterable[str]) -> None:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise TrustAnchorError(f"trust stores: {path} is declared twice", "each place is declared once")
        seen.add(path)


def _names(given: Mapping[str, Any], key: str, known: Iterable[str]) -> tuple[str, ...]:
    names = read_texts(given, key, "trust stores")
    for name in names:
        if name not in known:
            raise TrustAnchorError(f"trust stores: {key} has '{name}'", f"known: {', '.join(known)}")
    return names


def _registries(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = read_texts(given, key, "trust stores")
    for name in names:
        if not _REGISTRY.fullmatch(name):
            raise TrustAnchorError(f"trust stores: {key} has '{name}'", "HOST or HOST:PORT is expected")
    return names
