# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the trust manifest of a public record to what is asked for (controller): list roots, change states, remove."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import TrustAnchorError
from ...host.files import read, save
from ...x509.certificates import fingerprint, load_certificate
from ..root import Root
from . import estate_evidence, signers, transitions
from .model import Manifest, parse_manifest
from .signers import Refusal


@dataclass(frozen=True)
class DeclaredRoot:
    """A root that is to be listed.

    Args:
        name: unique in the manifest.
        certificate: path of its certificate, PEM; None for ``roots/NAME.crt`` beside the manifest.
        standby: marks one that is not listed yet as a standby root.
        initial_state: of one that is not listed yet; None for trusted where no root is trusted, staged otherwise.
    """

    name: str
    certificate: str | None = None
    standby: bool = False
    initial_state: str | None = None


@dataclass(frozen=True)
class ManifestChange:
    """What is asked for beside the list of roots.

    Args:
        states: name of a listed root to its new state.
        remove: names of roots that are not to be listed any more; one that is not listed is passed over.
        incident: reference of the incident that sets the proofs aside; empty for none.
        hosts: all hosts that are declared.
        exceptions: what the operator answers for.
        refuse_signers: names of manifest signers that hosts must not believe any more.
    """

    states: Mapping[str, str]
    remove: Collection[str]
    incident: str
    hosts: Collection[str]
    exceptions: transitions.Exceptions
    refuse_signers: Collection[str] = ()


@dataclass(frozen=True)
class ManifestPlan:
    """What will be written.

    Args:
        path: of the manifest.
        before: the manifest as it is; of sequence 0 where there is none.
        after: as it will be. Its sequence is higher when, and only when, its content differs.
        awaited: names of roots whose certificates are yet to be made.
    """

    path: Path
    before: Manifest
    after: Manifest
    awaited: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether the manifest changes, now or once the awaited certificates are there."""
        return self.after != self.before or bool(self.awaited)

    def apply(self) -> None:
        """Write the manifest where it differs.

        Raises:
            TrustAnchorError: a certificate is awaited, or the file cannot be written.
        """
        if self.awaited:
            names = ", ".join(f"'{name}'" for name in self.awaited)
            raise TrustAnchorError(
                f"the certificate of {names} is not made yet", "its fingerprint goes into the manifest"
            )
        if self.after != self.before:
            save(self.path, self.after.to_yaml())


def plan(
    path: Path, declared: Sequence[DeclaredRoot], change: ManifestChange, now: dt.datetime, *, may_await: bool = False
) -> ManifestPlan:
    """List the roots that are not listed, then change states and remove; what is listed is not changed by its listing.

    Args:
        path: of the manifest, in the public record.
        declared: the roots to list.
        change: what else is asked for.
        now: present time, UTC.
        may_await: whether a root's certificate may be absent, since what makes it only told what it would do.

    Raises:
        TrustAnchorError: the manifest or a certificate cannot be read, a certificate is absent, a name is taken, or a
            change could cut a host off.
    """
    before = parse_manifest(read(path), str(path))
    since = now.replace(microsecond=0) if any(root.state == "trusted" for root in before.roots) else None
    found = [(one.name, _root(one, path.parent, since, may_await)) for one in declared]
    after = before.with_roots(root for _name, root in found if root is not None)
    if change.states or change.remove:
        after = before.changed(_moved(after, path.parent, change, now).roots)
    if change.refuse_signers:
        after = _once(before, signers.refuse(after, path.parent, Refusal(change.refuse_signers, change.incident), now))
    return ManifestPlan(path, before, after, tuple(name for name, root in found if root is None))


def _once(before: Manifest, after: Manifest) -> Manifest:
    """One run is one change, however much of the manifest it is about."""
    return replace(after, sequence=min(after.sequence, before.sequence + 1))


def _root(declared: DeclaredRoot, record: Path, since: dt.datetime | None, may_await: bool) -> Root | None:
    """The manifest's entry for one root; None where its certificate is yet to be made.

    Without ``since`` it is one of the first roots of the estate, and nobody has to show that hosts have it.
    """
    path = Path(declared.certificate or record / "roots" / f"{declared.name}.crt")
    pem = read(path)
    if pem is None and may_await:
        return None
    if pem is None:
        raise TrustAnchorError(f"{path} does not exist", "its fingerprint goes into the manifest")
    sha256 = fingerprint(load_certificate(pem, str(path)))
    state = declared.initial_state or ("staged" if since else "trusted")
    noted = since if state == "trusted" else None
    return Root(declared.name, sha256, state, standby=declared.standby, since=noted)


def _moved(manifest: Manifest, record: Path, change: ManifestChange, now: dt.datetime) -> Manifest:
    """The manifest with roots in other states, and without those that nobody needs any more."""
    evidence = estate_evidence.gather(str(record), manifest, now, change.hosts, change.exceptions)
    moved = transitions.change(manifest, change.states, evidence, change.incident)
    return transitions.remove(moved, change.remove, evidence)
