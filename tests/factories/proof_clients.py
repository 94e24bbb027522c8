# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real clients of handshakes, each with a host's own store that a test fills."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dev import settings, tools

from factories import pki

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a program another view of the file system")


def put_on_path(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Let programs that no package of Debian has be found: step, built from source, and uv of the test environment."""
    directory.mkdir()
    (directory / "step").symlink_to(step())
    (directory / "uv").symlink_to(Path(sys.executable).parent / "uv")
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


def step() -> Path:
    """The program, built if needed, by one process at a time."""
    with _alone():
        return tools.packages().parent / "bin/step"


def zlint() -> Path:
    """The linter, built if needed, by one process at a time."""
    with _alone():
        return tools.zlint()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    settings.CACHE.mkdir(parents=True, exist_ok=True)
    with (settings.CACHE / "tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def no_declarations(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """A home without settings, and no variable of this machine that changes what a client trusts."""
    monkeypatch.setenv("HOME", str(directory))
    for name in list(os.environ):
        if name.startswith(("SSL_CERT_", "CURL_", "NODE_", "UV_", "STEP", "JAVA_TOOL", "JDK_JAVA", "_JAVA", "WGETRC")):
            monkeypatch.delenv(name)


def wrap(directory: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """Put a program of a name before the real one, whose path is ``$REAL`` in its script."""
    real = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
    folder = directory / f"wrapped-{name}"
    folder.mkdir()
    program = folder / name
    program.write_text(f"#!/bin/sh\nREAL={real}\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def _variables(root: pki.Authority, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of OpenSSL, which Python, Go and uv read, too, and that of curl."""
    (directory / "store.pem").write_text(root.pem)
    (directory / "directory").mkdir()
    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(directory / "store.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(directory / "directory"))


def _node(root: pki.Authority, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "node.pem").write_text(root.pem)
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(directory / "node.pem"))


def _java(root: pki.Authority, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trust store of keytool's making that every JVM is told of."""
    store, certificate = directory / "store.p12", directory / "java.pem"
    certificate.write_text(root.pem)
    command = ["keytool", "-importcert", "-noprompt", "-alias", "root", "-file", str(certificate)]
    subprocess.run([*command, "-keystore", str(store), "-storepass", "changeit"], capture_output=True, check=True)
    options = f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit"
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", options)


def _bundle_of(name: str) -> Callable[[pki.Authority, Path, pytest.MonkeyPatch], None]:
    """What GnuTLS reads is compiled into it: the program sees a bundle of ours in the place of the system's."""

    def fill(root: pki.Authority, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bundle = directory / f"bundle-{name}.pem"
        bundle.write_text(root.pem)
        mount = f"mount --bind {bundle} {BUNDLE}"
        script = f'exec unshare --mount --propagation private sh -c \'{mount} && exec "$@"\' sh "$REAL" "$@"'
        wrap(directory, monkeypatch, name, script)

    return fill


def nss_database(path: Path, root: pki.Authority) -> Path:
    """A database of NSS that trusts a root for servers."""
    path.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{path}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    add = ["-A", "-n", "root", "-t", "C,,", "-a"]
    subprocess.run([*certutil, *add], input=root.pem, text=True, check=True)
    return path


def _nss(root: pki.Authority, _directory: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """The home's database, as browsers find it."""
    nss_database(Path(os.environ["HOME"]) / ".pki/nssdb", root)


# Client to what fills the store that it reads on a host, for a test.
STORES: dict[str, Callable[[pki.Authority, Path, pytest.MonkeyPatch], None]] = {
    "curl": _variables,
    "python": _variables,
    "java": _java,
    "node": _node,
    "step": _variables,
    "wget": _bundle_of("wget"),
    "gnutls": _bundle_of("gnutls-cli"),
    "nss": _nss,
    "uv": _variables,
}
