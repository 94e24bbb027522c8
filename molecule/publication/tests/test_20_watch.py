# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch is quiet when all is well, and tells before something expires, what and how long."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import scene
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signed
from cryptography import x509
from lab import hosts
from lab.play import CHECKOUT

MOST_EXPOSURE = 2.0
ALERT = """[Service]
Type=oneshot
ExecStart=/usr/bin/touch /run/lab-alert-%i
"""
RULES = CHECKOUT / "roles/ca_publication/files/publication.rules.yml"


@pytest.fixture(scope="module", autouse=True)
def original() -> Iterator[None]:
    """Begin and leave with what was declared."""
    scene.published()
    yield
    scene.restore()
    assert scene.published()["changed"] is False


def test_quiet_when_all_is_well() -> None:
    content, said = scene.watch()
    assert content, said
    found = scene.metrics()
    names = {"root-r1.crt", "root-s1.crt", "root-r1.crl", "root-s1.crl", "ca1.crt", "ca1.crl", "trust.p7m"}
    assert found["up"] == dict.fromkeys(names | {"roots.pem"}, 1)
    assert found["stale"] == dict.fromkeys(names | {"roots.pem"}, 0)
    assert found["expiry_timestamp_seconds"].keys() == names
    crl = x509.load_der_x509_crl((scene.RECORD / "crls/r1.crl").read_bytes())
    assert crl.next_update_utc is not None
    assert found["expiry_timestamp_seconds"]["root-r1.crl"] == crl.next_update_utc.timestamp()
    manifest = signed.read_unverified((scene.RECORD / "trust.p7m").read_bytes())
    assert found["expiry_timestamp_seconds"]["trust.p7m"] == manifest.not_after.timestamp()
    assert found["margin_seconds"]["root-r1.crl"] == 30 * 86400
    now = float(hosts.output("web1", "date +%s"))
    last = hosts.output("web1", f"grep '^trustanchor_publication_last_check' {scene.METRICS}").split()[1]
    assert now - 60 < float(last) <= now


def test_it_looks_by_itself() -> None:
    assert hosts.output("web1", f"systemctl is-enabled {scene.TIMER}") == "enabled"
    assert hosts.output("web1", f"systemctl is-active {scene.TIMER}") == "active"
    timer = hosts.output("web1", f"systemctl cat {scene.TIMER}").splitlines()
    assert "OnCalendar=*:0/5" in timer
    assert "Persistent=yes" in timer
    said = hosts.output("web1", f"systemd-analyze security --no-pager {scene.SERVICE}").splitlines()[-1]
    assert float(said.partition(f"{scene.SERVICE}: ")[2].split()[0]) <= MOST_EXPOSURE


def test_a_crl_is_about_to_expire(tmp_path: Path) -> None:
    record = scene.Record(tmp_path / "pki")
    record.write_crl(1, left=29 * scene.DAY + dt.timedelta(hours=1))
    scene.published(record.path)
    content, said = scene.watch()
    assert not content
    assert "root-t1.crl: 29.0 days left, wanted 30.0 days. Renew it: plan_ceremony, ceremony, then publish." in said
    assert "root-r1.crl: 36" in said
    assert hosts.run("web1", f"systemctl is-failed --quiet {scene.SERVICE}", check=False).returncode == 0
    assert [name for name, value in scene.metrics()["stale"].items() if value] == ["root-t1.crl"]
    record.write_crl(2)
    scene.published(record.path)
    content, said = scene.watch()
    assert content, said
    assert set(scene.metrics()["stale"].values()) == {0}


def test_a_manifest_is_about_to_expire(tmp_path: Path) -> None:
    record = tmp_path / "pki"
    shutil.copytree(scene.RECORD, record)
    scene.sign_manifest(record, dt.timedelta(days=6, hours=12))
    scene.published(record)
    content, said = scene.watch()
    assert not content
    assert "trust.p7m: 6.5 days left, wanted 7.0 days. Sign it again, then publish." in said
    assert [name for name, value in scene.metrics()["stale"].items() if value] == ["trust.p7m"]
    scene.restore()


@pytest.mark.parametrize(
    ("kind", "margin", "stale"),
    [
        ("ca_crl", "25h", ["ca1.crl"]),
        ("intermediate", "4000d", ["ca1.crt"]),
        ("root", "9000d", ["root-r1.crt", "root-s1.crt"]),
    ],
)
def test_each_kind_has_its_margin(kind: str, margin: str, stale: list[str]) -> None:
    scene.published(ca_publication_margins={kind: margin})
    content, said = scene.watch()
    assert not content, said
    assert [name for name, value in scene.metrics()["stale"].items() if value] == stale


def test_the_crl_of_a_ca_is_by_somebody_else(tmp_path: Path) -> None:
    record = scene.Record(tmp_path / "pki")
    record.write_intermediate("ca1")
    scene.published(record.path)
    content, said = scene.watch()
    assert not content
    assert "ca1.crl: the CRL is not signed by the certificate of its issuer" in said
    found = scene.metrics()
    assert [name for name, value in found["up"].items() if not value] == ["ca1.crl"]
    assert found["expiry_timestamp_seconds"]["ca1.crl"] == 0


def test_the_web_server_is_down() -> None:
    scene.published()
    hosts.run("web1", "systemctl stop nginx.service")
    try:
        content, said = scene.watch()
    finally:
        hosts.run("web1", "systemctl start nginx.service")
    assert not content
    assert "root-r1.crl: nobody answers for /root-r1.crl at " in said
    assert set(scene.metrics()["up"].values()) == {0}
    assert scene.watch()[0]


def test_the_users_own_alert() -> None:
    hosts.run("web1", "cat > /etc/systemd/system/lab-alert@.service && systemctl daemon-reload", ALERT)
    flag = f"/run/lab-alert-{scene.SERVICE}"
    try:
        scene.published(ca_publication_alert_unit="lab-alert@%n.service")
        assert scene.watch()[0]
        assert hosts.run("web1", f"test -e '{flag}'", check=False).returncode != 0
        scene.published(ca_publication_alert_unit="lab-alert@%n.service", ca_publication_margins={"ca_crl": "25h"})
        hosts.await_true(lambda: hosts.run("web1", f"test -e '{flag}'", check=False).returncode == 0, 30, "the alert")
    finally:
        scene.published()
        hosts.run("web1", f"rm -f /etc/systemd/system/lab-alert@.service '{flag}'; systemctl daemon-reload")


def test_the_rules_for_prometheus() -> None:
    """By Prometheus' own program, which comes with Debian's package of it."""
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus"
    hosts.run("client1", f"command -v promtool || (apt-get update -qq && {install})")
    for path in (RULES, Path(__file__).parents[1] / "files/rules_test.yml"):
        hosts.run("client1", f"cat > /tmp/{path.name}", path.read_text())
    assert "SUCCESS: 4 rules found" in hosts.output("client1", f"promtool check rules /tmp/{RULES.name}")
    assert "SUCCESS" in hosts.output("client1", "promtool test rules /tmp/rules_test.yml")
    # The metrics that the rules are about are the ones that there are.
    hosts.run("client1", "promtool check metrics", hosts.output("web1", f"cat {scene.METRICS}") + "\n")
