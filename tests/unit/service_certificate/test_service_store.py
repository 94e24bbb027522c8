# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import store
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate.settings import Settings
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from factories import pki
from factories import service_host as host


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return host.make(tmp_path, monkeypatch)


def generations(settings: Settings) -> list[str]:
    return sorted(os.listdir(f"{settings.directory}/generations"))


def test_the_first_pair(settings: Settings) -> None:
    leaf = host.leaf()
    host.put(settings, leaf)
    pair = store.current(settings)
    assert os.readlink(pair.directory) == "generations/0001"
    assert Path(pair.chain).read_text() == leaf.chain
    assert Path(pair.key).read_text() == pki.key_pem(leaf.key)
    modes = [stat.S_IMODE(Path(path).stat().st_mode) for path in (pair.directory, pair.key, pair.chain)]
    assert modes == [0o755, 0o640, 0o644]
    store.verify(settings, pair)


def test_two_generations_are_kept(settings: Settings) -> None:
    leaves = [host.leaf() for _generation in range(4)]
    for leaf in leaves:
        host.put(settings, leaf)
    assert generations(settings) == ["0003", "0004"]
    assert host.chain(settings) == leaves[3].chain
    assert Path(settings.directory, "generations", "0003", "fullchain.pem").read_text() == leaves[2].chain


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (pki.Leaf(host.leaf().certificate, pki.new_key(), host.leaf().chain), "cannot be used together"),
        (pki.root().intermediate().leaf(*host.SETTINGS.names), "does not lead to the declared root"),
        (pki.root("Other").leaf(*host.SETTINGS.names), "does not lead to the declared root"),
        (host.leaf("web.corp.example"), "is for web.corp.example. wanted: web.corp.example, 10.0.0.7"),
        (host.leaf("web.corp.example", "10.0.0.7", "evil.example"), "is for .*evil.example"),
        (host.leaf(start=pki.NOW - 2 * pki.DAY, end=pki.NOW - pki.DAY), "certificate has expired"),
        (host.leaf(start=pki.NOW + pki.DAY, end=pki.NOW + 2 * pki.DAY), "certificate is not yet valid"),
        (pki.Leaf(host.leaf().certificate, pki.new_key(), ""), "cannot be used together"),
        (pki.Leaf(host.leaf().certificate, pki.new_key(), "garbage"), "cannot be used together"),
    ],
    ids=["key", "root", "issuer", "fewer names", "more names", "expired", "early", "empty", "garbage"],
)
def test_a_pair_that_is_not_good_leaves_the_current_one(settings: Settings, leaf: pki.Leaf, message: str) -> None:
    good = host.leaf()
    host.put(settings, good)
    with pytest.raises(TrustAnchorError, match=message):
        host.put(settings, leaf)
    assert host.chain(settings) == good.chain
    assert generations(settings) == ["0001"]


def test_a_chain_without_its_intermediate_is_refused(settings: Settings) -> None:
    leaf = host.leaf()
    with pytest.raises(TrustAnchorError, match="does not lead to the declared root"):
        host.put(settings, pki.Leaf(leaf.certificate, leaf.key, pki.pem(leaf.certificate)))
    assert generations(settings) == []


def test_addresses_are_compared_as_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """openssl prints FD00:0:0:0:0:0:0:1 for what people write as fd00::1."""
    settings = host.make(tmp_path, monkeypatch, names=("web.corp.example", "fd00::1", "FD00:0::2", "10.0.0.7"))
    host.put(settings, host.leaf("web.corp.example", "fd00::1", "fd00::2", "10.0.0.7"))
    assert store.names(store.current(settings)) == {"web.corp.example", "fd00::1", "fd00::2", "10.0.0.7"}


def test_a_certificate_without_names(settings: Settings) -> None:
    pair = store.Pair(settings.directory)
    Path(pair.chain).write_text(host.ROOT.pem)
    assert store.names(pair) == set()


def test_validity(settings: Settings) -> None:
    host.put(settings, host.leaf(start=pki.NOW - pki.HOUR, end=pki.NOW + pki.DAY))
    expected = ((pki.NOW - pki.HOUR).timestamp(), (pki.NOW + pki.DAY).timestamp())
    assert store.validity(store.current(settings)) == expected


@pytest.mark.parametrize("name", [".new-killed", ".new-x"])
def test_leftovers_of_a_killed_run_are_removed(settings: Settings, name: str) -> None:
    left = Path(settings.directory, "generations", name)
    left.mkdir()
    (left / "key.pem").write_text("half a key")
    Path(settings.directory, ".current").symlink_to("generations/9999")
    host.put(settings, host.leaf())
    assert generations(settings) == ["0001"]
    assert not os.path.lexists(f"{settings.directory}/.current")


def test_a_process_may_be_killed_at_any_moment(settings: Settings) -> None:
    """Before each of its changes of the disk: the current pair works, and the next run finishes the job."""
    seen = set()
    for step in range(1, 200):
        before = host.leaf()
        host.put(settings, before)
        fresh = host.leaf()
        died = host.killed_before(step, lambda fresh=fresh: host.put(settings, fresh))  # type: ignore[misc]
        store.verify(settings, store.current(settings))
        seen.add(host.chain(settings) == fresh.chain)
        assert host.chain(settings) in (before.chain, fresh.chain)
        if not died:
            break
    assert step > 15
    assert seen == {True, False}
    host.put(settings, host.leaf())
    assert len(generations(settings)) == 2
    assert not os.path.lexists(f"{settings.directory}/.current")


def test_a_full_disk_leaves_the_current_pair(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    good = host.leaf()
    host.put(settings, good)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(TrustAnchorError, match="cannot write .*No space left"):
            host.put(settings, host.leaf())
    assert host.chain(settings) == good.chain
    assert generations(settings) == ["0001"]


@pytest.mark.parametrize("key_type", ["P-256", "P-384", "RSA-3072"])
def test_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key_type: str) -> None:
    settings = host.make(tmp_path, monkeypatch, key_type=key_type, names=("web.corp.example", "10.0.0.7", "fd00::1"))
    csr = x509.load_pem_x509_csr(store.make_request(settings).encode())
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == set(settings.names)
    assert csr.subject.rfc4514_string() == "CN=web.corp.example"
    assert csr.is_signature_valid
    key = csr.public_key()
    assert isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey))
    assert key.key_size == int(key_type.partition("-")[2])
    waiting = store.pending(settings)
    assert stat.S_IMODE(Path(waiting.key).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(waiting.directory).stat().st_mode) == 0o700


def test_each_request_has_a_new_key(settings: Settings) -> None:
    keys = []
    for _request in range(2):
        store.make_request(settings)
        keys.append(Path(store.pending(settings).key).read_text())
    assert keys[0] != keys[1]


def test_the_digest_of_a_request_is_that_of_its_der(settings: Settings) -> None:
    pem = store.make_request(settings)
    expected = x509.load_pem_x509_csr(pem.encode()).public_bytes(Encoding.DER)
    assert hashlib.sha256(store.request_der(pem)).digest() == hashlib.sha256(expected).digest()


def test_directories(settings: Settings) -> None:
    paths = [(directory.path, directory.mode) for directory in store.directories(settings)]
    assert paths == [(settings.directory, 0o755), (f"{settings.directory}/generations", 0o755)]


def test_a_certificate_is_changed_by_one_process_at_a_time(settings: Settings) -> None:
    """The timer's renewer and a playbook may meet."""
    other = os.open(settings.directory, os.O_RDONLY)
    try:
        with store.locked(settings), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(other)


def test_a_link_in_place_of_the_key_is_not_followed(settings: Settings, tmp_path: Path) -> None:
    host.put(settings, host.leaf())
    secret = tmp_path / "secret"
    secret.write_text("root only")
    key = Path(store.current(settings).key)
    key.unlink()
    key.symlink_to(secret)
    assert store.pair_files(settings) == []
