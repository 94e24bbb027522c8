# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No store holds an intermediate of ours: with partial chains it is an anchor, which outlives its root's distrust."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import convergence, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, docker, pem_file
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import (
    StoreFinding,
    Wanted,
    entry_name,
    names_of,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.java import Keystore
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.nss import NssDatabase
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from factories import accounts, pki
from factories.trust_host import MADE, ONE, TWO, Host, make_host, run

OURS = MADE[0].intermediate("Intermediate CA 1")
CROSS = pki.Authority(pki.authority_certificate("Root 1", MADE[1].key, MADE[0]), MADE[1].key)  # root 1 below root 0
FOREIGN = pki.root("Somebody's Root").intermediate("Somebody's")
SAME_NAME = pki.root("Root 0")  # self-issued: no intermediate, and no fingerprint of ours
WANTED = Wanted((ONE,), issuers=names_of([ONE]))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return make_host(tmp_path, monkeypatch)


def as_root(made: pki.Authority) -> Root:
    return Root("", made.sha256, pem=made.pem)


def wrong(todo: convergence.ConvergencePlan) -> dict[str, StoreFinding]:
    return {one.name: one for one in todo.listed if one.state != "ok"}


def test_system_and_java_lose_it_and_keep_what_is_foreign(host: Host) -> None:
    (host.source / "corp-chain.crt").write_text(OURS.pem + FOREIGN.pem)
    (host.source / "corp-ca.crt").write_text(OURS.pem)
    (host.source / "same.crt").write_text(SAME_NAME.pem)
    host.rebuild()
    host.give_java(one=as_root(OURS), again=as_root(OURS), foreign=as_root(FOREIGN), cross=as_root(CROSS))
    todo = run(host, [ONE])
    found = wrong(todo)
    for name in ("corp-chain.crt", "corp-ca.crt"):
        assert f"{host.source}/{name}: must not be there" in found["system sources"].why
    assert found["system bundle"].unwanted == found["system directory"].unwanted == (OURS.sha256,)
    assert found["java"].unwanted == tuple(sorted([OURS.sha256, CROSS.sha256]))
    assert f"{OURS.sha256[:16]} is not a root: one of ours has issued it" in found["system bundle"].why
    assert (host.source / "corp-chain.crt").read_text() == FOREIGN.pem
    assert not (host.source / "corp-ca.crt").exists()
    assert host.trusted() == {ONE.sha256, FOREIGN.sha256, SAME_NAME.sha256}
    assert host.java == {ONE.sha256, FOREIGN.sha256}
    assert not run(host, [ONE]).changed


def test_what_an_intermediate_has_issued_is_ours_too(host: Host) -> None:
    """In any order of files, in all stores, and also when its intermediate is gone."""
    lower = OURS.intermediate("A Lower One")
    lowest = lower.intermediate("Another Lower One")
    for name, made in {"a": lowest, "b": OURS, "c": lower}.items():
        (host.source / f"{name}.crt").write_text(made.pem)
    host.rebuild()
    host.give_java(one=ONE, lowest=as_root(lowest), foreign=as_root(FOREIGN))
    found = wrong(run(host, [ONE]))
    assert found["system bundle"].unwanted == tuple(sorted([OURS.sha256, lower.sha256, lowest.sha256]))
    assert found["java"].unwanted == (lowest.sha256,)
    assert host.trusted() == {ONE.sha256}
    assert host.java == {ONE.sha256, FOREIGN.sha256}
    (host.source / "late.crt").write_text(lowest.pem)
    host.rebuild()
    assert wrong(run(host, [ONE]))["system bundle"].unwanted == (lowest.sha256,)
    assert not run(host, [ONE]).changed


def test_a_partner_whose_root_ours_has_certified_keeps_its_own(host: Host) -> None:
    """The cross-certificate goes; what the partner's root has issued is the partner's."""
    partner = pki.root("A Partner's Root")
    cross = pki.Authority(pki.authority_certificate("A Partner's Root", partner.key, MADE[0]), partner.key)
    theirs = partner.intermediate("A Partner's")
    for name, made in {"cross": cross, "partner": partner, "theirs": theirs}.items():
        (host.source / f"{name}.crt").write_text(made.pem)
    host.rebuild()
    run(host, [ONE])
    assert host.trusted() == {ONE.sha256, partner.sha256, theirs.sha256}


def test_it_is_known_by_its_root_when_that_is_distrusted(host: Host) -> None:
    """Of a distrusted root hosts are told the fingerprint alone, so its name is remembered."""
    run(host, [ONE, TWO])
    run(host, [TWO], {ONE.sha256})
    (host.source / "late.crt").write_text(OURS.pem)
    host.rebuild()
    assert wrong(run(host, [TWO], {ONE.sha256}))["system bundle"].unwanted == (OURS.sha256,)
    assert host.trusted() == {TWO.sha256}


def test_a_root_of_before_is_known_by_its_files(host: Host) -> None:
    """An earlier version remembered no names: what it has put on the host tells them."""
    run(host, [ONE])
    known = state.load()
    known.cache = {}
    known.save()
    (host.source / "late.crt").write_text(OURS.pem)
    host.rebuild()
    assert OURS.sha256 in wrong(run(host, [TWO], {ONE.sha256}))["system bundle"].unwanted
    assert host.trusted() == {TWO.sha256}


def test_a_root_of_the_distribution_has_intermediates_of_others(host: Host) -> None:
    """An estate may list a public root; whom that certified is nobody's here to say."""
    host.distribution.append(ONE)
    (host.home / "public").mkdir()
    (host.home / "public/One.crt").write_text(ONE.pem)
    (host.home / "ca-certificates.conf").write_text("One.crt\n")
    (host.source / "pinned.crt").write_text(OURS.pem)
    run(host, [ONE])
    assert OURS.sha256 in host.trusted()


def test_a_loose_file_in_the_directory_goes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "rebuild", list)
    certs = host.home / "certs"
    (certs / "chain.pem").write_text(FOREIGN.pem + OURS.pem)
    assert debian.SystemStore().find(WANTED)[2].unwanted == (OURS.sha256,)
    debian.SystemStore().converge(WANTED)
    assert (certs / "chain.pem").read_text() == FOREIGN.pem


def test_files_for_services_lose_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)
    path = tmp_path / "roots.pem"
    path.write_text(ONE.pem + OURS.pem)
    store = pem_file.store(str(path))
    assert store.find(WANTED)[0].unwanted == (OURS.sha256,)
    store.converge(WANTED)
    assert path.read_text() == ONE.pem


def test_docker_reads_every_file_of_a_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)
    directory = tmp_path / "certs.d/registry.corp.example"
    directory.mkdir(parents=True)
    for name, text in {"ca.crt": OURS.pem + FOREIGN.pem, "old.crt": TWO.pem, "other.crt": FOREIGN.pem}.items():
        (directory / name).write_text(text)
    (directory / "client.cert").write_text(OURS.pem)
    store = docker.store("registry.corp.example", str(tmp_path / "certs.d"))
    wanted = Wanted((ONE,), frozenset({TWO.sha256}), issuers=names_of([ONE]))
    (found,) = store.find(wanted)
    assert found.unwanted == tuple(sorted([OURS.sha256, TWO.sha256]))
    store.converge(wanted)
    assert store.find(wanted)[0].state == "ok"
    assert {one.name: one.read_text() for one in directory.iterdir()} == {
        f"{entry_name(ONE.sha256)}.crt": ONE.pem,
        "ca.crt": FOREIGN.pem,
        "other.crt": FOREIGN.pem,
        "client.cert": OURS.pem,
    }


@pytest.mark.skipif(not shutil.which("keytool"), reason="keytool is not installed (Debian: default-jre-headless)")
def test_pkcs12_of_java_loses_it_but_no_private_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose certificate one of our roots has issued, such as a manifest signer's: that entry is left alone."""
    accounts.as_current_user(monkeypatch)
    path, source, cache = tmp_path / "store.p12", tmp_path / "source.pem", Cache()
    own = MADE[0].intermediate("With a key")
    encryption = BestAvailableEncryption(b"changeit")
    path.write_bytes(serialize_key_and_certificates(b"own", own.key, own.certificate, None, encryption))
    for alias in ("one", "again"):
        source.write_text(OURS.pem)
        place = ["-alias", alias, "-file", str(source), "-keystore", str(path), "-storepass", "changeit"]
        subprocess.run(["keytool", "-importcert", "-noprompt", *place], check=True, capture_output=True)
    assert Keystore(str(path), "java", cache).find(WANTED)[0].unwanted == (OURS.sha256,)
    again = Keystore(str(path), "java", Cache(cache.as_dict()))
    assert again.find(WANTED)[0].unwanted == (OURS.sha256,)  # from what is kept
    again.converge(WANTED)
    assert set(again.entries().values()) == {ONE.sha256, own.sha256}
    assert again.find(WANTED)[0].state == "ok"


@pytest.mark.skipif(not shutil.which("certutil"), reason="certutil is missing (Debian: libnss3-tools)")
def test_a_database_loses_what_it_trusts_and_keeps_what_it_only_knows(tmp_path: Path) -> None:
    def certutil(*arguments: str, stdin: str = "") -> str:
        command = ["certutil", *arguments, "-d", f"sql:{tmp_path}"]
        return subprocess.run(command, input=stdin, check=True, capture_output=True, text=True).stdout

    certutil("-N", "--empty-password")
    certutil("-A", "-n", "trusted", "-t", "C,,", "-a", stdin=OURS.pem)
    certutil("-A", "-n", "seen", "-t", ",,", "-a", stdin=CROSS.pem)
    certutil("-A", "-n", "foreign", "-t", "C,,", "-a", stdin=FOREIGN.pem)
    database = NssDatabase(str(tmp_path), "nss", cache := Cache())
    assert database.find(WANTED)[0].unwanted == (OURS.sha256,)
    kept = NssDatabase(str(tmp_path), "nss", Cache(cache.as_dict()))
    assert kept.find(WANTED)[0].unwanted == (OURS.sha256,)
    database.converge(WANTED)
    assert database.find(WANTED)[0].state == "ok"
    assert set(database.trusted()) == {ONE.sha256, FOREIGN.sha256}
    assert "seen" in certutil("-L")


def test_what_an_earlier_version_has_kept_of_a_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.touch()
    cache = Cache()
    cache.put(str(path), {"one": ONE.sha256}, {})
    kept = cache.as_dict()
    assert Cache(kept).get(str(path))
    del kept[str(path)]["issuers"]
    assert Cache(kept).get(str(path)) is None
