# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a root of the record may be trusted at all: anchors, which are kept outside the record (controller).

Whoever can write to the record can put any certificate into it. So a root counts only when its fingerprint is among the
anchors, or when a ceremony that an anchored root has sealed, or one that such a ceremony made, has made it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool, read_text
from ...x509.fingerprints import normalise_fingerprint
from ..root import Root

# The option of modules, in the form of an argument spec.
SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        **{name: {"type": "str", "required": True} for name in ("name", "sha256", "reason")},
        "refused": {"type": "bool", "default": False},
    },
}


@dataclass(frozen=True)
class Anchor:
    """A root that the inventory vouches for, or refuses.

    Args:
        name: of the root, for people.
        sha256: fingerprint, 64 lower-case hex digits.
        reason: why it is trusted, such as the ceremony whose printed report has the fingerprint; or why it is not.
        refused: its key is in wrong hands. It is not trusted and seals nothing, whatever the record says of it.
    """

    name: str
    sha256: str
    reason: str
    refused: bool = False


class RootCheck(Protocol):
    """Says which roots of a record may be trusted."""

    def require(self, roots: Iterable[Root]) -> None:
        """Refuse roots that nothing outside the record vouches for.

        Raises:
            TrustAnchorError: there is one.
        """


def parse(option: Any) -> tuple[Anchor, ...]:
    """Read the anchors that an inventory gives.

    Raises:
        TrustAnchorError: not a list of mappings with ``name``, ``sha256``, ``reason`` and perhaps ``refused``, or a
            fingerprint twice.
    """
    if not isinstance(option, (list, tuple)):
        raise TrustAnchorError(
            f"pki_anchors is {type(option).__name__}, not a list",
            "each anchor is a mapping with name, sha256 and reason",
        )
    anchors = tuple(_anchor(entry) for entry in option)
    if len({one.sha256 for one in anchors}) != len(anchors):
        raise TrustAnchorError("pki_anchors lists a fingerprint twice", "each root is anchored once, with one reason")
    return anchors


def _anchor(entry: Any) -> Anchor:
    where = "an entry of pki_anchors"
    data = check_keys(entry, ("name", "sha256", "reason", "refused"), where)
    sha256 = normalise_fingerprint(read_text(data, "sha256", where))
    name, reason = read_text(data, "name", where), read_text(data, "reason", where)
    return Anchor(name, sha256, reason, read_bool(data, "refused", where))


def line(root: Root, reason: str) -> str:
    """What to write into the inventory for a root, one entry of YAML."""
    plain = re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", root.name)
    name = root.name if plain else json.dumps(root.name)  # nothing that somebody chose becomes a key beside it
    return f"- {{name: {name}, sha256: {root.sha256}, reason: {reason}}}"
