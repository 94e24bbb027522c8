# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust manifest: which roots the estate trusts, in which state, and a sequence against rollback."""

from __future__ import annotations

from collections.abc import Mapping
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
    """One root: name, SHA-256 fingerprint (64 lower-case hex digits), state."""

    name: str
    sha256: str
    state: str


@dataclass(frozen=True)
class Manifest:
    """The whole manifest. The sequence rises with every change of the content and never falls."""

    sequence: int
    roots: tuple[Root, ...]

    def with_root(self, root: Root) -> Manifest:
        """The manifest with the root in it. One that is listed keeps its state.

        Raises:
            TrustAnchorError: the name is taken by another certificate, or the certificate listed under
            another name.
        """
        for present in self.roots:
            if (present.name, present.sha256) == (root.name, root.sha256):
                return self
            if present.name == root.name or present.sha256 == root.sha256:
                raise TrustAnchorError(
                    f"the trust manifest lists '{present.name}' as {present.sha256}",
                    f"asked is '{root.name}' as {root.sha256}",
                    "Give a new root a new name; restore the record when its root certificate was lost",
                )
        return Manifest(self.sequence + 1, (*self.roots, root))

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as it is written."""
        roots = [{"name": one.name, "sha256": one.sha256, "state": one.state} for one in self.roots]
        return {"version": VERSION, "sequence": self.sequence, "roots": roots}

    def to_yaml(self) -> bytes:
        """The file's bytes."""
        return (_HEADER + yaml.safe_dump(self.as_dict(), sort_keys=False)).encode()


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
    data = check_keys(data, ("name", "sha256", "state"), where)
    state = read_text(data, "state", where)
    if state not in STATES:
        raise TrustAnchorError(f"{where}: state is '{state}'", f"known: {', '.join(STATES)}")
    return Root(read_text(data, "name", where), normalise_fingerprint(read_text(data, "sha256", where)), state)
