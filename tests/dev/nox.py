# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of noxfile.py: what antsibull-nox does for every collection."""

from __future__ import annotations

import os
import subprocess

from .settings import CACHE, CHECKOUT, TESTS, content_hash

# Those that need nothing but the package index, in an environment that is kept.
LINTED = ("-e", "extra-checks", "docs-check", "build-import-check")


def command(*arguments: str) -> list[str]:
    """Return the nox command with its environments in the cache: new versions of the tools make new environments."""
    pinned = [path.read_bytes() for path in sorted(TESTS.glob("requirements*.txt"))]
    environments = CACHE / f"nox-{content_hash(*pinned)}"
    return ["nox", "--envdir", str(environments), "-R", *arguments]


def environment() -> dict[str, str]:
    """Return the environment of nox: its sessions put the collection where they want it, not where ./dev has it."""
    return {
        name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("ANSIBLE_")
    }


def main(arguments: list[str]) -> int:
    """./dev nox [ARGUMENT...]"""
    return subprocess.run(command(*arguments), cwd=CHECKOUT, env=environment(), check=False).returncode
