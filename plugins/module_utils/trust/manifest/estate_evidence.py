# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the public record proves about the estate: the last rollout, and which intermediates lead to which root."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from ...errors import TrustAnchorError
from ...host.files import read
from ...text import times
from ...x509 import certificates as certs
from ..rollout import report
from ..rollout.journal import Release
from . import manifest_store
from .model import Manifest
from .transitions import EstateEvidence, Rollout


def gather(
    directory: str, manifest: Manifest, now: dt.datetime, overlap: dt.timedelta, retired: Collection[str] = ()
) -> EstateEvidence:
    """Read the proofs that a change of the manifest needs.

    Args:
        directory: the public record.
        manifest: of the record.
        now: present time, UTC.
        overlap: longer than any leaf lives.
        retired: names of intermediates that issue no more.

    Raises:
        TrustAnchorError: a file of the record is damaged.
    """
    rollout = last_rollout(directory, manifest)
    expired = _expired(directory, now)
    return EstateEvidence(now, rollout, _intermediates(directory, now, retired), overlap, expired)


def _expired(directory: str, now: dt.datetime) -> frozenset[str]:
    """Names of the roots that have ended."""
    roots = [one for one in manifest_store.read(directory).roots if one.pem]
    loaded = {one.name: certs.load_certificate(one.pem.encode(), one.name) for one in roots}
    return frozenset(name for name, certificate in loaded.items() if certs.not_after(certificate) <= now)


def last_rollout(directory: str, manifest: Manifest) -> Rollout | None:
    """What the report of the manifest's sequence says; None where there is none.

    Raises:
        TrustAnchorError: it is damaged.
    """
    path = report.path(directory, Release(manifest.id, manifest.sequence), "json")
    content = read(path)
    if content is None:
        return None
    try:
        found = json.loads(content)
        release = found["manifest"]
        complete = found["complete"] is True
        written = times.parse(found["written"], f"{path}: written")
        return Rollout(str(release["id"]), int(release["sequence"]), complete, _leaves(found["hosts"]), written)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrustAnchorError(f"{path} is not a report of a rollout", str(error), "Roll out again") from error


def _leaves(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Fingerprint of a root to the services below it."""
    found: dict[str, list[str]] = {}
    for host, entry in sorted(hosts.items()):
        for leaf in entry.get("leaves") or []:
            found.setdefault(leaf["root"], []).append(f"{host}: {leaf['name']}")
    return {root: tuple(names) for root, names in found.items()}


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
