# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ceremonies of their own on the ceremony machine: each test has a record and a working directory."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from lab import hosts
from lab.play import CHECKOUT, STATE, Play, converge, play

HOST = "ceremony1"
RECORD = STATE / "pki"
PLAN, CEREMONY, VERIFY = (f"playbooks/{name}.yml" for name in ("plan_ceremony", "ceremony", "verify_ceremony"))
FULL = yaml.safe_load((CHECKOUT / "tests/lab/full_ceremony.yml").read_text())
# One root and its CRL: the smallest plan.
SMALL = {
    "root_ceremony_roots": [
        {"name": "r9", "subject": "CN=Small Root CA R9", "token": "primary", "attested": False},
    ],
    "root_ceremony_intermediates": [],
    "root_ceremony_manifest_signers": [],
}


class Scene:
    """A record with the lab's requests and a working directory that is not there yet.

    Args:
        record: directory of the record, made here.
        name: of the directory on the machine.
        declared: variables that say what there should be.
    """

    def __init__(self, record: Path, name: str, declared: dict[str, Any]) -> None:
        self.record, self.directory = record, f"/var/lib/{name}"
        shutil.copytree(RECORD / "requests", record / "requests")
        self.variables = {**declared, "pki_directory": str(record), "root_ceremony_directory": self.directory}

    @property
    def ceremony_directory(self) -> Path:
        """Plan, transcript and report, in the record."""
        return self.record / "ceremonies/0001"

    @property
    def plan_file(self) -> Path:
        """The plan."""
        return self.ceremony_directory / "ceremony.yml"

    def plan(self) -> None:
        """Draft it."""
        converge(PLAN, limit=HOST, variables=self.variables)

    def hold(self, **more: Any) -> Play:
        """Hold the ceremony, or try to."""
        return play(CEREMONY, limit=HOST, variables={**self.variables, **more})

    def events(self) -> list[str]:
        """What the transcript on the machine tells so far."""
        path = f"{self.directory}/ceremonies/0001/transcript.jsonl"
        shown = hosts.run(HOST, f"cat {path} 2>/dev/null || true").stdout
        return [str(json.loads(line)["event"]) for line in shown.splitlines() if line.endswith("}")]

    def verify(self) -> None:
        """Everything in the record holds."""
        converge(VERIFY, limit=HOST, variables=self.variables)


def said(command: list[str | Path]) -> str:
    """Output of a program that must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
