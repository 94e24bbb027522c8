# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state directory of a lab: ssh key, known host keys, public record, encrypted secrets."""

from __future__ import annotations

import secrets
import shutil
import string
from pathlib import Path

from .console import run, say
from .inventory import Host
from .podman import WRAPPER
from .settings import CACHE, CHECKOUT, lab_name

SSH_CONFIG = """Host *
    User root
    IdentityFile {state}/ssh_key
    IdentitiesOnly yes
    UserKnownHostsFile {state}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    PasswordAuthentication no
    ConnectTimeout 5
    LogLevel ERROR
"""

MANIFEST_REQUEST = "pki/requests/manifest1.csr"
MANIFEST_SUBJECT = "CN=Corp Example Manifest Signer 1,O=Corp Example"


def directory(name: str | None = None) -> Path:
    """Return the state directory of the lab `name` (default: LAB_NAME)."""
    return CACHE / "labs" / (name or lab_name())


def prepare(name: str | None = None) -> Path:
    """Make what is missing in the state directory and return it."""
    state = directory(name)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    (state / "pki").mkdir(exist_ok=True)
    _tell_of_another_checkout(state / "checkout")
    if not (state / "ssh_key").exists():
        run(
            [
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                f"lab {lab_name()}",
                "-f",
                state / "ssh_key",
            ]
        )
    if not all((state / name).exists() for name in ("vault-password", *_SECRETS)):
        _make_secrets(state)
    if not (state / MANIFEST_REQUEST).exists():
        _make_manifest_request(state)
    return state


def _tell_of_another_checkout(note: Path) -> None:
    """Labs belong to the user: say when another clone's hosts are about to be used."""
    owner = note.read_text() if note.exists() else ""
    if owner not in ("", str(CHECKOUT)):
        say(f"lab {lab_name()} was used by {owner}: its hosts are used as they are (LAB_NAME, LAB_INDEX: another lab)")
    note.write_text(str(CHECKOUT))


def _secret_file(path: Path, content: bytes) -> None:
    """Write a file that only root can read; its content is the vault password or already encrypted."""
    path.touch(mode=0o600)
    path.write_bytes(content)


def _make_secrets(state: Path) -> None:
    """Make the vault password and the secrets; a secret in clear text never reaches the disk."""
    from ansible.parsing.vault import VaultLib, VaultSecret

    say("making the secrets of the lab")
    password = state / "vault-password"
    if not password.exists():
        _secret_file(password, secrets.token_urlsafe(32).encode())
    vault = VaultLib([("default", VaultSecret(password.read_bytes()))])
    for name, make in _SECRETS.items():
        if not (state / name).exists():
            _secret_file(state / name, vault.encrypt(make()))


def _make_manifest_request(state: Path) -> None:
    """Put the request of the manifest signer into the public record; its key is opened in memory alone."""
    from ansible.parsing.vault import VaultLib, VaultSecret
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    vault = VaultLib([("default", VaultSecret((state / "vault-password").read_bytes()))])
    key = serialization.load_pem_private_key(vault.decrypt((state / "manifest.key").read_bytes()), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    subject = x509.Name.from_rfc4514_string(MANIFEST_SUBJECT)
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    path = state / MANIFEST_REQUEST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(request.public_bytes(serialization.Encoding.PEM))


def _pin() -> bytes:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _index in range(12)).encode()


def _key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


_SECRETS = {"enrolment.key": _key, "manifest.key": _key, "pin": _pin}


def write_ssh_config(hosts: list[Host]) -> None:
    """Write the ssh configuration of the lab; Ansible, testinfra and ./dev lab ssh all use it."""
    state = directory()
    blocks = []
    for host in hosts:
        if host.address:
            blocks.append(f"Host {host.name} {host.address}\n    HostName {host.address}\n")
        else:
            proxy = f"{WRAPPER} exec -i {lab_name()}-{host.name} /usr/sbin/sshd -i"
            blocks.append(f"Host {host.name}\n    ProxyCommand {proxy}\n")
    text = "".join([*blocks, SSH_CONFIG.format(state=state)])
    path = state / "ssh_config"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def pin_host_keys(keys: dict[Host, str]) -> None:
    """Put the hosts' keys into known_hosts in place of older ones."""
    path = directory() / "known_hosts"
    lines = path.read_text().splitlines() if path.exists() else []
    ours = {host.address or host.name for host in keys}
    kept = [line for line in lines if line.split()[0] not in ours]
    new = [f"{host.address or host.name} {' '.join(key.split()[:2])}" for host, key in keys.items()]
    path.write_text("".join(f"{line}\n" for line in sorted(kept + new)))


def forget_record() -> None:
    """Remove what the hosts of the lab have made: it fits no other hosts."""
    for record in directory().glob("*pki"):
        shutil.rmtree(record)
    for name in ("anchors.yml", "known_hosts"):
        (directory() / name).unlink(missing_ok=True)


def unpinned(these: list[Host]) -> list[Host]:
    """Return the hosts whose key is not in known_hosts: an `up` was interrupted before they were ready."""
    path = directory() / "known_hosts"
    known = {line.split()[0] for line in path.read_text().splitlines()} if path.exists() else set()
    return [host for host in these if (host.address or host.name) not in known]


def link_packages(packages: Path) -> None:
    """Let the state directory's `packages` point to the pinned Debian packages."""
    link = directory() / "packages"
    if link.is_symlink() and link.readlink() == packages:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(packages)
