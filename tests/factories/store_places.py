# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root in one place of a host, and all clients of the registry: who finds it there."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import registry

from factories import pki, proof_clients, proof_estate

CERTS = Path("/etc/ssl/certs")
ROOT = proof_estate.root()
NAME = "web.corp.example"


@dataclass
class Host:
    """A copy of what clients read on this machine, which they see in its place.

    Args:
        directory: for the copies.
        binds: copy to the place where it is seen.
        environment: what programs have beside.
    """

    directory: Path
    binds: dict[Path, Path] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def copy(self, directory: Path) -> Path:
        """A copy of a directory, with links that lead to the same files; it may be changed."""
        copy = self.directory / directory.name
        shutil.copytree(directory.resolve(), copy, symlinks=True)
        self.binds[copy] = directory.resolve()
        return copy

    def file(self, name: str) -> str:
        """The root in a file that no program knows by itself."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pki.pem(ROOT))
        return str(path)


def _stray(host: Host) -> None:
    (host.copy(CERTS) / "of-somebody.pem").write_text(pki.pem(ROOT))


def _linked(host: Host) -> None:
    certs = host.copy(CERTS)
    _hashed(certs)


def _hashed(directory: Path) -> None:
    """As c_rehash leaves it: a name that OpenSSL looks for."""
    text = pki.pem(ROOT)
    command = ["openssl", "x509", "-noout", "-subject_hash"]
    digest = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.strip()
    (directory / f"{digest}.0").write_text(text)


def _bundle(host: Host) -> None:
    with (host.copy(CERTS) / "ca-certificates.crt").open("a") as file:
        file.write(pki.pem(ROOT))


def _keytool(store: Path, certificate: str, *options: str) -> None:
    command = ["keytool", "-importcert", "-noprompt", "-alias", "root", "-file", certificate, *options]
    subprocess.run([*command, "-keystore", str(store), "-storepass", "changeit"], capture_output=True, check=True)


def _cacerts(host: Host) -> None:
    _keytool(host.copy(CERTS) / "java/cacerts", host.file("root.crt"))


def _jssecacerts(host: Host) -> None:
    """Of the form that Java reads without being told a password."""
    home = Path(os.path.realpath(shutil.which("java") or "")).parents[1]
    _keytool(host.copy(home / "lib/security") / "jssecacerts", host.file("root.crt"), "-storetype", "JKS")


def _nss(_host: Host) -> None:
    proof_clients.nss_database(Path(os.environ["HOME"]) / ".pki/nssdb", pki.Authority(ROOT, pki.new_key()))


def _directory(host: Host) -> None:
    directory = host.directory / "directory"
    directory.mkdir()
    _hashed(directory)
    host.environment["SSL_CERT_DIR"] = str(directory)


def _variable(name: str) -> Callable[[Host], None]:
    def put(host: Host) -> None:
        host.environment[name] = host.file("variable.pem")

    return put


# What an operator would call it, to what puts the root there and nowhere else.
PLACES: dict[str, Callable[[Host], None]] = {
    "`/etc/ssl/certs/ca-certificates.crt`": _bundle,
    "a hash link in `/etc/ssl/certs`": _linked,
    "any other file in `/etc/ssl/certs`": _stray,
    "`/etc/ssl/certs/java/cacerts`": _cacerts,
    "`jssecacerts` beside a JDK's `cacerts`": _jssecacerts,
    "`~/.pki/nssdb`": _nss,
    "`SSL_CERT_FILE`": _variable("SSL_CERT_FILE"),
    "`SSL_CERT_DIR`, with hash links": _directory,
    "`CURL_CA_BUNDLE`": _variable("CURL_CA_BUNDLE"),
    "`NODE_EXTRA_CA_CERTS`": _variable("NODE_EXTRA_CA_CERTS"),
    "`REQUESTS_CA_BUNDLE`": _variable("REQUESTS_CA_BUNDLE"),
}


def ask(place: str, directory: Path) -> dict[str, str]:
    """What each client says about a server below the root: ``ok`` or its error. Needs root, for a view of its own.

    Of several installations of a client the one on the PATH.
    """
    with _estate(directory) as (estate, host):
        PLACES[place](host)
        said = estate.ask(list(registry.CLIENTS), None, host.binds, host.environment)[NAME]
    return {client: said[client] for client in registry.CLIENTS}


@contextlib.contextmanager
def _estate(directory: Path) -> Iterator[tuple[proof_estate.Estate, Host]]:
    (directory / "home").mkdir()
    (directory / "host").mkdir()
    with pytest.MonkeyPatch.context() as patch, proof_estate.running(directory) as estate:
        proof_clients.no_declarations(patch, directory / "home")
        proof_clients.put_on_path(patch, directory / "bin")
        estate.serve(NAME, proof_estate.below(ROOT, proof_estate.LIMITS).leaf(NAME), NAME)
        yield estate, Host(directory / "host")
