# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust manifest: which roots the estate trusts, in which state, and a sequence against rollback."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ... import strict_yaml
from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool, read_int, read_text
from ...text import times
from ...x509.fingerprints import normalise_fingerprint
from ..root import STATES, Root

VERSION = 1
_HEADER = "# Trust manifest: the roots of this estate. States: staged, trusted, retiring, distrusted.\n---\n"


@dataclass(frozen=True)
class RefusedSigner:
    """A key that hosts must not believe any more.

    Args:
        name: under which the record had the signer's certificate.
        key_sha256: of its public key (SubjectPublicKeyInfo), 64 lower-case hex digits.
        since: when that was said, UTC.
        incident: reference of the incident that was the reason; empty for a planned change.
    """

    name: str
    key_sha256: str
    since: dt.datetime
    incident: str = ""

    def as_dict(self) -> dict[str, str]:
        """Plain form, as it is written."""
        entry = {"name": self.name, "key_sha256": self.key_sha256, "since": times.render(self.since)}
        return {**entry, "incident": self.incident} if self.incident else entry


@dataclass(frozen=True)
class Manifest:
    """The whole manifest.

    Args:
        sequence: rises with every change of the content and never falls.
        roots: in the order in which they came; without certificates, as `parse_manifest` gives them, or with them, as
            `manifest_store.read` does.
        id: names the estate, so that sequences of two estates are not compared: the beginning of the fingerprint of
            the first root that was ever listed. Empty in a manifest without roots.
        refused_signers: manifest signers that hosts must not believe any more. None ever leaves.
    """

    sequence: int
    roots: tuple[Root, ...]
    id: str = ""
    refused_signers: tuple[RefusedSigner, ...] = ()

    def __post_init__(self) -> None:
        if not self.id and self.roots:
            object.__setattr__(self, "id", self.roots[0].sha256[:32])

    def with_roots(self, roots: Iterable[Root]) -> Manifest:
        """The manifest with these roots in it. What is listed stays as it is.

        Raises:
            TrustAnchorError: a name is taken by another certificate, or a certificate listed under another name.
        """
        listed = self.roots
        for root in roots:
            if not _is_listed(root, listed):
                listed = (*listed, root)
        return self.changed(listed)

    def changed(self, roots: Iterable[Root]) -> Manifest:
        """The next manifest, with these roots; the same one when they are the same."""
        after = tuple(roots)
        return self if after == self.roots else replace(self, sequence=self.sequence + 1, roots=after)

    def named(self, name: str) -> Root:
        """The root of that name.

        Raises:
            TrustAnchorError: there is none.
        """
        for root in self.roots:
            if root.name == name:
                return root
        listed = ", ".join(root.name for root in self.roots) or "none"
        raise TrustAnchorError(f"the trust manifest has no root '{name}'", f"it has: {listed}", "Name one of these")

    @property
    def trusted(self) -> list[Root]:
        """The roots that a host must trust."""
        return [root for root in self.roots if root.is_trusted]

    @property
    def digest(self) -> str:
        """SHA-256 over all that the manifest says, hexadecimal: evidence is of one content of a sequence.

        The version of the file's form is left out: a rewrite by another version of the collection changes no root.
        """
        said = {key: value for key, value in self.as_dict().items() if key != "version"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def for_hosts(self) -> dict[str, Any]:
        """What a host is told, as the option `manifest` of trust_bundle has it; the roots have certificates."""
        return {
            "id": self.id,
            "sequence": self.sequence,
            "trusted": [root.for_hosts() for root in self.trusted],
            "distrusted": [root.sha256 for root in self.roots if root.is_distrusted],
            **({"refused_signers": [one.key_sha256 for one in self.refused_signers]} if self.refused_signers else {}),
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as it is written."""
        roots = [_plain(one) for one in self.roots]
        refused = {"refused_signers": [one.as_dict() for one in self.refused_signers]} if self.refused_signers else {}
        return {"version": VERSION, "id": self.id, "sequence": self.sequence, "roots": roots, **refused}

    def to_yaml(self) -> bytes:
        """The file's bytes."""
        return _HEADER.encode() + strict_yaml.dump(self.as_dict())


def _plain(root: Root) -> dict[str, Any]:
    more = {
        "standby": root.standby or None,
        "since": times.render(root.since) if root.since else None,
        "incident": root.incident or None,
    }
    entry = {"name": root.name, "sha256": root.sha256, "state": root.state}
    return {**entry, **{key: value for key, value in more.items() if value is not None}}


def _is_listed(root: Root, listed: Iterable[Root]) -> bool:
    for present in listed:
        if (present.name, present.sha256) == (root.name, root.sha256):
            return True
        if present.name == root.name or present.sha256 == root.sha256:
            raise TrustAnchorError(
                f"the trust manifest lists '{present.name}' as {present.sha256}",
                f"'{root.name}' as {root.sha256} was asked for",
                "Give a new root a new name; restore the record when its root certificate was lost",
            )
    return False


def parse_manifest(text: bytes | None, source: str) -> Manifest:
    """Read a manifest; none gives an empty one of sequence 0.

    Raises:
        TrustAnchorError: no YAML, or anything that the strict schema does not know.
    """
    if text is None:
        return Manifest(0, ())
    data = check_keys(strict_yaml.load(text, source), ("version", "id", "sequence", "roots", "refused_signers"), source)
    if data.get("version") != VERSION:
        raise TrustAnchorError(f"{source} has version {data.get('version')!r}", f"version {VERSION} is understood")
    entries = data.get("roots")
    if not isinstance(entries, list):
        raise TrustAnchorError(f"{source}: roots is not a list", "each root is a mapping with name, sha256, state")
    roots = tuple(_parse_root(entry, f"{source}: root") for entry in entries)
    for field in ("name", "sha256"):
        values = [getattr(root, field) for root in roots]
        if len(set(values)) != len(values):
            raise TrustAnchorError(f"{source} lists a {field} twice", "each root is listed once")
    given = read_text(data, "id", source) if "id" in data else ""
    return Manifest(read_int(data, "sequence", source, 0, 0, 2**31), roots, given, _parse_refused(data, source))


def _parse_refused(data: Mapping[str, Any], source: str) -> tuple[RefusedSigner, ...]:
    entries = data.get("refused_signers", [])
    if not isinstance(entries, list):
        raise TrustAnchorError(f"{source}: refused_signers is not a list", "each is a mapping with name, key_sha256")
    return tuple(_parse_signer(entry, f"{source}: refused signer") for entry in entries)


def _parse_signer(data: Mapping[str, Any], where: str) -> RefusedSigner:
    data = check_keys(data, ("name", "key_sha256", "since", "incident"), where)
    incident = read_text(data, "incident", where) if "incident" in data else ""
    key = normalise_fingerprint(read_text(data, "key_sha256", where))
    since = times.parse(read_text(data, "since", where), f"{where}: since")
    return RefusedSigner(read_text(data, "name", where), key, since, incident)


def _parse_root(data: Mapping[str, Any], where: str) -> Root:
    data = check_keys(data, ("name", "sha256", "state", "standby", "since", "incident"), where)
    state = read_text(data, "state", where)
    if state not in STATES:
        raise TrustAnchorError(f"{where}: state is '{state}'", f"known: {', '.join(STATES)}")
    incident = read_text(data, "incident", where) if "incident" in data else ""
    sha256 = normalise_fingerprint(read_text(data, "sha256", where))
    standby = read_bool(data, "standby", where)
    name, since = read_text(data, "name", where), _moment(data, where)
    return Root(name, sha256, state, standby=standby, since=since, incident=incident)


def _moment(data: Mapping[str, Any], where: str) -> dt.datetime | None:
    if "since" not in data:
        return None
    return times.parse(read_text(data, "since", where), f"{where}: since")
