# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and packages do to trust stores, and what gets in the way of putting them right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import Play, play
from scene import COMMON, HERE, INVENTORY, STORES, holds, roll_out, run

ROOT = "r3"
SOURCE = "/usr/local/share/ca-certificates/trustanchor-*.crt"  # the one root that is left
ALIAS = f"$(basename {SOURCE} .crt)"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CACERTS = "/etc/ssl/certs/java/cacerts"
KEYTOOL = f"keytool -delete -alias {ALIAS} -keystore"
KAFKA = "-storepass:file /etc/kafka/truststore.password"
VENDOR = "/opt/vendor-jdk/lib/security/cacerts"
PULLING = ("web1", "web2", "client1")
TRUST = f"{HERE}/trust.yml"

# Name of a store in reports to what somebody does to it by hand.
BY_HAND = {
    "roots": "echo > /etc/trustanchor/roots.pem",
    "system sources": f"chmod 600 {SOURCE}",
    "system bundle": f"echo > {BUNDLE}",
    "system directory": f'find /etc/ssl/certs -lname "{ALIAS}.pem" -delete',
    "java": f"{KEYTOOL} {CACERTS} -storepass changeit",
    f"java {VENDOR}": f"{KEYTOOL} {VENDOR} -storepass changeit",
    "java /etc/kafka/truststore.p12": "rm /etc/kafka/truststore.p12",
    "java /etc/kafka/truststore.jks": f"{KEYTOOL} /etc/kafka/truststore.jks {KAFKA}",
    "nss /home/ada/.pki/nssdb": f"runuser -u ada -- certutil -D -d sql:/home/ada/.pki/nssdb -n {ALIAS}",
    "firefox policy": "rm /etc/firefox/policies/policies.json",
    "chromium policy": "echo '{}' > /etc/chromium/policies/managed/trustanchor.json",
    "environment": "sed -i /NODE/d /etc/environment.d/50-trustanchor.conf",
    "docker registry.corp.example:5000": "rm /etc/docker/certs.d/registry.corp.example:5000/*.crt",
    "containerd registry.corp.example": "rm -r /etc/containerd/certs.d/registry.corp.example",
    "step /root/.step": "rm /root/.step/certs/root_ca.crt",
    "file /etc/ssl/service-roots.pem": "chmod 600 /etc/ssl/service-roots.pem",
}


@pytest.fixture(scope="module", autouse=True)
def no_agents() -> Iterator[None]:
    """They would be faster than the tests."""
    for host in PULLING:
        hosts.run(host, "systemctl stop trustanchor-trust-agent.timer")
    roll_out()
    yield
    for host in PULLING:
        hosts.run(host, "systemctl start trustanchor-trust-agent.timer")


def trust(host: str) -> Play:
    """One run on one host, whatever comes of it."""
    return play(TRUST, limit=host, arguments=INVENTORY)


def right(host: str) -> bool:
    return all(holds(host, store, ROOT) for store in (STORES if host == "client1" else COMMON))


def require_repaired(host: str) -> None:
    assert run(TRUST, limit=host).hosts[host]["changed"] == 1
    assert right(host)
    assert run(TRUST, limit=host).hosts[host]["changed"] == 0


def test_stores_that_were_changed_by_hand_are_repaired_and_named() -> None:
    for command in BY_HAND.values():
        hosts.run("client1", command)
    ahead = run("playbooks/rollout_trust.yml", check=True)
    assert ahead.hosts["client1"]["changed"] == 1
    assert not right("client1")
    report = roll_out()
    assert sorted(report["hosts"]["client1"]["drift"]) == sorted(BY_HAND)
    assert report["hosts"]["web1"]["drift"] == []
    assert right("client1")
    assert hosts.output("client1", "stat -c %U /home/ada/.pki/nssdb/cert9.db") == "ada"
    assert roll_out()["hosts"]["client1"]["drift"] == []


def test_the_upgrade_of_a_package_is_repaired_and_named() -> None:
    assert holds("client1", "vendor's java", ROOT)
    script = (Path(__file__).parents[1] / "files/vendor_jdk.sh").read_text()
    hosts.run("client1", "sh -s 2", script)
    assert not holds("client1", "vendor's java", ROOT)
    assert roll_out()["hosts"]["client1"]["drift"] == [f"java {VENDOR}"]
    assert holds("client1", "vendor's java", ROOT)
    assert "public," in hosts.output("client1", f"keytool -list -keystore {VENDOR} -storepass changeit")


def test_a_hook_that_fails_is_told_though_update_ca_certificates_is_content() -> None:
    hook = "/etc/ca-certificates/update.d/zz-fails"
    hosts.run("web1", f"printf '#!/bin/sh\\nexit 3\\n' > {hook}; chmod 755 {hook}; rm {SOURCE}")
    assert hosts.run("web1", "update-ca-certificates").returncode == 0
    hosts.run("web1", f"rm -f {SOURCE}")
    done = run(TRUST, limit="web1")
    hosts.run("web1", f"rm {hook}")
    told = " ".join(done.output.split())
    assert "the hook zz-fails of update-ca-certificates failed with exit code 3" in told
    assert right("web1")


@contextmanager
def mounted(host: str, directory: str, options: str) -> Iterator[None]:
    hosts.run(host, f"mount {options} {directory}")
    try:
        yield
    finally:
        hosts.run(host, f"umount {directory}")


def test_a_read_only_file_system() -> None:
    """The other stores are brought right all the same."""
    hosts.run("web1", f"{KEYTOOL} {CACERTS} -storepass changeit; rm {SOURCE}")
    with mounted("web1", "/etc/ssl/certs/java", "--bind -o ro /etc/ssl/certs/java"):
        hosts.run("web1", "mount -o remount,bind,ro /etc/ssl/certs/java")
        failed = trust("web1")
        assert "java: cannot write /etc/ssl/certs/java/cacerts (Read-only file system)" in failed.failure("web1")
        assert holds("web1", "system bundle", ROOT)
        assert not holds("web1", "java", ROOT)
    require_repaired("web1")


def test_a_full_file_system() -> None:
    """No store is emptied; the run after it finishes."""
    full = "mount -t tmpfs -o size=4m none /mnt && cp -a /etc/ssl/certs/. /mnt/ && ! cat /dev/zero > /mnt/filler"
    hosts.run("web1", f"{full} 2>/dev/null; chmod 600 {SOURCE}")
    with mounted("web1", "/etc/ssl/certs", "--bind /mnt"):
        failed = trust("web1")
        assert "system: cannot write /etc/ssl/certs/ca-certificates.crt (No space left on device)" in failed.failure(
            "web1"
        )
        assert right("web1")
    hosts.run("web1", f"umount /mnt; chmod 600 {SOURCE}")
    require_repaired("web1")


def test_while_a_package_manager_holds_its_lock() -> None:
    hold = "import fcntl, sys; f = open('/var/lib/dpkg/lock-frontend', 'w'); g = open('/var/lib/dpkg/lock', 'w'); "
    hold += "fcntl.lockf(f, fcntl.LOCK_EX); fcntl.lockf(g, fcntl.LOCK_EX); open('/run/locked', 'w'); sys.stdin.read()"
    hosts.run("web1", f"{KEYTOOL} {CACERTS} -storepass changeit; rm -f /run/locked {SOURCE}")
    hosts.run("web1", f'systemd-run -q --unit holder sh -c "sleep infinity | python3 -c \\"{hold}\\""')
    hosts.await_true(lambda: hosts.run("web1", "test -e /run/locked", check=False).returncode == 0, 30, "no lock")
    try:
        assert hosts.run("web1", "dpkg --configure -a", check=False).returncode == 2
        require_repaired("web1")
    finally:
        hosts.run("web1", "systemctl stop holder")


def test_a_wrong_password_of_a_store() -> None:
    password = "/etc/kafka/truststore.password"
    hosts.run("client1", f"cp -p {password} /run/ && echo wrong-4711 > {password}; rm {SOURCE}")
    hosts.run("client1", "touch /etc/kafka/truststore.p12")  # what is known of it is of an older file
    failed = trust("client1")
    hosts.run("client1", f"cp -p /run/truststore.password {password}")
    message = failed.failure("client1")
    assert "the password of /etc/kafka/truststore.jks is wrong" in message
    assert "password was incorrect" in message
    assert "4711" not in failed.output
    assert right("client1")
    assert run(TRUST, limit="client1").hosts["client1"]["changed"] == 0


def test_a_host_without_java() -> None:
    away = "mv /usr/lib/jvm /usr/lib/jvm.away && mv /etc/ssl/certs/java /etc/ssl/java.away"
    back = "mv /usr/lib/jvm.away /usr/lib/jvm && mv /etc/ssl/java.away /etc/ssl/certs/java"
    hosts.run("web2", f"{away} && rm {SOURCE}")
    try:
        assert run(TRUST, limit="web2").hosts["web2"]["changed"] == 1
        assert holds("web2", "system bundle", ROOT)
        assert run(TRUST, limit="web2").hosts["web2"]["changed"] == 0
    finally:
        hosts.run("web2", back)
    assert right("web2")


def test_killed_at_any_moment_the_next_run_finishes() -> None:
    """With all kinds of stores; after each kill every program can still read its own."""
    moments = random.Random(7)  # the same moments in each run, for a failure that can be repeated
    killed, lasted = 0, 0.0
    for attempt in range(9):
        for name, command in BY_HAND.items():
            if not name.startswith(("system", "java")):
                hosts.run("client1", command, check=False)
        hosts.run("client1", f"{KEYTOOL} {VENDOR} -storepass changeit; rm -f {SOURCE}", check=False)
        program = hosts.start("client1", "kill_trust", {"after": moments.uniform(0, lasted) if attempt else None})
        trust("client1")
        answer = hosts.answer(program)
        lasted = lasted or answer["lasted"]  # the first run is left alone, to see how long it takes
        killed += answer["killed"]
        assert min(answer["least"].values()) > 50, answer
        for store in ("vendor's java", "kafka p12", "kafka jks", "nss"):
            hosts.output("client1", STORES[store])
    assert killed >= 4, f"only {killed} of 8 runs were killed"
    run(TRUST, limit="client1")
    assert right("client1")
    assert run(TRUST, limit="client1").hosts["client1"]["changed"] == 0
