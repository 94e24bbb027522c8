# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths and the environment that every program started by ./dev gets."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("TRUSTANCHOR_CACHE") or Path.home() / ".cache/trustanchor")
TESTS = CHECKOUT / "tests"
# A benchmark brings an inventory of its own.
INVENTORY = Path(os.environ.get("LAB_INVENTORY") or CHECKOUT / "inventories" / "lab")


def content_hash(*parts: str | bytes) -> str:
    """Return 12 hexadecimal digits that name a cache entry made from these parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:12]


def lab_name() -> str:
    """Return the name of the lab (environment LAB_NAME)."""
    return os.environ.get("LAB_NAME") or "demo"


def lab_index() -> int:
    """Return the number of the lab, the third octet of its network (environment LAB_INDEX)."""
    return int(os.environ.get("LAB_INDEX") or "1")


def collections_path() -> Path:
    """Return a directory in which Ansible finds this checkout as the collection trustanchor.private_ca."""
    path = CACHE / f"collections-{content_hash(str(CHECKOUT))}"
    link = path / "ansible_collections/trustanchor/private_ca"
    if not link.is_symlink() or link.resolve() != CHECKOUT:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(CHECKOUT)
    return path


def ansible_environment(name: str | None = None, index: int | None = None) -> dict[str, str]:
    """Return the environment for programs against the lab `name` (default: LAB_NAME, LAB_INDEX)."""
    name = name or lab_name()
    vault_password = CACHE / "labs" / name / "vault-password"
    # Before the first `lab up` there is none, and linters do without.
    secrets = {"ANSIBLE_VAULT_PASSWORD_FILE": str(vault_password)} if vault_password.exists() else {}
    return {
        **os.environ,
        **secrets,
        "TRUSTANCHOR_CACHE": str(CACHE),
        "LAB_NAME": name,
        "LAB_INDEX": str(index or lab_index()),
        "LAB_STATE": str(CACHE / "labs" / name),
        "TRUSTANCHOR_CHECKOUT": str(CHECKOUT),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
        # Labs have hosts of the same names: their ssh connections must not be shared.
        "ANSIBLE_SSH_CONTROL_PATH_DIR": f"~/.ansible/cp/{name}",
        "ANSIBLE_CALLBACK_PLUGINS": str(TESTS / "dev" / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "executed_modules",
        "TRUSTANCHOR_EXECUTED_MODULES": os.environ.get("TRUSTANCHOR_EXECUTED_MODULES")
        or str(CACHE / "executed-modules.jsonl"),
        "PYTHONPATH": str(collections_path()),
    }
