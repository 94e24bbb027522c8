# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with one service certificate below a temporary directory, for tests; and processes that die half-way."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import settings, store

from factories import accounts, pki

ROOT = pki.root()
INTERMEDIATE = ROOT.intermediate()
SETTINGS = settings.Settings(
    name="web",
    names=("web.corp.example", "10.0.0.7"),
    ca_url="https://ca.corp.example",
    root_pem=ROOT.pem,
    lifetime=86400,
    renew_before=57600,
)
# Every call that changes the disk; a process may be killed before any of them.
_STEPS = ("mkdir", "rename", "symlink", "unlink", "rmdir", "chown", "chmod", "fchown", "fchmod", "fsync")


def make(home: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> settings.Settings:
    """Settings of a certificate whose directories and root are there, as the module makes them."""
    accounts.as_current_user(monkeypatch)
    monkeypatch.setattr(settings, "BASE", str(home / "service-certificates"))
    found = replace(SETTINGS, **changes)
    Path(found.directory, "generations").mkdir(parents=True)
    return found


def put(found: settings.Settings, leaf: pki.Leaf) -> None:
    """Activate a leaf with its key."""
    key = Path(found.directory, "given.key")
    key.write_text(pki.key_pem(leaf.key))
    try:
        store.activate(found, str(key), leaf.chain)
    finally:
        key.unlink()


def leaf(*names: str, **options: Any) -> pki.Leaf:
    """What the CA would issue."""
    return INTERMEDIATE.leaf(*(names or SETTINGS.names), **options)


def chain(found: settings.Settings) -> str:
    """The chain that the service reads now."""
    return Path(store.current(found).chain).read_text()


def killed_before(step: int, work: Callable[[], None]) -> bool:
    """Do something in a child process that dies, without any clean-up, before its n-th change of the disk.

    Returns:
        Whether it died; false: it had fewer steps and ended.
    """
    child = os.fork()
    if child == 0:
        _die_before(step)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _die_before(step: int) -> None:
    done = 0

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == step:
                os._exit(9)
            return real(*arguments, **options)

        return call

    tempfile.gettempdir()  # its own probing is not a step of the work
    for name in _STEPS:
        setattr(os, name, counting(getattr(os, name)))
