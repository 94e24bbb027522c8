# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key and chain of a certificate as one generation, replaced as a pair by one rename. Standard library only.

/etc/service-certificates/NAME/generations/0001/{key.pem,fullchain.pem}
/etc/service-certificates/NAME/current -> generations/0001
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..host import locks
from ..host.commands import run
from ..host.files import Directory, File, read, sync_directory
from ..text import times
from .settings import Settings, canonical, is_address

KEEP = 2  # generations: the current one and the one before


@dataclass(frozen=True)
class Pair:
    """A key and its chain in a directory."""

    directory: str

    @property
    def key(self) -> str:
        """Private key, PEM."""
        return f"{self.directory}/key.pem"

    @property
    def chain(self) -> str:
        """Leaf and intermediates, PEM."""
        return f"{self.directory}/fullchain.pem"

    @property
    def request(self) -> str:
        """Request, PEM."""
        return f"{self.directory}/request.pem"


def current(settings: Settings) -> Pair:
    """The pair that the service uses."""
    return Pair(f"{settings.directory}/current")


def pending(settings: Settings) -> Pair:
    """The pair that waits for its certificate."""
    return Pair(f"{settings.directory}/pending")


def directories(settings: Settings) -> list[Directory]:
    """The directories of a certificate; readable by the service's group."""
    modes = [(settings.directory, 0o755), (f"{settings.directory}/generations", 0o755)]
    return [Directory(path, mode) for path, mode in modes]


def pair_files(settings: Settings) -> list[Directory | File]:
    """The current pair as it is, with the owner and the modes that it must have; empty while there is none."""
    pair, owner = current(settings), (settings.owner, settings.group)
    if not _regular(pair.key) or not _regular(pair.chain):
        return []
    key, chain = read(pair.key) or b"", read(pair.chain) or b""
    # The directory is root's: who could write in it could have root read any file for him.
    return [
        Directory(pair.directory, 0o755),
        File(pair.key, key, 0o640, *owner, secret=True),
        File(pair.chain, chain, 0o644, *owner),
    ]


def _regular(path: str) -> bool:
    """Whether a path is a regular file, and not a link to another one."""
    return os.path.isfile(path) and not os.path.islink(path)


def locked(settings: Settings) -> AbstractContextManager[None]:
    """Keep the timer's renewer and a playbook from changing the same certificate at the same time."""
    return locks.held_directory(settings.directory)


def make_request(settings: Settings) -> str:
    """Make a new key and its request; what waited before is forgotten.

    Returns:
        The request, PEM.
    """
    waiting = pending(settings)
    forget_pending(settings)
    os.makedirs(waiting.directory, mode=0o700)
    algorithm = {
        "P-256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "P-384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "RSA-3072": ["RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    }[settings.key_type]
    # openssl creates the file of a private key with mode 0600.
    run(["openssl", "genpkey", "-algorithm", *algorithm, "-out", waiting.key])
    names = ",".join(f"{'IP' if is_address(name) else 'DNS'}:{name}" for name in settings.names)
    subject = ["-subj", f"/CN={settings.names[0]}", "-addext", f"subjectAltName={names}"]
    run(["openssl", "req", "-new", "-key", waiting.key, *subject, "-out", waiting.request])
    return (read(waiting.request) or b"").decode()


def forget_pending(settings: Settings) -> None:
    """Remove the pair that waited; its key is the current one's by now, or of no use."""
    shutil.rmtree(pending(settings).directory, ignore_errors=True)


def request_der(pem: str) -> bytes:
    """DER of a request in PEM."""
    return ssl.PEM_cert_to_DER_cert(pem.strip().replace("CERTIFICATE REQUEST", "CERTIFICATE"))


def activate(settings: Settings, key: str, chain: str) -> None:
    """Make a key and a chain the current pair: verified, written as a new generation, then one rename.

    Args:
        settings: of the certificate.
        key: path of the private key.
        chain: PEM, leaf first.

    Raises:
        TrustAnchorError: the pair is not good; the current one stays.
    """
    generations = f"{settings.directory}/generations"
    fresh = Pair(tempfile.mkdtemp(prefix=".new-", dir=generations))
    try:
        File(fresh.key, read(key) or b"", 0o640, settings.owner, settings.group, secret=True).write()
        File(fresh.chain, chain.encode(), 0o644, settings.owner, settings.group).write()
        verify(settings, fresh)
        os.chmod(fresh.directory, 0o755)  # noqa: S103 the key in it has a mode of its own
        final = f"{generations}/{_next(generations):04d}"
        os.rename(fresh.directory, final)
    except BaseException:
        shutil.rmtree(fresh.directory, ignore_errors=True)
        raise
    sync_directory(generations)
    _point(settings, final)
    _prune(generations, final)


def _point(settings: Settings, generation: str) -> None:
    """Let ``current`` name a generation; rename(2) replaces the link in one step."""
    link = f"{settings.directory}/.current"
    if os.path.lexists(link):
        os.unlink(link)
    os.symlink(os.path.relpath(generation, settings.directory), link)
    os.rename(link, f"{settings.directory}/current")
    sync_directory(settings.directory)


def _numbers(generations: str) -> list[int]:
    return sorted(int(name) for name in os.listdir(generations) if name.isdigit())


def _next(generations: str) -> int:
    return max(_numbers(generations), default=0) + 1


def _prune(generations: str, keep: str) -> None:
    """Forget old generations and what a killed run left behind."""
    old = [f"{number:04d}" for number in _numbers(generations)[:-KEEP]]
    left = [name for name in os.listdir(generations) if name.startswith(".new-")]
    for name in [*old, *left]:
        if os.path.join(generations, name) != keep:
            shutil.rmtree(os.path.join(generations, name), ignore_errors=True)


def verify(settings: Settings, pair: Pair) -> None:
    """Check that a pair is what the service needs now.

    Raises:
        TrustAnchorError: key and certificate do not belong together, the chain does not lead to the root, it is
            expired, or the names differ.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(pair.chain, pair.key)
    except (OSError, ssl.SSLError) as error:
        raise TrustAnchorError(
            f"key and certificate in {pair.directory} cannot be used together", str(error)
        ) from error
    options = ["-no-CApath", "-no-CAstore", "-CAfile", "/dev/stdin", "-untrusted", pair.chain]
    checked = run(["openssl", "verify", *options, pair.chain], stdin=settings.root_pem.encode(), accept=(0, 1, 2))
    if checked.returncode != 0:
        raise TrustAnchorError(
            f"the chain in {pair.directory} does not lead to the declared root",
            checked.stderr.decode(errors="replace").strip(),
        )
    found = names(pair)
    if found != {canonical(name) for name in settings.names}:
        raise TrustAnchorError(
            f"the certificate is for {', '.join(sorted(found))}", f"wanted: {', '.join(settings.names)}"
        )


def key_type(pair: Pair) -> str:
    """Type of the leaf's key in the words of `settings.Settings`; other types as openssl calls them."""
    shown = run(["openssl", "x509", "-in", pair.chain, "-noout", "-text"]).stdout.decode(errors="replace")
    algorithm, bits = re.search(r"Public Key Algorithm: (\S+)", shown), re.search(r"Public-Key: \((\d+) bit\)", shown)
    kind = {"id-ecPublicKey": "P", "rsaEncryption": "RSA"}.get(algorithm[1], algorithm[1]) if algorithm else "unknown"
    return f"{kind}-{bits[1]}" if bits else kind


def names(pair: Pair) -> set[str]:
    """DNS names and addresses in the leaf; none where it has no such extension."""
    shown = run(["openssl", "x509", "-in", pair.chain, "-noout", "-ext", "subjectAltName"]).stdout.decode()
    return {canonical(name) for name in re.findall(r"(?:DNS|IP Address):([^\s,]+)", shown)}


def validity(pair: Pair) -> tuple[float, float]:
    """Start and end of the leaf, seconds since the epoch."""
    shown = run(["openssl", "x509", "-in", pair.chain, "-noout", "-dates"]).stdout.decode()
    values = dict(line.split("=", 1) for line in shown.splitlines())
    return _epoch(values["notBefore"]), _epoch(values["notAfter"])


def _epoch(text: str) -> float:
    """Seconds since the epoch of what openssl prints, for example ``Nov 23 15:00:00 2026 GMT``."""
    return times.parse_openssl(text, "the time of a certificate").timestamp()
