# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of `site`, run by ansible-playbook with roles that only say their names, or fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
ROLES = ("trust_store", "trust_agent", "step_ca", "service_certificate", "ca_publication", "handshake_proof")
INVENTORY = """
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    service_certificate_list: [{name: web}]
  children:
    certificate_authorities: {hosts: {ca1: {}}}
    publication: {hosts: {web1: {}}}
    probes: {hosts: {client1: {}}}
"""
TASKS = """
- name: Stop where the test wants it
  ansible.builtin.fail:
    msg: ROLE is broken
  when: "'ROLE@' ~ inventory_hostname in broken.split()"

- name: Say that it was done
  ansible.builtin.debug:
    msg: "done: ROLE@{{ inventory_hostname }}"
"""


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This collection's playbooks and plugins, with roles of the test."""
    base = tmp_path_factory.mktemp("site")
    own = base / "ansible_collections/trustanchor/private_ca"
    for role in ROLES:
        tasks = own / "roles" / role / "tasks/main.yml"
        tasks.parent.mkdir(parents=True)
        tasks.write_text(TASKS.replace("ROLE", role))
    for name in ("playbooks", "plugins", "meta", "galaxy.yml"):
        (own / name).symlink_to(CHECKOUT / name)
    (base / "hosts.yml").write_text(INVENTORY)
    return base


def site(base: Path, broken: str = "") -> tuple[int, list[str], str]:
    """Exit code, what was done in its order, and the output."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [program, "-i", str(base / "hosts.yml"), "trustanchor.private_ca.site", "-e", f"broken='{broken}'"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    own = {**kept, "ANSIBLE_COLLECTIONS_PATH": str(base), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, env=own, cwd=base, capture_output=True, text=True, check=False)
    said = [line.partition("done: ")[2].strip('" ') for line in done.stdout.splitlines() if "done: " in line]
    return done.returncode, said, done.stdout + done.stderr


STORES = [f"trust_store@{host}" for host in ("ca1", "client1", "web1")]
SERVICES = [f"service_certificate@{host}" for host in ("ca1", "client1", "web1")]


def test_trust_stores_come_first(collection: Path) -> None:
    code, done, output = site(collection)
    assert code == 0, output
    assert sorted(done[:3]) == STORES
    assert done[3] == "step_ca@ca1"
    assert sorted(done[4:7]) == SERVICES
    assert done[7:] == ["ca_publication@web1", "handshake_proof@client1"]


def test_a_broken_ca_keeps_no_host_from_its_roots_and_stops_no_publication(collection: Path) -> None:
    code, done, output = site(collection, "step_ca@ca1")
    assert code != 0
    assert sorted(done[:3]) == STORES
    assert done[3:] == ["ca_publication@web1"]  # nothing is enrolled, and nothing proved
    assert "Stop where the test wants it: step_ca is broken" in output


def test_a_broken_store_stops_its_own_host_alone(collection: Path) -> None:
    code, done, _output = site(collection, "trust_store@client1")
    assert code != 0
    assert "client1" not in " ".join(done)
    assert done[-1] == "ca_publication@web1"


def test_a_broken_service_keeps_the_publication_from_nobody(collection: Path) -> None:
    code, done, _output = site(collection, "service_certificate@client1")
    assert code != 0
    assert done[-1] == "ca_publication@web1"
