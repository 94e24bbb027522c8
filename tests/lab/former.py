# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An earlier state of this collection, from Git's history, and runs of its playbooks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .play import CHECKOUT, Play, parse


def extract(commit: str, directory: Path) -> Path:
    """The collection as it was at a commit, where Ansible finds it.

    Args:
        commit: full name of it.
        directory: gets ansible_collections/trustanchor/private_ca.

    Returns:
        The checkout.
    """
    checkout = directory / "ansible_collections/trustanchor/private_ca"
    checkout.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "-C", CHECKOUT, "archive", "--format=tar", commit], stdout=subprocess.PIPE, check=False
    )
    assert archive.returncode == 0, f"commit {commit} is not in this clone; fetch the whole history"
    subprocess.run(["tar", "--extract", "--directory", checkout], input=archive.stdout, check=True)
    return checkout


def converge(checkout: Path, playbooks: Sequence[str], inventories: Sequence[Path], limit: str) -> Play:
    """Run playbooks of an earlier checkout, which must succeed. Its modules do not count as run by the tests."""
    collections = str(checkout.parents[2])
    sources = [argument for path in (checkout / "inventories/lab", *inventories) for argument in ("-i", str(path))]
    done = subprocess.run(
        ["ansible-playbook", "-v", *sources, "--limit", limit, *playbooks],
        cwd=checkout,
        env={
            **os.environ,
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "ANSIBLE_CONFIG": str(checkout / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": collections,
            "TRUSTANCHOR_EXECUTED_MODULES": os.devnull,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return parse(done.returncode, done.stdout)
