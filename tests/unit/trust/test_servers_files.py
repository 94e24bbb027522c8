# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers have in directories of roots is theirs: chains, keys and settings are never taken away or rewritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import der, packages
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import convergence, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, variable_stores
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.declaration import parse
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.variable_stores import VariableStore
from cryptography.hazmat.primitives.serialization import Encoding
from factories import pki
from factories.trust_host import MADE, ONE, TWO, Host, make_host, run

INTERMEDIATE = MADE[0].intermediate("Ours")
LEAF = INTERMEDIATE.leaf("www.corp.example")
ALONE, CHAIN, KEY = pki.pem(LEAF.certificate), LEAF.chain, pki.key_pem(LEAF.key)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return make_host(tmp_path, monkeypatch)


def test_who_is_a_ca() -> None:
    signer = MADE[0].leaf("directly.below.a.root")
    for certificate, expected in (
        (INTERMEDIATE.certificate, True),
        (MADE[0].certificate, True),
        (LEAF.certificate, False),
        (signer.certificate, False),
    ):
        assert der.is_ca(certificate.public_bytes(Encoding.DER)) is expected
    assert not der.is_ca(b"\x30\x00")
    assert der.foreign_issuer(signer.certificate.public_bytes(Encoding.DER)) == ""


def test_a_leaf_alone_is_nothing_to_us(host: Host) -> None:
    run(host, [ONE])
    path = host.home / "certs/www.pem"
    path.write_text(ALONE)
    assert not run(host, [ONE]).changed
    assert path.read_text() == ALONE


@pytest.mark.parametrize("content", [CHAIN, KEY + CHAIN, f"remote vpn\n<ca>\n{INTERMEDIATE.pem}</ca>\n"])
def test_what_a_server_reads_stays_and_is_named(host: Host, content: str) -> None:
    """Programs in Go take the intermediate for an anchor, so it is not right either."""
    run(host, [ONE])
    path = host.home / "certs/www.pem"
    path.write_text(content)
    host.deaf = True  # nothing but us touches the directory
    failure = convergence.converge([ONE], set(), host.declaration, state.load()).failure()
    assert f"{path} stays: it holds more than certificates of CAs" in str(failure)
    assert path.read_text() == content


def test_an_intermediate_with_what_openssl_prints_before_it_goes(host: Host) -> None:
    run(host, [ONE])
    path = host.home / "certs/ours.pem"
    path.write_text(f"Certificate:\n    Data:\n        Version: 3 (0x2)\n# ours\n{INTERMEDIATE.pem}")
    assert run(host, [ONE]).changed
    assert not path.exists()


@pytest.mark.parametrize("more", [KEY, "[settings]\n", ALONE])
def test_a_file_that_a_variable_names_stays_when_it_holds_more(
    tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    monkeypatch.setattr(variable_stores, "is_roots_alone", lambda _path: True)
    path = tmp_path / "x.pem"
    path.write_text(more + TWO.pem)
    host.others = [VariableStore(str(path), "SSL_CERT_FILE", "/etc/environment")]
    outcome = convergence.converge([ONE], {TWO.sha256}, host.declaration, state.load())
    assert f"{path} stays: it holds more than certificates of CAs" in "".join(outcome.warnings)
    assert path.read_text() == more + TWO.pem


def test_the_package_of_a_file_behind_a_linked_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def owner(path: str) -> str:
        asked.append(path)
        return "ca-certificates"

    monkeypatch.setattr(packages, "owner", owner)
    (tmp_path / "real").mkdir()
    (tmp_path / "real/root.crt").write_text(TWO.pem)
    (tmp_path / "link").symlink_to("real")
    wanted = Wanted((ONE,), frozenset({TWO.sha256}), frozenset({TWO.sha256}))
    why = variable_stores._why_it_stays(str(tmp_path / "link/root.crt"), wanted)
    assert (why, asked) == ("it belongs to the package ca-certificates", [str(tmp_path / "real/root.crt")])


@pytest.mark.parametrize("path", [debian.BUNDLE, "/etc/ssl/certs/java/cacerts"])
def test_a_bundle_that_is_declared_takes_no_store_of_the_host_away(path: str) -> None:
    names = [one.name for one in parse({"discover": False, "bundles": [{"path": path}]}).stores(Cache())]
    expected = [one.name for one in parse({"discover": False}).stores(Cache())]
    assert set(names) == {*expected, f"bundle {path}"}
