# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose trust stores are files of a test; the tools that rebuild stores are replaced."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import convergence, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, jks, private_roots
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Store
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.declaration import StoreDeclaration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.java import PASSWORD, Keystore

from factories import accounts, pki

MADE = [pki.root(f"Root {number}") for number in range(4)]
ROOTS = [Root("", made.sha256, pem=made.pem) for made in MADE]
ONE, TWO, THREE, FOUR = ROOTS


class Stores(StoreDeclaration):
    """The stores of a test's host."""

    host: Host

    def stores(self, cache: Cache) -> list[Store]:
        return [
            private_roots.store(str(self.host.home / "private/roots.pem")),
            debian.SystemStore(),
            *([Keystore(str(self.host.java_path), "java", cache)] if self.host.java_path.exists() else []),
            *self.host.others,
        ]


class Host:
    """A host whose update-ca-certificates works on the test's directory."""

    def __init__(self, home: Path) -> None:
        self.home, self.source = home, home / "source"
        self.java_path = home / "cacerts"
        self.rebuilt = 0
        self.deaf = False  # update-ca-certificates ends with 0 and does nothing
        self.distribution: list[Root] = []
        self.others: list[Store] = []
        self.clear()

    def clear(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        self.source.mkdir(parents=True)
        (self.home / "certs").mkdir()
        self.rebuilt = 0

    def rebuild(self) -> list[str]:
        """What --fresh does: links and bundle from nothing but the source files."""
        self.rebuilt += 1
        if self.deaf:
            return []
        certs = self.home / "certs"
        shutil.rmtree(certs)
        certs.mkdir()
        pems = [path.read_text() for path in sorted(self.source.glob("*.crt"))] + [
            root.pem for root in self.distribution
        ]
        (certs / "ca-certificates.crt").write_text("".join(pems))
        for number, pem in enumerate(pems):
            (certs / f"{number:08x}.0").write_text(pem)
        return ["the hook other of update-ca-certificates failed"]

    def give_java(self, **entries: Root) -> None:
        """A Java store with these entries, by alias."""
        listed = [jks.Entry(alias.encode(), 0, root.der) for alias, root in entries.items()]
        self.java_path.write_bytes(jks.write(listed, PASSWORD))

    @property
    def java(self) -> set[str]:
        return {entry.sha256 for entry in jks.read(self.java_path.read_bytes(), "java", PASSWORD)}

    def trusted(self) -> set[str]:
        return set(debian.trusted_by_bundle())

    @property
    def declaration(self) -> StoreDeclaration:
        declared = Stores()
        object.__setattr__(declared, "host", self)
        return declared

    def plan(self, roots: Sequence[Root], distrusted: set[str] = frozenset()) -> convergence.ConvergencePlan:  # type: ignore[assignment]
        return convergence.converge(roots, distrusted, self.declaration, state.load(), check=True).plan


def make_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host in a directory of the test; the program knows no other one."""
    accounts.as_current_user(monkeypatch)
    found = Host(tmp_path / "host")
    monkeypatch.setattr(debian, "SOURCE", str(found.source))
    monkeypatch.setattr(debian, "DIRECTORY", str(found.home / "certs"))
    monkeypatch.setattr(debian, "BUNDLE", str(found.home / "certs" / "ca-certificates.crt"))
    monkeypatch.setattr(debian, "CONFIGURATION", str(found.home / "ca-certificates.conf"))
    monkeypatch.setattr(debian, "DISTRIBUTION", str(found.home / "public"))
    monkeypatch.setattr(debian, "require", lambda: None)
    monkeypatch.setattr(debian, "rebuild", found.rebuild)
    monkeypatch.setattr(state, "PATH", str(found.home / "memory" / "trust.json"))
    return found


def run(host: Host, roots: list[Root], distrusted: set[str] = frozenset()) -> convergence.ConvergencePlan:  # type: ignore[assignment]
    """Plan and apply, as the module does."""
    outcome = convergence.converge(roots, distrusted, host.declaration, state.load())
    if failure := outcome.failure():
        raise failure
    return outcome.plan


def wrong(todo: convergence.ConvergencePlan) -> dict[str, tuple[list[str], list[str]]]:
    """Name of each wrong store to what is missing and unwanted in it."""
    return {one.name: (list(one.missing), list(one.unwanted)) for one in todo.listed if one.state != "ok"}
