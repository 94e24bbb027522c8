# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is in clear on a disk, in a process list, an environment or a journal; not even while plays run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.leaks import (
    PASSING,
    PASSING_HERE,
    Planted,
    Question,
    forms,
    kinds,
    leaks,
    scalar,
    search,
    spki,
)
from ansible_collections.trustanchor.private_ca.tests.lab.play import STATE, play
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOSTS = ("ca1", "web1", "client1", "ceremony1")
SEARCHED = {host: ["/", "/dev/shm"] for host in HOSTS}
SEARCHED["localhost"] = [str(STATE), str(Path("~/.ansible").expanduser()), "/tmp"]
# Roots, their tokens and CRLs of their own: everything that needs the PIN.
REHEARSAL = {"root_ceremony_directory": "/var/lib/rehearsal", "pki_directory": str(STATE / "rehearsal")}


def intermediate_password() -> bytes:
    command = "systemd-creds decrypt --name=password /etc/step-ca/secrets/password.cred -"
    return hosts.run("ca1", command).stdout.encode()


def intermediate_key(password: bytes) -> ec.EllipticCurvePrivateKey:
    pem = hosts.output("ca1", "cat /etc/step-ca/secrets/intermediate_ca_key").encode()
    key = serialization.load_pem_private_key(pem, password)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


@pytest.fixture(scope="module")
def planted():
    plant = Planted()
    plant.plant("web1")
    yield plant
    plant.remove("web1")


@pytest.fixture(scope="module")
def question(planted):
    """What to search for."""
    password = intermediate_password()
    key = intermediate_key(password)
    root = x509.load_pem_x509_certificate(estate.root().encode())
    needles = {"pin": forms(estate.secret("pin")), "password": forms(password)}
    needles["intermediate"] = forms(scalar(key))
    for name in ("enrolment", "manifest"):
        needles[name] = forms(scalar(estate.private_key(name)))
    needles["planted"] = [planted.marker.encode().hex()]
    public = {
        "root": root.public_key(),
        "intermediate": key.public_key(),
        "enrolment": estate.private_key("enrolment").public_key(),
        "manifest": estate.private_key("manifest").public_key(),
    }
    public["planted key"] = planted.key.public_key()
    return Question({"needles": needles, "keys": {name: spki(key) for name, key in public.items()}})


def test_nothing_is_in_clear(question):
    answers = search(question, SEARCHED)
    assert {host: leaks(found) for host, found in answers.items()} == {host: [] for host in SEARCHED}
    assert kinds(answers["web1"]) == {"file", "argument", "environment", "open file", "journal"}
    assert ["planted key", "file", "/root/.ansible/tmp/planted.pem"] in answers["web1"]


@pytest.mark.parametrize("host", ["ca1", "web1"])
def test_no_token_outside_of_the_ceremony_machine(host):
    find = "find / -xdev '(' -name token.object -o -name 'softhsm*' ')' -not -path '/proc/*'"
    assert hosts.output(host, find) == ""
    assert hosts.output("ceremony1", find) != ""


def test_no_token_in_the_state_of_the_lab():
    assert list(STATE.rglob("token.object")) == []


def test_nothing_passes_by_while_plays_run(question):
    shutil.rmtree(STATE / "rehearsal", ignore_errors=True)
    shutil.copytree(STATE / "pki/requests", STATE / "rehearsal/requests")
    watched = {**dict.fromkeys(HOSTS, PASSING), "localhost": PASSING_HERE}
    running = {host: question.start(host, paths=paths, watch=True) for host, paths in watched.items()}
    try:
        playbooks = ("playbooks/plan_ceremony.yml", "playbooks/ceremony.yml")
        ceremony = play(*playbooks, limit="ceremony1", variables=REHEARSAL)
        # A lost certificate is enrolled again, and a restart hands the password to the daemon.
        hosts.run("web1", "rm /etc/service-certificates/web/current")
        hosts.run("ca1", "touch /usr/bin/step-ca")
        site = play(limit="ca1:web1")
    finally:
        answers = {host: hosts.answer(program) for host, program in running.items()}
        hosts.run("ceremony1", "rm -rf /var/lib/rehearsal")
    assert (ceremony.rc, site.rc) == (0, 0), ceremony.output + site.output
    assert ceremony.hosts["ceremony1"]["changed"] == 5
    assert site.hosts["ca1"]["changed"] and site.hosts["web1"]["changed"]
    assert {host: leaks(one["found"]) for host, one in answers.items()} == {host: [] for host in watched}
    assert min(one["rounds"] for one in answers.values()) > 10
    assert kinds(answers["web1"]["found"]) >= {"argument", "environment"}
