# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is in clear on a disk, in a process list, an environment or a journal; not even while plays run."""

from __future__ import annotations

import base64
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import STATE, play
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOSTS = ("ca1", "web1", "client1", "ceremony1")
PLACES = {host: ["/", "/dev/shm"] for host in HOSTS}
PLACES["localhost"] = [str(STATE), str(Path("~/.ansible").expanduser()), "/tmp"]
PASSING = ["/root/.ansible", "/tmp", "/var/tmp", "/dev/shm"]  # where Ansible might write while it works
PLANT_UNIT = "planted-secret.service"
# A root, its token and a CRL of their own: everything that needs PIN and SO PIN.
REHEARSAL = {"root_ceremony_directory": "/var/lib/rehearsal", "pki_directory": str(STATE / "rehearsal")}


def forms(secret: bytes) -> list[str]:
    """A secret in clear, in hexadecimal and in base64 (in its three alignments), each in hexadecimal."""
    text = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    shifted = [base64.b64encode(b"\0" * shift + secret)[4 if shift else 0 :].rstrip(b"=")[:-2] for shift in range(3)]
    return [form.hex() for form in [*text, *shifted]]


def scalar(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private value."""
    return key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")


def spki(key) -> str:
    """DER SubjectPublicKeyInfo in hexadecimal."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form).hex()


def lab_secret(name: str) -> bytes:
    """A secret of the lab, decrypted in memory."""
    vault = VaultLib([("default", VaultSecret((STATE / "vault-password").read_bytes()))])
    return vault.decrypt((STATE / name).read_bytes())


def intermediate_password() -> bytes:
    command = "systemd-creds decrypt --name=password /etc/step-ca/secrets/password.cred -"
    return hosts.run("ca1", command).stdout.encode()


def intermediate_key(password: bytes) -> ec.EllipticCurvePrivateKey:
    pem = hosts.output("ca1", "cat /etc/step-ca/secrets/intermediate_ca_key").encode()
    key = serialization.load_pem_private_key(pem, password)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


@dataclass(frozen=True)
class Question:
    """What to search for; the needles stay out of pytest's messages."""

    asked: dict[str, Any] = field(repr=False)

    def start(self, host: str, **more: Any) -> subprocess.Popen[str]:
        """Start the search on a host."""
        return hosts.start(host, "search", {**self.asked, **more})


class Planted:
    """Harmless secrets that are put where secrets must not be: the search must find them."""

    def __init__(self) -> None:
        self.marker = secrets.token_hex(16)
        self.key = ec.generate_private_key(ec.SECP384R1())

    def plant(self, host: str) -> None:
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        hosts.run(host, "mkdir -p /root/.ansible/tmp; cat > /root/.ansible/tmp/planted.pem", pem.decode())
        keep_open = f"exec 3>/var/tmp/planted; echo {self.marker} >&3; rm /var/tmp/planted; sleep infinity; exit"
        start = f"systemd-run --unit {PLANT_UNIT} --setenv PLANTED={self.marker} sh -c '{keep_open}' {self.marker}"
        hosts.run(host, start)
        hosts.run(host, f"logger {self.marker}")

    def remove(self, host: str) -> None:
        hosts.run(host, f"systemctl stop {PLANT_UNIT}; rm -f /root/.ansible/tmp/planted.pem")


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
    needles = {name: forms(lab_secret(name)) for name in ("pin", "so_pin")}
    needles["password"] = forms(password)
    needles["intermediate"] = forms(scalar(key))
    needles["enrolment"] = forms(scalar(estate.enrolment_key()))
    needles["planted"] = [planted.marker.encode().hex()]
    public = {
        "root": root.public_key(),
        "intermediate": key.public_key(),
        "enrolment": estate.enrolment_key().public_key(),
    }
    public["planted key"] = planted.key.public_key()
    return Question({"needles": needles, "keys": {name: spki(key) for name, key in public.items()}})


def leaks(found):
    """What was found, but for what was planted."""
    return [one for one in found if not one[0].startswith("planted")]


def test_nothing_is_in_clear(question):
    running = {host: question.start(host, paths=paths, journal=host != "localhost") for host, paths in PLACES.items()}
    answers = {host: hosts.answer(program)["found"] for host, program in running.items()}
    assert {host: leaks(found) for host, found in answers.items()} == {host: [] for host in PLACES}
    kinds = {kind for name, kind, _place in answers["web1"] if name == "planted"}
    assert kinds == {"file", "argument", "environment", "open file", "journal"}
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
    places = {**dict.fromkeys(HOSTS, PASSING), "localhost": [str(Path("~/.ansible").expanduser())]}
    running = {host: question.start(host, paths=paths, watch=True) for host, paths in places.items()}
    try:
        ceremony = play("playbooks/ceremony.yml", limit="ceremony1", variables=REHEARSAL)
        # A lost certificate is enrolled again, and a restart hands the password to the daemon.
        hosts.run("web1", "rm /etc/service-certificates/web/current")
        hosts.run("ca1", "touch /usr/bin/step-ca")
        site = play(limit="ca1:web1")
    finally:
        answers = {host: hosts.answer(program) for host, program in running.items()}
        hosts.run("ceremony1", "rm -rf /var/lib/rehearsal")
    assert (ceremony.rc, site.rc) == (0, 0), ceremony.output + site.output
    assert ceremony.hosts["ceremony1"]["changed"] >= 4
    assert site.hosts["ca1"]["changed"] and site.hosts["web1"]["changed"]
    assert {host: leaks(one["found"]) for host, one in answers.items()} == {host: [] for host in places}
    assert min(one["rounds"] for one in answers.values()) > 10
    assert {kind for name, kind, _where in answers["web1"]["found"] if name == "planted"} >= {"argument", "environment"}
