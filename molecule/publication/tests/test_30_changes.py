# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes in the record or was changed by hand; what must not be published; what stands in the way."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import scene
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from lab import estate, hosts

PROGRAM = "/usr/local/lib/trustanchor/watch-publication"
MARK = "/var/lib/trustanchor/publication-loaded"
URL = f"curl -sSf -H 'Host: {scene.HOST}' http://127.0.0.1"


@pytest.fixture(scope="module", autouse=True)
def original() -> Iterator[None]:
    """Begin and leave with what was declared."""
    scene.published()
    yield
    scene.restore()
    assert scene.published()["changed"] is False


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> scene.Record:
    """A record with a root of its own, published."""
    found = scene.Record(tmp_path_factory.mktemp("scratch") / "pki")
    scene.published(found.path)
    return found


# What somebody does by hand, and what succeeds when it is as it should be.
ROUNDS = {
    "files": [
        (
            f"echo x >> {scene.DIRECTORY}/root-r1.crl",
            f"test $(tail -c 2 {scene.DIRECTORY}/root-r1.crl | od -An -tx1 | tr -d ' ') != 780a",
        ),
        (f"chmod 600 {scene.DIRECTORY}/root-r1.crt", f"{URL}/root-r1.crt -o /dev/null"),
        (f"touch {scene.DIRECTORY}/secret.key", f"! test -e {scene.DIRECTORY}/secret.key"),
        (
            f"sed -i 's/autoindex off/autoindex on/' {scene.CONFIGURATION} && systemctl reload nginx",
            f"grep -q 'autoindex off' {scene.CONFIGURATION}",
        ),
        (f"echo garbage > {PROGRAM}", PROGRAM),
        (
            f"sed -i s/ProtectSystem=strict/ProtectSystem=no/ /etc/systemd/system/{scene.SERVICE}"
            " && systemctl daemon-reload",
            f"systemctl show --property ProtectSystem {scene.SERVICE} | grep -q strict",
        ),
    ],
    "units": [
        (f"chmod 700 {scene.DIRECTORY}", f"test $(stat --format %a {scene.DIRECTORY}) = 755"),
        (
            "systemctl disable --now nginx.service",
            "systemctl is-active nginx.service && systemctl is-enabled nginx.service",
        ),
        (
            f"systemctl disable --now {scene.TIMER}",
            f"systemctl is-active {scene.TIMER} && systemctl is-enabled {scene.TIMER}",
        ),
    ],
}


def wrong(drifts: list[tuple[str, str]]) -> list[str]:
    """What is not as it should be."""
    return [do for do, good in drifts if hosts.run("web1", good, check=False).returncode != 0]


@pytest.mark.parametrize("drifts", ROUNDS.values(), ids=ROUNDS)
def test_drift_is_repaired(drifts: list[tuple[str, str]]) -> None:
    assert wrong(drifts) == []
    for do, _good in drifts:
        hosts.run("web1", do)
    everything = [do for do, _good in drifts]
    assert wrong(drifts) == everything
    announced = scene.publish(check=True).result(scene.TASK, "web1")
    assert wrong(drifts) == everything
    done = scene.published()
    assert done["corrected"].keys() == announced["corrected"].keys()
    assert wrong(drifts) == []
    assert scene.published()["changed"] is False


def test_a_run_that_died_before_the_reload_is_finished() -> None:
    """nginx has loaded what somebody edited; the file is right again, and the run ended there."""
    hosts.run("web1", f"cp {scene.CONFIGURATION} /run/right.conf")
    hosts.run("web1", f"sed -i 's/max-age=300/max-age=31536000/' {scene.CONFIGURATION} && systemctl reload nginx")
    hosts.await_true(lambda: "31536000" in scene.ask("/root-r1.crl").headers["cache-control"], 10, "the edited one")
    hosts.run("web1", f"mv /run/right.conf {scene.CONFIGURATION}; rm {MARK}")
    done = scene.published()
    assert done["corrected"] == {"nginx.service": ["not loaded"]}
    hosts.await_true(lambda: "=300" in scene.ask("/root-r1.crl").headers["cache-control"], 10, "the right one")


def test_what_is_distrusted_is_not_published(tmp_path: Path) -> None:
    record = tmp_path / "pki"
    shutil.copytree(scene.RECORD, record)
    manifest = yaml.safe_load((record / "trust.yml").read_text())
    next(root for root in manifest["roots"] if root["name"] == "s1")["state"] = "distrusted"
    manifest["sequence"] += 1
    (record / "trust.yml").write_text(yaml.safe_dump(manifest))
    done = scene.publish(record)
    assert done.rc == 0, done.output
    assert [scene.ask(f"/root-{name}").status for name in ("s1.crt", "s1.crl", "r1.crt")] == [404, 404, 200]
    assert scene.ask("/roots.pem").body.count(b"BEGIN CERTIFICATE") == 1
    assert "hosts will not see the change before it is signed" in " ".join(done.output.split())
    before = hosts.output("web1", f"sha256sum {scene.DIRECTORY}/*")
    old = scene.publish()
    assert old.rc != 0
    assert "what was distrusted would come back" in old.failure("web1")
    assert hosts.output("web1", f"sha256sum {scene.DIRECTORY}/*") == before
    scene.restore()


def test_a_signature_of_the_same_sequence_that_is_older(tmp_path: Path) -> None:
    record = tmp_path / "pki"
    shutil.copytree(scene.RECORD, record)
    fresh = scene.sign_manifest(record, dt.timedelta(days=30))
    scene.published(record)
    done = scene.publish()
    assert done.rc != 0
    assert "trust.p7m is of " in done.failure("web1")
    assert scene.ask("/trust.p7m").body == fresh
    scene.restore()


def test_an_expired_crl_keeps_nothing_else_back(scratch: scene.Record, tmp_path: Path) -> None:
    """It is left out and told; what else the record has is published all the same."""
    record = scratch.copy(tmp_path / "pki")
    before = scene.ask("/root-t1.crl").body
    _expired(record)
    record.write_intermediate("fresh")
    done = scene.publish(record.path)
    assert done.rc != 0
    assert "crls/t1.crl has expired" in done.failure("web1")
    assert scene.ask("/fresh.crt").status == 200
    assert scene.ask("/root-t1.crl").body == before
    scene.published(scratch.path)


def _expired(record: scene.Record) -> None:
    record.write_crl(2, left=-dt.timedelta(hours=1))


def _foreign(record: scene.Record) -> None:
    record.write_crl(2, key=ec.generate_private_key(ec.SECP384R1()))


def _damaged(record: scene.Record) -> None:
    (record.path / "crls/t1.crl").write_bytes(record.write_crl(2)[:-20])


def _older(record: scene.Record) -> None:
    record.write_crl(0)


def _no_roots(record: scene.Record) -> None:
    shutil.rmtree(record.path / "roots")


def _taken(record: scene.Record) -> None:
    record.write_intermediate("root-t1")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_expired, ["crls/t1.crl has expired", "Renew it"]),
        (_foreign, ["crls/t1.crl is not signed by the root of its name"]),
        (_damaged, ["crls/t1.crl holds no DER-encoded CRL"]),
        (
            _older,
            ["root-t1.crl is number 0 in the record, this host publishes number 1", "Bring the record up to date"],
        ),
        (_no_roots, ["has no root to publish", "Run trustanchor.private_ca.ceremony first"]),
        (_taken, ["two things would be published as root-t1.crt"]),
    ],
)
def test_what_clients_would_refuse_is_not_published(
    scratch: scene.Record, tmp_path: Path, spoil: Callable[[scene.Record], None], words: list[str]
) -> None:
    record = scratch.copy(tmp_path / "pki")
    before = hosts.output("web1", f"sha256sum {scene.DIRECTORY}/* {scene.CONFIGURATION}")
    spoil(record)
    done = scene.publish(record.path)
    assert done.rc != 0
    for text in words:
        assert text in done.failure("web1")
    assert hosts.output("web1", f"sha256sum {scene.DIRECTORY}/* {scene.CONFIGURATION}") == before


def test_a_check_refuses_it_too(scratch: scene.Record, tmp_path: Path) -> None:
    record = scratch.copy(tmp_path / "pki")
    _older(record)
    done = scene.publish(record.path, check=True)
    assert done.rc != 0
    assert "this host publishes number 1" in done.failure("web1")


def test_roots_come_and_go(scratch: scene.Record) -> None:
    assert scratch.path.exists()
    assert scene.ask("/root-t1.crt").status == 200
    assert scene.ask("/trust.p7m").status == 404
    done = scene.published()
    assert done["corrected"][f"{scene.DIRECTORY}/root-t1.crt"] == ["unwanted"]
    assert scene.ask("/root-t1.crt").status == 404
    assert "t1" not in hosts.output("web1", f"ls -A {scene.DIRECTORY}")
    assert scene.ask("/trust.p7m").status == 200


def test_somebody_elses_configuration_is_broken(tmp_path: Path) -> None:
    record = scene.Record(tmp_path / "pki")
    hosts.run("web1", "echo 'nonsense;' > /etc/nginx/conf.d/zz-broken.conf")
    before = hosts.output("web1", f"sha256sum {scene.CONFIGURATION}")
    try:
        done = scene.publish(record.path)
        assert done.rc != 0
        assert "nginx refuses its configuration" in done.failure("web1")
        assert "zz-broken.conf" in done.failure("web1")
        assert hosts.output("web1", f"sha256sum {scene.CONFIGURATION}") == before
        assert scene.ask("/root-r1.crl").status == 200
    finally:
        hosts.run("web1", "rm /etc/nginx/conf.d/zz-broken.conf")
    scene.published(record.path)
    assert scene.ask("/root-t1.crl").status == 200


def test_another_server_has_the_name() -> None:
    other = f"server {{ listen 80; server_name {scene.HOST}; return 200 other; }}"
    hosts.run("web1", "cat > /etc/nginx/conf.d/00-other.conf && systemctl reload nginx", other)
    try:
        done = scene.publish()
        assert done.rc != 0
        assert f"nginx does not serve {scene.HOST}" in done.failure("web1")
        assert "/etc/nginx/conf.d/00-other.conf (listen 80; server_name " in done.failure("web1")
    finally:
        hosts.run("web1", "rm /etc/nginx/conf.d/00-other.conf && systemctl reload nginx")
    scene.published()


def test_another_server_has_the_address_that_clients_come_to() -> None:
    """Asked at 127.0.0.1 all is well: nginx goes by the most exact address first, whatever the name is."""
    address = estate.address("web1")
    other = f"server {{ listen {address}:80; server_name shop.corp.example; return 200 shop; }}"
    # A running nginx cannot bind one address of a port that it has whole.
    hosts.run("web1", "cat > /etc/nginx/conf.d/zz-shop.conf && systemctl restart nginx", other)
    try:
        assert scene.ask("/root-r1.crl").body == b"shop"
        assert "shop" not in hosts.output("web1", f"{URL}/roots.pem")
        done = scene.publish()
        assert done.rc != 0
        assert f"is not served as it should be at {address}" in done.failure("web1")
        assert f"/etc/nginx/conf.d/zz-shop.conf (listen {address}:80; server_name shop.corp.example)" in done.failure(
            "web1"
        )
        content, said = scene.watch()
        assert not content
        assert f"It came from {address}" in said
    finally:
        hosts.run("web1", "rm /etc/nginx/conf.d/zz-shop.conf && systemctl restart nginx")
    scene.published()
    assert scene.watch()[0]


def test_the_port_is_taken() -> None:
    hosts.run("web1", "systemd-run --unit lab-taken python3 -m http.server 8099")
    try:
        taken = "ss -Hltn 'sport = :8099' | grep -q LISTEN"
        hosts.await_true(lambda: hosts.run("web1", taken, check=False).returncode == 0, 20, "somebody listens")
        done = scene.publish(ca_publication_url=f"http://{scene.HOST}:8099")
        assert done.rc != 0
        assert "port 8099 is in use by /usr/bin/python3" in done.failure("web1")
    finally:
        hosts.run("web1", "systemctl stop lab-taken")
    assert scene.published()["changed"] is False


@pytest.mark.parametrize("url", ["https://pki.corp.example", "pki.corp.example", "http://PKI.corp.example/a b"])
def test_a_url_that_cannot_be(url: str) -> None:
    done = scene.publish(ca_publication_url=url)
    assert done.rc != 0
    assert "a plain http URL is expected" in done.failure("web1")


def test_the_ca_of_a_crl_cannot_be_reached() -> None:
    """Everything else is published nevertheless."""
    sources = [{"name": "nobody", "url": "http://nobody.corp.example:8080/1.0/crl"}]
    done = scene.publish(ca_publication_ca_crls=sources)
    assert done.rc != 0
    assert "the CRL of nobody cannot be fetched from http://nobody.corp.example:8080/1.0/crl" in done.failure("web1")
    assert scene.ask("/nobody.crl").status == 502
    assert scene.ask("/root-r1.crl").status == 200
