# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator who follows a guide: puts its files into the inventory and runs its commands, word for word."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import yaml
from ansible_collections.trustanchor.private_ca.tests.lab import estate, guides, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import CHECKOUT, STATE, Play, parse

DIRECTORY = STATE / "operator"
RECORD = STATE / "pki"
HOSTS = ("ca1", "web1", "client1")
BUNDLE = "cat /etc/ssl/certs/ca-certificates.crt"


def move_in() -> None:
    """Make the operator's directory: the hosts of the scenario, group variables of the lab and of the scenario."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    own, lab = CHECKOUT / "molecule/bad_days/inventory", CHECKOUT / "inventories/lab"
    shutil.copytree(lab / "group_vars", DIRECTORY / "group_vars")
    shutil.copytree(own, DIRECTORY, dirs_exist_ok=True)
    tokens = yaml.safe_load((lab / "tokens.yml").read_text())
    tokens["tokens"]["spare"] = {"kind": "softhsm", "label": "root-s2", "id": "02"}
    (DIRECTORY / "tokens.yml").write_text(yaml.safe_dump(tokens))
    (DIRECTORY / "pki").symlink_to(RECORD)


def run(command: list[str]) -> Play:
    """Run a command in the operator's directory, whose ansible.cfg names hosts.yml."""
    inventory = {"ANSIBLE_INVENTORY": str(DIRECTORY / "hosts.yml"), "ANSIBLE_VERBOSITY": "1"}
    plain = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    done = subprocess.run(
        command,
        cwd=DIRECTORY,
        env={**os.environ, **inventory, **plain},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return parse(done.returncode, done.stdout)


def follow(guide: str, heading: str) -> list[Play]:
    """Do what stands below a heading."""
    done = []
    for block in guides.procedure(guide, heading):
        if block.file:
            path = DIRECTORY / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text + "\n")
        for command in block.commands:
            done.append(run(command))
            assert done[-1].rc == 0, f"{command}\n{done[-1].output}"
    return done


def declare_roots(*, without: str, instead: dict[str, Any] | None = None) -> None:
    """What a guide says in words: a root leaves `root_ceremony_roots`, another one may take its place."""
    path = DIRECTORY / "group_vars/ceremony/ceremony.yml"
    declared = yaml.safe_load(path.read_text())
    kept = [root for root in declared["root_ceremony_roots"] if root["name"] != without]
    declared["root_ceremony_roots"] = [*kept, *([instead] if instead else [])]
    path.write_text(yaml.safe_dump(declared))


def anchor(name: str) -> None:
    """What a guide says in words: those in `pki_anchors` are refused, and another root is beside them."""
    refused = [{**one, "refused": True} for one in yaml.safe_load((STATE / "anchors.yml").read_text())]
    entry = {"name": name, "sha256": estate.root_sha256(estate.root("pki", name)), "reason": "signed paper"}
    (STATE / "anchors.yml").write_text(yaml.safe_dump([*refused, entry]))


def trusted_by(root: str) -> list[str]:
    """Hosts whose bundle has a root of the record."""
    body = "".join(estate.root("pki", root).splitlines()[1:-1])
    return [host for host in HOSTS if body in "".join(hosts.output(host, BUNDLE).split())]


def issuers(host: str = "client1") -> str:
    """The chain that web1 serves, once a client has accepted it."""
    command = "curl -sS https://web1.corp.example/ >/dev/null && "
    shown = "openssl s_client -connect web1.corp.example:443 -showcerts </dev/null 2>/dev/null"
    return hosts.output(host, command + shown)
