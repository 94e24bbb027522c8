# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge the trust stores of a host to a set of roots, and read every one back. Standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..errors import TrustAnchorError
from ..host.files import converge as converge_files
from ..host.files import read, write_atomically
from .pem import Root
from .stores import debian, java

# Fingerprints that this collection has put into a store and has not yet seen leave it.
MEMORY = "/var/lib/trustanchor/trust.json"


@dataclass(frozen=True)
class Store:
    """What is wrong with one store.

    Args:
        name: of the store.
        missing: wanted fingerprints that it does not trust.
        unwanted: fingerprints that it trusts and must not.
    """

    name: str
    missing: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> bool:
        """Whether anything is."""
        return bool(self.missing or self.unwanted)


@dataclass(frozen=True)
class Plan:
    """What has to change on the host.

    Args:
        stores: state of every store that the host has.
        files: source files to write, with what is wrong with each.
        remove: source files to remove.
    """

    stores: list[Store]
    files: dict[str, list[str]]
    remove: list[str]

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.files or self.remove or any(store.wrong for store in self.stores))


def remembered() -> set[str]:
    """Fingerprints of former runs; none where the file is absent or damaged."""
    try:
        found = json.loads(read(MEMORY) or b"[]")
    except ValueError:
        return set()
    return {item for item in found if isinstance(item, str)} if isinstance(found, list) else set()


def _remember(sha256s: Collection[str]) -> None:
    content = json.dumps(sorted(sha256s)).encode()
    if read(MEMORY) != content:
        os.makedirs(os.path.dirname(MEMORY), mode=0o755, exist_ok=True)
        write_atomically(MEMORY, content, 0o644, "root", "root")


def plan(roots: Sequence[Root], absent: Collection[str]) -> Plan:
    """Compare the host with what is wanted.

    Args:
        roots: the roots that every store must trust.
        absent: fingerprints that no store may trust, whoever put them there.

    Raises:
        TrustAnchorError: a root is wanted and must be absent; the host has no system store.
    """
    debian.require()
    wanted = {root.sha256 for root in roots}
    if both := wanted & set(absent):
        raise TrustAnchorError(
            f"root {min(both)} is declared both as trusted and as absent", "it can be only one of them"
        )
    gone = (remembered() | set(absent)) - wanted
    stores = [
        _compare("system bundle", debian.trusted_by_bundle(), wanted, gone),
        _compare("system directory", debian.trusted_by_directory(), wanted, gone),
    ]
    if java.exists():
        present = java.trusted()
        ours = {sha256 for sha256, alias in present.items() if java.is_ours(alias)}
        stores.append(_compare("java", set(present), wanted, gone | (ours - wanted)))
    return Plan(
        stores=stores,
        files=converge_files(debian.files(roots), check=True),
        remove=[*debian.foreign_files(roots, absent), *debian.dangling_links()],
    )


def _compare(name: str, trusted: set[str], wanted: set[str], gone: set[str]) -> Store:
    return Store(name, sorted(wanted - trusted), sorted(trusted & gone))


def apply(roots: Sequence[Root], absent: Collection[str], todo: Plan) -> Plan:
    """Carry out a plan and read back.

    What was once put into a store is remembered before anything is removed, so a run that is killed half-way is
    finished by the next one. No store is ever empty: files are replaced by rename, update-ca-certificates writes its
    bundle the same way, and only the links of what changed are touched.

    Returns:
        The plan after it: nothing to do.

    Raises:
        TrustAnchorError: a store is still not as wanted.
    """
    wanted = {root.sha256 for root in roots}
    gone = (remembered() | set(absent)) - wanted
    _remember(wanted | remembered())
    converge_files(debian.files(roots), check=False)
    for path in todo.remove:
        os.unlink(path)
    system = [store for store in todo.stores if store.name.startswith("system")]
    if todo.files or todo.remove or any(store.wrong for store in system):
        debian.rebuild()
    if java.exists():
        paths = {root.sha256: f"{debian.SOURCE}/{debian.file_name(root.sha256)}.crt" for root in roots}
        unwanted = {sha256 for store in todo.stores if store.name == "java" for sha256 in store.unwanted}
        java.converge(paths, gone | unwanted)
    after = plan(roots, absent)
    for store in after.stores:
        if store.wrong:
            raise TrustAnchorError(
                f"the {store.name} store is still wrong after it was rebuilt",
                f"missing: {store.missing or 'nothing'}, still trusted: {store.unwanted or 'nothing'}",
                "Run update-ca-certificates by hand and look at what its hooks say",
            )
    _remember(wanted)
    return after
