# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust manifest: which roots the estate trusts, in which state, and a sequence against rollback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import TrustAnchorError
from ..schema import check_keys, read_int, read_text
from ..x509.fingerprints import normalise_fingerprint

VERSION = 1
STATES = ("staged", "trusted", "retiring", "distrusted")
_HEADER = "# Trust manifest: the roots of this estate. States: staged, trusted, retiring, distrusted.\n---\n"


@dataclass(frozen=True)
class Root:
    """One root.

    Args:
        name: its file name in the record, without ``.crt``.
        sha256: fingerprint, 64 lower-case hex digits.
        state: one of `STATES`.
        standby: it takes the place of another root that has to be abandoned, and signs nothing until then.
    """

    name: str
    sha256: str
    state: str
    standby: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as it is written."""
        entry = {"name": self.name, "sha256": self.sha256, "state": self.state}
        return {**entry, "standby": True} if self.standby else entry


@dataclass(frozen=True)
class Manifest:
    """The whole manifest. The sequence rises with every change of the content and never falls."""

    sequence: int
    roots: tuple[Root, ...]

    def with_roots(self, roots: Iterable[Root]) -> Manifest:
        """The manifest with these roots in it. What is listed stays as it is.

        Raises:
            TrustAnchorError: a name is taken by another certificate, or a certificate listed under another name.
        """
        listed = self.roots
        for root in roots:
            if not _is_listed(root, listed):
                listed = (*listed, root)
        return self if listed == self.roots else Manifest(self.sequence + 1, listed)

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as it is written."""
        return {"version": VERSION, "sequence": self.sequence, "roots": [one.as_dict() for one in self.roots]}

    def to_yaml(self) -> bytes:
        """The file's bytes."""
        return (_HEADER + yaml.safe_dump(self.as_dict(), sort_keys=False)).encode()


def _is_listed(root: Root, listed: Iterable[Root]) -> bool:
    for present in listed:
        if (present.name, present.sha256) == (root.name, root.sha256):
            return True
        if present.name == root.name or present.sha256 == root.sha256:
            raise TrustAnchorError(
                f"the trust manifest lists '{present.name}' as {present.sha256}",
                f"asked is '{root.name}' as {root.sha256}",
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
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TrustAnchorError(f"{source} is no YAML", str(error), "Restore it from the record's history") from error
    data = check_keys(data, ("version", "sequence", "roots"), source)
    if data.get("version") != VERSION:
        raise TrustAnchorError(f"{source} has version {data.get('version')!r}", f"version {VERSION} is understood")
    entries = data.get("roots")
    if not isinstance(entries, list):
        raise TrustAnchorError(f"{source}: roots is no list", "each root is a mapping with name, sha256, state")
    roots = tuple(_parse_root(entry, f"{source}: root") for entry in entries)
    for field in ("name", "sha256"):
        values = [getattr(root, field) for root in roots]
        if len(set(values)) != len(values):
            raise TrustAnchorError(f"{source} lists a {field} twice", "each root is listed once")
    return Manifest(read_int(data, "sequence", source, 0, 0, 2**31), roots)


def _parse_root(data: Mapping[str, Any], where: str) -> Root:
    data = check_keys(data, ("name", "sha256", "state", "standby"), where)
    state = read_text(data, "state", where)
    if state not in STATES:
        raise TrustAnchorError(f"{where}: state is '{state}'", f"known: {', '.join(STATES)}")
    standby = data.get("standby", False)
    if not isinstance(standby, bool):
        raise TrustAnchorError(f"{where}: standby is {standby!r}", "true or false is expected")
    sha256 = normalise_fingerprint(read_text(data, "sha256", where))
    return Root(read_text(data, "name", where), sha256, state, standby)
