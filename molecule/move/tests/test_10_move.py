# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""web2 and client1 move to the other hierarchy in one run, and back; web1 stays where it is."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from lab import estate, hosts
from lab.play import CHECKOUT, STATE, Play, converge, play

BUNDLE, DIRECTORY = "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs"
KEYTOOL = "keytool -list -keystore /etc/ssl/certs/java/cacerts -storepass changeit"
SERVICE = "/etc/service-certificates/web"
LEAF = f"{SERVICE}/current/fullchain.pem"
TRUST = "molecule/move/trust.yml"
MOVED = {
    "pki_directory": str(STATE / "other-pki"),
    "service_certificate_root_name": "other",
    "service_certificate_ca_url": "https://ca2.corp.example",
    "handshake_proof_targets": ["ca2.corp.example:443", "web2.corp.example:443"],
}
HOME = {"handshake_proof_targets": ["ca.corp.example:443", "web1.corp.example:443", "web2.corp.example:443"]}
FIRST, OTHER = ("pki", "r1"), ("other-pki", "other")


def run(variables: dict[str, object]) -> Play:
    inventory = str(CHECKOUT / "molecule/move/inventory")
    return converge(limit="web2,client1", variables=variables, arguments=("-i", inventory))


def trusted(host: str, root: tuple[str, str]) -> dict[str, bool]:
    """Whether each store of a host trusts a root, as openssl and keytool say."""
    pem = estate.root(*root)
    fingerprint = ":".join(estate.root_sha256(pem)[index : index + 2] for index in range(0, 64, 2)).upper()
    verify = "openssl verify -no-CAstore -x509_strict"
    return {
        "bundle": hosts.run(host, f"{verify} -no-CApath -CAfile {BUNDLE}", pem, check=False).returncode == 0,
        "directory": hosts.run(host, f"{verify} -no-CAfile -CApath {DIRECTORY}", pem, check=False).returncode == 0,
        "java": fingerprint in hosts.output(host, KEYTOOL),
    }


def everywhere(yes: bool) -> dict[str, bool]:
    return dict.fromkeys(("bundle", "directory", "java"), yes)


def leaf(what: str) -> str:
    return hosts.output("web2", f"openssl x509 -noout -{what} -in {LEAF}")


def reaches(client: str, service: str) -> bool:
    command = f"curl --silent --show-error --output /dev/null https://{service}.corp.example/"
    done = hosts.run(client, command, check=False)
    assert done.returncode in (0, 60), done.stderr  # 60: the certificate is not trusted
    return done.returncode == 0


@pytest.fixture(scope="module")
def key_before() -> str:
    return leaf("pubkey")


@pytest.fixture(scope="module", autouse=True)
def moved(key_before: str) -> Iterator[None]:
    """One run moves both hosts."""
    assert trusted("web2", FIRST) == everywhere(True)
    assert trusted("web2", OTHER) == everywhere(False)
    assert key_before
    run(MOVED)
    yield


@pytest.mark.parametrize("host", ["web2", "client1"])
def test_the_new_root_is_trusted_and_the_old_one_is_not(host: str) -> None:
    assert trusted(host, OTHER) == everywhere(True)
    assert trusted(host, FIRST) == everywhere(False)


def test_the_certificate_is_new_with_a_new_key(key_before: str) -> None:
    assert "Other Intermediate CA" in leaf("issuer")
    assert leaf("pubkey") != key_before


def test_clients_reach_what_is_under_their_own_root() -> None:
    assert reaches("client1", "web2")
    assert not reaches("client1", "web1")
    assert reaches("web1", "web1")
    assert not reaches("web1", "web2")


def test_the_second_run_has_nothing_to_do() -> None:
    again = run(MOVED)
    assert again.changed == 0, again.output


def test_renewal_goes_to_the_new_ca() -> None:
    """Made due by hand; the unit is what the timer starts."""
    before = leaf("serial")
    hosts.run("web2", f"cp -p {SERVICE}/settings.json /run/ && sed -i 's/57600/90000/' {SERVICE}/settings.json")
    hosts.run("web2", "systemctl start service-certificate-web.service")
    hosts.run("web2", f"mv /run/settings.json {SERVICE}/settings.json")
    assert leaf("serial") != before
    assert "Other Intermediate CA" in leaf("issuer")
    timer = hosts.output("web2", "systemctl show --property Unit --property ActiveState service-certificate-web.timer")
    assert sorted(timer.split()) == ["ActiveState=active", "Unit=service-certificate-web.service"]


def test_killed_at_any_moment_no_store_is_ever_empty() -> None:
    """From one root to the other and back; a kill leaves full stores, and the next run finishes."""
    there, back = {"pki_directory": MOVED["pki_directory"]}, {"pki_directory": str(STATE / "pki")}
    took = _seconds(back)
    moments = random.Random(5)  # the same moments in each run, for a failure that can be repeated
    killed = 0
    for attempt in range(30):
        program = hosts.start("web2", "kill_trust", {"after": moments.uniform(0, took)})
        play(TRUST, limit="web2", variables=there if attempt % 2 == 0 else back)
        answer = hosts.answer(program)
        killed += answer["killed"]
        if not answer["killed"]:
            took = answer["lasted"]  # how fast the machine is just now
        assert min(answer["least"].values()) > 50, f"attempt {attempt}: {answer}"
        if killed == 5:
            break
    assert killed == 5, f"only {killed} runs were killed"
    converge(TRUST, limit="web2", variables=there)
    assert trusted("web2", OTHER) == everywhere(True)
    assert trusted("web2", FIRST) == everywhere(False)


def _seconds(variables: dict[str, str]) -> float:
    """How long the module works on the host when a root has to be replaced."""
    program = hosts.start("web2", "kill_trust", {"after": None})
    assert converge(TRUST, limit="web2", variables=variables).changed == 1
    return float(hosts.answer(program)["lasted"])


def test_and_back_again() -> None:
    run(HOME)
    for host in ("web2", "client1"):
        assert trusted(host, FIRST) == everywhere(True)
        assert trusted(host, OTHER) == everywhere(False)
    assert "Corp Example Intermediate CA 1" in leaf("issuer")
    assert reaches("client1", "web1")
    assert reaches("client1", "web2")
    again = run(HOME)
    assert again.changed == 0, again.output
