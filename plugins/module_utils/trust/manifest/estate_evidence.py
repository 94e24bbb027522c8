# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the public record proves about the estate: the last rollout, and which intermediates lead to which root."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection

from ...errors import TrustAnchorError
from ...host.files import read
from ...text import times
from ...x509 import certificates as certs
from ..rollout import report
from ..root import Root
from . import manifest_store, rollout_evidence
from .model import Manifest
from .rollout_evidence import Rollout
from .transitions import EstateEvidence, Exceptions


def gather(
    directory: str, manifest: Manifest, now: dt.datetime, declared: Collection[str], exceptions: Exceptions
) -> EstateEvidence:
    """Read the proofs that a change of the manifest needs.

    Args:
        directory: the public record.
        manifest: of the record.
        now: present time, UTC.
        declared: all hosts that are declared today.
        exceptions: what the operator answers for.

    Raises:
        TrustAnchorError: a file of the record is damaged.
    """
    rollout = last_rollout(directory, manifest)
    below = _intermediates(directory, now, exceptions.retired_intermediates)
    return EstateEvidence(now, rollout, below, tuple(declared), exceptions, _expired(directory, now))


def _expired(directory: str, now: dt.datetime) -> frozenset[str]:
    """Names of the roots that have ended."""
    roots = [one for one in manifest_store.read(directory).roots if one.pem]
    loaded = {one.name: certs.load_certificate(one.pem.encode(), one.name) for one in roots}
    return frozenset(name for name, certificate in loaded.items() if certs.not_after(certificate) <= now)


def last_rollout(directory: str, manifest: Manifest) -> Rollout | None:
    """What the report of the manifest's sequence says; None where there is none.

    Raises:
        TrustAnchorError: it is damaged, or of a later version.
    """
    path = report.path(directory, manifest.sequence, "json")
    content = read(path)
    return None if content is None else rollout_evidence.parse(content, path)


def require_proven(directory: str, manifest: Manifest, root: Root) -> None:
    """Refuse to issue under a root that no rollout has shown to be on every host.

    The first roots of an estate need no proof: there were no hosts before them that could lack them, and a host gets
    them before it gets a certificate. An incident that is noted with the root is the exception that somebody named.

    Args:
        directory: the public record.
        manifest: of the record.
        root: one of its trusted roots.

    Raises:
        TrustAnchorError: no report shows it.
    """
    if root.since is None or root.incident:
        return
    folder = os.path.join(directory, "rollouts")
    for file_name in sorted(os.listdir(folder), reverse=True) if os.path.isdir(folder) else []:
        if file_name.endswith(".json") and _proves(os.path.join(folder, file_name), manifest, root):
            return
    raise TrustAnchorError(
        f"root '{root.name}' is trusted since {times.render(root.since)}, and no rollout has shown it on every host",
        "hosts that lack it would refuse what is issued under it",
        "Run trustanchor.private_ca.rollout_trust until its report is complete; or, in an incident, note its "
        "reference: trustanchor.private_ca.change_trust with trust_states and trust_incident",
    )


def _proves(path: str, manifest: Manifest, root: Root) -> bool:
    """Whether a report is of a complete rollout of this root; of the present sequence only with the present content."""
    found = rollout_evidence.parse(read(path) or b"", path)
    if not found.complete or found.id != manifest.id or root.sha256 not in found.trusted:
        return False
    return found.sequence < manifest.sequence or (found.sequence, found.digest) == (manifest.sequence, manifest.digest)


def _intermediates(directory: str, now: dt.datetime, retired: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Name of a root to the intermediates that it has signed and that are valid; the archive does not count."""
    anchors = [one for one in manifest_store.read(directory).roots if one.pem]
    roots = {one.name: certs.load_certificate(one.pem.encode(), one.name) for one in anchors}
    folder = os.path.join(directory, "intermediates")
    found: dict[str, list[str]] = {}
    for file_name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not file_name.endswith(".crt") or file_name.removesuffix(".crt") in retired:
            continue
        path = os.path.join(folder, file_name)
        certificate = certs.load_certificate(read(path) or b"", path)
        for name, root in roots.items():
            if certs.not_after(certificate) > now and certs.signature_is_by(certificate, root):
                found.setdefault(name, []).append(file_name.removesuffix(".crt"))
    return {name: tuple(names) for name, names in found.items()}
