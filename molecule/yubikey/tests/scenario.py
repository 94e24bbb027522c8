# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this scenario share: its inventory, its secrets, small ceremonies on the YubiKeys."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import dump
from lab import hosts
from lab.play import CHECKOUT, STATE, Play, play
from lab.yubikeys import YKCS11

HOST = "ceremony1"
INVENTORY = str(CHECKOUT / "molecule/yubikey/inventory")
CEREMONY, VERIFY, TOKENS = "playbooks/ceremony.yml", "playbooks/verify_ceremony.yml", "molecule/yubikey/tokens.yml"
PRIMARY, STANDBY, SPARE, OLD = 11111111, 22222222, 33333333, 4444444
ROOT_OF_MAKER = STATE / "yubikeys/old-root.pem"


def run(playbook: str, check: bool = False, **variables: Any) -> Play:
    """Run a playbook on the ceremony machine; variables hold no secrets of the scenario."""
    return play(playbook, limit=HOST, variables=variables, check=check, arguments=("-i", INVENTORY))


def secret() -> str:
    """The secret from which the inventory cuts PINs and PUKs."""
    vault = VaultLib([("default", VaultSecret((STATE / "vault-password").read_bytes()))])
    return str(vault.decrypt((STATE / "pin").read_bytes()).decode())


def pins() -> dict[str, str]:
    """As in the inventory."""
    whole = secret()
    return {"primary": whole[:8], "standby": whole[4:]}


def puks() -> dict[str, str]:
    """As in the inventory."""
    whole = secret()[::-1]
    return {"primary": whole[:8], "standby": whole[4:]}


def ykman(serial: int, command: str) -> str:
    """Run `ykman piv`."""
    return hosts.output(HOST, f"ykman --device {serial} piv {command}")


def device(serial: int, slot: str) -> dict[str, str]:
    """A YubiKey in tokens.yml."""
    return {"kind": "yubikey", "module_path": YKCS11, "serial": str(serial), "slot": slot}


def maker() -> dict[str, str]:
    """The pinned certificate of the virtual YubiKeys' maker."""
    return {"file": str(ROOT_OF_MAKER), "sha256": hashlib.sha256(ROOT_OF_MAKER.read_bytes()).hexdigest()}


class Ceremony:
    """A small ceremony: one root, which also seals.

    Args:
        record: its record, an empty directory; tokens.yml is beside it.
        name: of the root, and of the directory on the machine.
        unattended: without people.
        key: changes to the plan's key.
    """

    def __init__(self, record: Path, name: str, unattended: bool = True, **key: Any) -> None:
        self.record, self.name, self.tokens = record, name, record.parent / f"{name}-tokens.yml"
        self.unattended = unattended
        self.directory = f"/var/lib/{name}"
        self._key = {
            "tokens": ["primary"],
            "algorithm": "ec-p384",
            "origin": "generated",
            "pin_policy": "always",
            "touch_policy": "always",
            **key,
        }
        subject = {"subject": f"CN=Root {name}", "days": 3650, "path_length": 1}
        self.plan(
            "first", [{"act": "root", "name": name, **subject, "name_constraints": {"permitted_dns": ["corp.example"]}}]
        )

    def plan(self, ceremony: str, acts: Sequence[dict[str, Any]], **changes: Any) -> None:
        """Write a plan; the next run is of the last one by name."""
        start = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
        start, end = ((start + dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (0, 1))
        people = [{"name": "Ada Lovelace", "role": "operator"}, {"name": "Grace Hopper", "role": "witness"}]
        plan = {
            "version": 1,
            "name": ceremony,
            "window": {"start": start, "end": end},
            "people": people,
            "unattended": self.unattended,
            "pkilint": "optional",
            "sealed_by": self.name,
            "keys": {self.name: self._key},
            **changes,
            "acts": list(acts),
        }
        path = self.record / "ceremonies" / ceremony / "ceremony.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dump(plan))

    def plug(self, roots: Sequence[dict[str, str]] | None = None, **devices: dict[str, str]) -> None:
        """Write tokens.yml."""
        roots = [maker()] if roots is None else roots
        self.tokens.write_bytes(dump({"version": 1, "tokens": devices, "attestation": {"roots": list(roots)}}))

    def variables(self, **more: Any) -> dict[str, Any]:
        """Variables of the playbook."""
        paths = {"root_ceremony_tokens": str(self.tokens), "root_ceremony_directory": self.directory}
        return {"pki_directory": str(self.record), **paths, **more}

    def hold(self, **more: Any) -> Play:
        """Hold it, or go on with it, as far as it gets; nothing comes into the record."""
        return run("molecule/yubikey/hold.yml", **self.variables(**more))

    def finish(self) -> Play:
        """Hold it to its end."""
        done = run(CEREMONY, **self.variables())
        assert done.rc == 0, done.output
        return done

    def events(self, ceremony: str = "first") -> list[dict[str, Any]]:
        """The transcript of the machine."""
        path = f"{self.directory}/ceremonies/{ceremony}/transcript.jsonl"
        return [json.loads(line) for line in hosts.run(HOST, f"cat {path}", check=False).stdout.splitlines()]

    def signed(self, ceremony: str = "first") -> list[str]:
        """The acts that are signed, in order."""
        return [event["data"]["act"] for event in self.events(ceremony) if event["event"] == "signed"]
