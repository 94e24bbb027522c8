# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key and chain of a certificate as one generation, replaced as a pair by one rename. Standard library only.

/etc/service-certificates/NAME/generations/0001/{key.pem,fullchain.pem}
/etc/service-certificates/NAME/current -> generations/0001
"""

from __future__ import annotations

import os
import shutil
import ssl
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..host import locks, openssl, pem
from ..host.files import Directory, File, Kept, read
from ..host.generations import Generations
from ..text import hostnames
from . import chain_file
from .settings import Settings, canonical

_NEVER = 253_402_300_799  # the last second of the year 9999 (RFC 5280 section 4.1.2.5)


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


def pair_files(settings: Settings) -> list[Directory | Kept]:
    """Who may read the current pair; its content is the enrolment's and the renewer's to change."""
    pair, owner = current(settings), (settings.owner, settings.group)
    if not _regular(pair.key) or not _regular(pair.chain):
        return []
    # The directory is root's: who could write in it could have root give him any file.
    return [Directory(pair.directory, 0o755), Kept(pair.key, 0o640, *owner), Kept(pair.chain, 0o644, *owner)]


def _regular(path: str) -> bool:
    """Whether a path is a regular file, and not a link to another one."""
    return os.path.isfile(path) and not os.path.islink(path)


def locked(settings: Settings, check: bool = False) -> AbstractContextManager[None]:
    """Keep the timer's renewer and a playbook from changing the same certificate at the same time.

    What is read of a certificate to be changed is read under it.

    Args:
        settings: of the certificate.
        check: only plan, on a host where the certificate may have no directory yet.
    """
    return locks.held_where_it_is(settings.directory, check)


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
    openssl.run(["genpkey", "-algorithm", *algorithm, "-out", waiting.key], timeout=120)
    names = ",".join(f"{'IP' if hostnames.is_address(name) else 'DNS'}:{name}" for name in settings.names)
    subject = [
        "-subj",
        f"/CN={settings.common_name}" if settings.common_name else "/",
        "-addext",
        f"subjectAltName={names}",
    ]
    openssl.run(["req", "-new", "-key", waiting.key, *subject, "-out", waiting.request])
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

    def prepare(directory: str) -> None:
        fresh = Pair(directory)
        File(fresh.key, read(key) or b"", 0o640, settings.owner, settings.group, secret=True).write()
        sent = chain_file.served(chain, time.time())
        File(fresh.chain, sent.encode(), 0o644, settings.owner, settings.group).write()
        verify(settings, fresh)

    Generations(settings.directory).add(prepare)


def verify(settings: Settings, pair: Pair) -> None:
    """Check that a pair is what the service needs now.

    Raises:
        TrustAnchorError: key and certificate do not belong together, the chain does not lead to the root, it is
            expired, the names differ, or a server should not send the chain.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(pair.chain, pair.key)
    except (OSError, ssl.SSLError) as error:
        raise TrustAnchorError(
            f"key and certificate in {pair.directory} cannot be used together", str(error)
        ) from error
    options = ["-no-CApath", "-no-CAstore", "-CAfile", "/dev/stdin", "-untrusted", pair.chain]
    checked = openssl.run(["verify", *options, pair.chain], stdin=settings.root_pem.encode(), accept=(0, 1, 2))
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
    if surplus := chain_file.fault((read(pair.chain) or b"").decode(errors="replace"), time.time()):
        raise TrustAnchorError(f"{surplus} ({pair.chain})", "clients differ about such a chain")


def facts(pair: Pair) -> openssl.CertificateFacts:
    """What the leaf says of itself.

    Raises:
        TrustAnchorError: there is none, or it cannot be read.
    """
    return openssl.read_certificate(_leaf(pair))


def names(pair: Pair) -> set[str]:
    """DNS names and addresses in the leaf; none where it has no such extension.

    Raises:
        TrustAnchorError: there is none, or it cannot be read.
    """
    return {canonical(name) for name in openssl.read_names(_leaf(pair))}


def validity(pair: Pair) -> tuple[int, int]:
    """Start and end of the leaf, seconds since the epoch.

    Raises:
        TrustAnchorError: there is none, or it cannot be read.
    """
    found = facts(pair)
    return found.not_before, found.not_after


def effective_end(pair: Pair) -> int:
    """Until when clients accept the pair, seconds since the epoch: the end of whatever in the chain ends first.

    step-ca gives a leaf its whole lifetime even when the intermediate ends before
    (https://github.com/smallstep/certificates/issues/381).

    Raises:
        TrustAnchorError: there is none, or it cannot be read.
    """
    return min(issuers_end(pair), facts(pair).not_after)


def issuers_end(pair: Pair) -> int:
    """End of whatever ends first above the leaf, seconds since the epoch.

    Raises:
        TrustAnchorError: the chain is missing, or cannot be read.
    """
    return _first_end(pem.blocks(_leaf(pair).decode(errors="replace"))[1:])


def end_of(bundle: str) -> int:
    """End of whatever ends first in a PEM bundle, seconds since the epoch.

    Raises:
        TrustAnchorError: it holds something that is not a certificate.
    """
    return _first_end(pem.blocks(bundle))


def _first_end(blocks: Sequence[str]) -> int:
    return min((openssl.read_certificate(block.encode()).not_after for block in blocks), default=_NEVER)


def _leaf(pair: Pair) -> bytes:
    content = read(pair.chain)
    if content is None:
        raise TrustAnchorError(f"{pair.chain} is missing", "key and chain are replaced as a pair")
    return content
