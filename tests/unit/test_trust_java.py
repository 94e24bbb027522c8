# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Java stores made by the real keytool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pki
import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import java
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(
    not shutil.which("keytool"), reason="keytool is not installed (Debian: default-jre-headless)"
)

ONE, TWO = pki.root("One"), pki.root("Two")
SECRET = ["-storepass", java.PASSWORD]


def keytool(*arguments: str) -> None:
    command = ["keytool", "-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto", *arguments, *SECRET]
    subprocess.run(command, check=True, capture_output=True)


def make_store(path: Path, kind: str, roots: dict[str, pki.Authority]) -> bytes:
    """A store as Debian's hook makes it: alias to root."""
    for alias, root in roots.items():
        source = path.with_suffix(".pem")
        source.write_text(root.pem)
        keytool(
            "-importcert",
            "-noprompt",
            "-alias",
            alias,
            "-file",
            str(source),
            "-keystore",
            str(path),
            "-storetype",
            kind,
        )
    return path.read_bytes()


@pytest.fixture(scope="module")
def jks(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_store(tmp_path_factory.mktemp("jks") / "cacerts", "JKS", {"debian:one.pem": ONE, "zwölf": TWO})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "cacerts"
    monkeypatch.setattr(java, "STORE", str(found))
    return found


def without_keytool(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser must do it alone."""

    def run(*_arguments: object, **_options: object) -> None:
        raise AssertionError("keytool was started")

    monkeypatch.setattr(java, "run", run)


def test_jks_is_read_without_a_jvm(store: Path, jks: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    without_keytool(monkeypatch)
    store.write_bytes(jks)
    assert java.exists()
    assert java.trusted() == {ONE.sha256: "debian:one.pem", TWO.sha256: "zwölf"}


def test_pkcs12_is_read_with_keytool(store: Path) -> None:
    make_store(store, "PKCS12", {"debian:one.pem": ONE, "two": TWO})
    assert java.trusted() == {ONE.sha256: "debian:one.pem", TWO.sha256: "two"}


def test_a_private_key_in_the_store_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keytool(
        *("-genkeypair", "-alias", "mine", "-keyalg", "EC", "-dname", "CN=x", "-keypass", java.PASSWORD),
        *("-keystore", str(store), "-storetype", "JKS"),
    )
    without_keytool(monkeypatch)
    with pytest.raises(TrustAnchorError, match=r"holds a private key \(mine\)"):
        java.trusted()


def test_a_store_that_was_cut_is_damaged(store: Path, jks: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    without_keytool(monkeypatch)
    digest = 20  # SHA-1 over all, at the end; not read
    for size in range(4, len(jks) - digest, 7):
        store.write_bytes(jks[:size])
        with pytest.raises(TrustAnchorError, match="ends in the middle of an entry"):
            java.trusted()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=200))
def test_any_bytes_after_the_magic_are_read_or_refused(tail: bytes, store: Path) -> None:
    store.write_bytes(b"\xfe\xed\xfe\xed" + tail)
    try:
        assert java.trusted() is not None
    except TrustAnchorError as error:
        assert "ends in the middle" in str(error) or "private key" in str(error)


def test_garbage_is_refused_by_keytool(store: Path) -> None:
    store.write_bytes(b"garbage")
    with pytest.raises(TrustAnchorError, match="'keytool -list -keystore' failed"):
        java.trusted()


def test_converge_adds_and_removes(store: Path, jks: bytes, tmp_path: Path) -> None:
    three = pki.root("Three")
    source = tmp_path / "three.pem"
    source.write_text(three.pem)
    store.write_bytes(jks)
    java.converge({three.sha256: str(source), ONE.sha256: "/not/needed"}, {TWO.sha256, "ab" * 32})
    assert java.trusted() == {ONE.sha256: "debian:one.pem", three.sha256: f"trustanchor-{three.sha256[:32]}"}


def test_no_store(store: Path) -> None:
    assert not java.exists()
    assert not store.exists()
