# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host knows about its own trust: what it was told last, and what it ever put into a store.

Standard library only.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...host import locks
from ...host.files import read, write_atomically
from ...host.pem import fingerprint
from ..root import Root

DIRECTORY = "/var/lib/trustanchor"
PATH = f"{DIRECTORY}/trust.json"
LOCK_SECONDS = 900.0


@dataclass
class HostState:
    """The state of a host.

    Args:
        ever_installed: fingerprints that were ever put into a store. They are never forgotten: a store may be out of
            sight, such as a home that is not mounted, and come back.
        manifest: of what was told last: id, sequence, digest; of a signed one also not_before, not_after (seconds since
            the epoch), signed (SHA-256 of the file) and jump (see `acceptance`). Empty where nobody said.
        roots: those that must be trusted, in the manifest's order; they were checked when they came.
        distrusted: fingerprints that must not be trusted.
        refused_signers: SHA-256 of public keys of manifest signers that are not believed any more, hex. Never forgotten
            but by a push that overrides.
        changed_at: when the set of trusted roots changed last in any store; seconds since the epoch, 0: never.
        cache: what slow programs said about files.
    """

    ever_installed: list[str] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    roots: list[Root] = field(default_factory=list)
    distrusted: list[str] = field(default_factory=list)
    refused_signers: list[str] = field(default_factory=list)
    changed_at: float = 0.0
    cache: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as it is kept; the names in the file are older than those here."""
        return {
            "known": self.ever_installed,
            "manifest": self.manifest,
            "roots": [{"pem": root.pem, "not_before": root.not_before} for root in self.roots],
            "absent": self.distrusted,
            "changed_at": self.changed_at,
            "cache": self.cache,
            **({"refused_signers": self.refused_signers} if self.refused_signers else {}),
        }

    def save(self) -> None:
        """Keep it, when it is not what is kept already."""
        content = (json.dumps(self.as_dict(), indent=1, sort_keys=True) + "\n").encode()
        if read(PATH) != content:
            os.makedirs(os.path.dirname(PATH), mode=0o755, exist_ok=True)
            write_atomically(PATH, content, 0o644, "root", "root")


def load() -> HostState:
    """The state of this host; an empty one where there is none, or where it is damaged.

    What a damaged state has forgotten is told by the next push, and names of ours tell it in most stores.
    """
    try:
        found = json.loads(read(PATH) or b"{}")
        return _checked(found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return HostState()


def _checked(found: dict[str, Any]) -> HostState:
    """Raises: ValueError, TypeError, KeyError: it is not what was written."""
    names = {"known": "ever_installed", "absent": "distrusted"}
    given = {names.get(key, key): value for key, value in found.items()}
    state = HostState(**{**given, "roots": [_root(one) for one in given.get("roots", [])]})
    texts = [*state.ever_installed, *state.distrusted, *state.refused_signers]
    if not all(isinstance(text, str) for text in texts) or not isinstance(state.changed_at, (int, float)):
        raise TypeError("not what was written")
    if not isinstance(state.manifest, dict) or not isinstance(state.cache, dict):
        raise TypeError("not what was written")
    return state


def _root(found: dict[str, Any]) -> Root:
    return Root("", fingerprint(found["pem"]), pem=found["pem"], not_before=found["not_before"])


def locked() -> AbstractContextManager[int]:
    """One at a time: a push and the agent change the same stores. Waits for the other one.

    Raises:
        TrustAnchorError: the other one does not end.
    """
    busy = TrustAnchorError(
        "another program has been changing the trust stores of this host for a long time",
        f"{LOCK_SECONDS:.0f} seconds were waited for it",
        "Look for trust-agent or a play that hangs on this host, and end it",
    )
    return locks.held(os.path.join(os.path.dirname(PATH), ".lock"), LOCK_SECONDS, busy)
