# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts in the lab, what they leave, and ways to get in their way."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import parse_manifest
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import STATE, Play, play

HERE = Path(__file__).parents[1]
PLAYBOOK = "playbooks/rollout_trust.yml"
LAB = "localhost:ca1:web1:web2:client1"
TASK = "Trust the declared roots, and no others of ours"
RECORD = STATE / "pki"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
SHA256 = estate.root_sha256()
SOURCE = f"/usr/local/share/ca-certificates/trustanchor-{SHA256[:32]}.crt"
_EMPTIED = f"""python3 -c "
import pathlib
end = '-----END CERTIFICATE-----'
bundle = pathlib.Path('{BUNDLE}')
root = pathlib.Path('{SOURCE}').read_text().split('-----BEGIN')[1].split('-----END')[0]
bundle.write_text(''.join(part + end for part in bundle.read_text().split(end)[:-1] if root not in part) + chr(10))
" """


def roll_out(check: bool = False, limit: str = LAB, lost: bool = False, **variables: Any) -> Play:
    """One run; variables without their prefix. By default all hosts are looked at."""
    given = {"max_age": "0", **variables}
    return play(
        PLAYBOOK,
        limit=limit,
        variables={f"rollout_trust_{name}": value for name, value in given.items()},
        check=check,
        arguments=("-i", str(HERE / "inventory")) if lost else (),
    )


def sequence() -> int:
    """Of the record's manifest."""
    return parse_manifest((RECORD / "trust.yml").read_bytes(), "trust.yml").sequence


def path(suffix: str) -> Path:
    """A file of the current rollout."""
    return RECORD / "rollouts" / f"{sequence():06d}.{suffix}"


def report() -> Any:
    """The evidence of the current rollout."""
    return json.loads(path("json").read_bytes())


def outcomes() -> dict[str, str]:
    """Host to its outcome."""
    return {name: host["outcome"] for name, host in report()["hosts"].items()}


def asked(done: Play) -> set[str]:
    """The hosts whose stores a run looked at."""
    return {host for task, host in done.results if task == TASK}


def spoil(host: str) -> None:
    """Take our root out of the system's bundle by hand."""
    hosts.run(host, _EMPTIED)
    assert not is_right(host)


def is_right(host: str) -> bool:
    """Whether the system's bundle has our root."""
    subjects = f"openssl storeutl -certs -noout -text {BUNDLE}"
    return hosts.run(host, f"{subjects} | grep -q 'Corp Example Root CA R1'", check=False).returncode == 0


@contextlib.contextmanager
def unable(host: str) -> Iterator[None]:
    """A host on which the system's store cannot be written, and is wrong."""
    spoil(host)
    hosts.run(host, "mount --bind /etc/ssl/certs /etc/ssl/certs && mount -o remount,bind,ro /etc/ssl/certs")
    try:
        yield
    finally:
        hosts.run(host, "umount /etc/ssl/certs")


def raise_sequence() -> None:
    """A new version of the manifest with the same roots: nobody has converged to it."""
    file = RECORD / "trust.yml"
    text = file.read_text()
    file.write_text(text.replace(f"sequence: {sequence()}\n", f"sequence: {sequence() + 1}\n"))
