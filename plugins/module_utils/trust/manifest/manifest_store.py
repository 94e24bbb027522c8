# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the trust manifest and its roots from the public record (controller)."""

from __future__ import annotations

import contextlib
import datetime as dt
import glob
import os
from dataclasses import replace

from ...errors import TrustAnchorError
from ...host import files
from ...text import times
from ...x509 import certificates
from ..root import Root
from .anchors import RootCheck
from .model import Manifest, parse_manifest

# What the manifest for hosts depends on, below the record.
_READ = ("trust.yml", "roots/*", "ceremonies/*/transcript.*")
Identity = tuple[tuple[str, int, int, int], ...]


def read(record: str) -> Manifest:
    """The manifest of a public record, its roots with their certificates.

    Args:
        record: directory with trust.yml and roots/NAME.crt.

    Raises:
        TrustAnchorError: no manifest, unknown keys or states, a certificate that is missing, is not the declared one or
            is not a CA's.
    """
    manifest = read_declared(record)
    return replace(manifest, roots=tuple(with_certificate(root, record) for root in manifest.roots))


def read_for_hosts(record: str, check: RootCheck) -> Manifest:
    """The manifest of a public record, whose trusted roots may really be trusted: what goes to hosts.

    Args:
        record: as for `read`.
        check: knows what is outside of the record.

    Raises:
        TrustAnchorError: as `read`, or nothing but the record vouches for a root that hosts are to trust.
    """
    manifest = read(record)
    check.require(manifest.trusted)
    return manifest


def read_declared(record: str) -> Manifest:
    """The manifest of a public record, without a look at the certificates.

    Raises:
        TrustAnchorError: there is none, or it is not as the strict schema wants it.
    """
    path = os.path.join(record, "trust.yml")
    return parse_manifest(_load(path), path)


def identity(record: str) -> Identity:
    """What tells the files that `read_for_hosts` reads from later ones of their names; of missing ones nothing.

    A change replaces a file (another inode) or writes it (another time or size).
    """
    paths = [path for pattern in _READ for path in sorted(glob.glob(os.path.join(glob.escape(record), pattern)))]
    found = []
    for path in paths:
        with contextlib.suppress(OSError):  # missing, or a link to itself: whoever reads it says so
            state = os.stat(path)
            found.append((path, state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(found)


def expired(manifest: Manifest, now: dt.datetime) -> list[tuple[str, str, str]]:
    """What to say of each trusted root that has ended: what, why, next step. Hosts leave it out."""
    ends = [
        (root.name, certificates.not_after(certificates.load_certificate(root.pem.encode(), root.name)))
        for root in manifest.trusted
    ]
    return [
        (
            f"root '{name}' has expired ({times.render(end)})",
            "hosts leave it out, and certificates below it are refused everywhere",
            "Make it distrusted with trustanchor.private_ca.change_trust; no proof is asked of one that has expired",
        )
        for name, end in ends
        if end <= now
    ]


def usable(manifest: Manifest, name: str) -> Root:
    """One root that certificates may lead to.

    Raises:
        TrustAnchorError: there is no such root, or it is not trusted (any more).
    """
    root = manifest.named(name)
    if not root.is_trusted:
        raise TrustAnchorError(
            f"root '{name}' is {root.state} in the trust manifest",
            "hosts do not trust it, so nothing may be issued under it",
            "Name another root, or change its state",
        )
    return root


def _load(path: str) -> bytes:
    content = files.read(path)
    if content is None:
        raise TrustAnchorError(
            f"the public record has no trust manifest ({path})",
            "the ceremony makes it",
            "Run trustanchor.private_ca.ceremony first, or set pki_directory to the directory of an existing record",
        )
    return content


def with_certificate(root: Root, record: str) -> Root:
    """The root with its certificate; of a distrusted one it may be missing.

    Raises:
        TrustAnchorError: the certificate is missing, is not the declared one, or is not a CA's.
    """
    path = os.path.join(record, "roots", f"{root.name}.crt")
    content = files.read(path)
    if content is None:
        if root.is_distrusted:
            return root
        raise TrustAnchorError(
            f"{path} is missing", "the trust manifest names it", "Restore the record from its history"
        )
    certificate = certificates.load_certificate(content, path)
    if certificates.fingerprint(certificate) != root.sha256:
        raise TrustAnchorError(
            f"{path} has fingerprint {certificates.fingerprint(certificate)}",
            f"the trust manifest declares {root.sha256}",
            "Find out which of the two was changed before anything trusts it",
        )
    if not certificates.is_ca(certificate):
        raise TrustAnchorError(f"{path} is not a CA certificate", "a trust anchor must be one")
    return replace(root, pem=certificates.to_pem(certificate).decode())
