# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host knows about its own trust: what it was told last, and what it ever put into a store.

Standard library only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...host import locks, versioned
from ...host.files import read, write_atomically
from ...host.pem import fingerprint
from ..root import Root

DIRECTORY = "/var/lib/trustanchor"
PATH = f"{DIRECTORY}/trust.json"
LOCK_SECONDS = 600.0  # the agent's unit ends before; less than a push may take (trust_store_timeout)
FILE = versioned.VersionedFile(
    "what this host was told about its roots",
    1,
    "Restore the file from a backup; or find out what damaged it, and push with trust_store_override=true: then the "
    "host forgets which sequence it was told, and the damaged file is kept beside the new one",
)


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
        ever_distrusted: those that were told before, too; only a push takes one off, by trusting that root again.
        refused_signers: SHA-256 of public keys of manifest signers that are not believed any more, hex. Never forgotten
            but by a push that overrides.
        changed_at: when the set of trusted roots changed last in any store that is not one user's; seconds since the
            epoch, 0: never.
        users_changed_at: the same of the stores of each user, by uid as text: a user moves nobody else's clock.
        in_vain: name of a store that was found to a digest of how, where the last run changed nothing about it.
        cache: what slow programs said about files.
        more: what else is in the file, of a sister version of the collection; kept as it is.
        more_of_roots: the same of a root's entry, by its fingerprint.
    """

    ever_installed: list[str] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    roots: list[Root] = field(default_factory=list)
    distrusted: list[str] = field(default_factory=list)
    ever_distrusted: list[str] = field(default_factory=list)
    refused_signers: list[str] = field(default_factory=list)
    changed_at: float = 0.0
    users_changed_at: dict[str, float] = field(default_factory=dict)
    in_vain: dict[str, str] = field(default_factory=dict)
    cache: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    more_of_roots: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as it is kept; the names in the file are older than those here."""
        return {
            "known": self.ever_installed,
            "manifest": self.manifest,
            "roots": [self._root(root) for root in self.roots],
            "absent": self.distrusted,
            "changed_at": self.changed_at,
            "users_changed_at": self.users_changed_at,
            "in_vain": self.in_vain,
            "cache": self.cache,
            **({"refused_signers": self.refused_signers} if self.refused_signers else {}),
            **({"ever_absent": self.ever_distrusted} if self.ever_distrusted else {}),
        }

    def clocks(self) -> tuple[float, dict[str, float]]:
        """When stores changed; for `restore`."""
        return self.changed_at, dict(self.users_changed_at)

    def restore(self, clocks: tuple[float, dict[str, float]]) -> None:
        """Set the clocks back to what they were."""
        self.changed_at, self.users_changed_at = clocks[0], dict(clocks[1])

    def note_change(self, readers: Collection[int | None]) -> None:
        """What is trusted changes now.

        Args:
            readers: uid of each user whose stores do; None for stores that anybody reads.
        """
        now = time.time()
        if None in readers:
            self.changed_at = now
        self.users_changed_at |= {str(uid): now for uid in readers if uid is not None}

    def _root(self, root: Root) -> dict[str, Any]:
        return {**self.more_of_roots.get(root.sha256, {}), "pem": root.pem, "not_before": root.not_before}

    def save(self) -> None:
        """Keep it, when it is not what is kept already. A damaged file is kept, too, under another name.

        Raises:
            TrustAnchorError: what is kept already is of a later version; it stays.
        """
        content = FILE.content(self.as_dict(), self.more)
        present = read(PATH)
        if present == content:
            return
        os.makedirs(os.path.dirname(PATH), mode=0o755, exist_ok=True)
        try:
            if present is not None:
                _parse(present)
        except versioned.DamagedFileError:
            write_atomically(f"{PATH}.damaged-{time.time_ns()}", present or b"", 0o644, "root", "root")
        write_atomically(PATH, content, 0o644, "root", "root")


def load(forget: bool = False) -> HostState:
    """The state of this host; an empty one where there is none.

    Args:
        forget: take an empty one for a damaged one, too. Somebody must have asked for it: what was told last is all
            that protects a host from an older manifest.

    Raises:
        TrustAnchorError: it is damaged, or of a later version of the collection.
    """
    content = read(PATH)
    if content is None:
        return HostState()
    try:
        return _parse(content)
    except versioned.DamagedFileError:
        if not forget:
            raise
        return HostState()


_KEYS = (
    *("known", "manifest", "roots", "absent", "ever_absent", "refused_signers"),
    *("changed_at", "users_changed_at", "in_vain", "cache"),
)
_OF_ROOT = ("pem", "not_before")


def _parse(content: bytes) -> HostState:
    """Raises: TrustAnchorError: it is not what was written, or of a later version."""
    found = FILE.parse(content, PATH)
    try:
        return _checked(found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FILE.damaged(PATH, f"it is not what was written: {error}") from error


def _checked(found: dict[str, Any]) -> HostState:
    """Raises: ValueError, TypeError, KeyError: it is not what was written."""
    entries = [(_root(one), versioned.others(one, _OF_ROOT)) for one in found.get("roots", [])]
    state = HostState(
        ever_installed=_texts(found.get("known", [])),
        manifest=_mapping(found.get("manifest", {})),
        roots=[root for root, _more in entries],
        distrusted=_texts(found.get("absent", [])),
        ever_distrusted=_texts(found.get("ever_absent", [])),
        refused_signers=_texts(found.get("refused_signers", [])),
        changed_at=_number(found.get("changed_at", 0.0)),
        users_changed_at={uid: _number(moment) for uid, moment in _mapping(found.get("users_changed_at", {})).items()},
        in_vain=_mapping(found.get("in_vain", {})),
        cache=_mapping(found.get("cache", {})),
        more=versioned.others(found, _KEYS),
        more_of_roots={root.sha256: more for root, more in entries if more},
    )
    sequence = state.manifest.get("sequence")
    if "id" in state.manifest and (isinstance(sequence, bool) or not isinstance(sequence, int)):
        raise TypeError("the sequence is not a whole number")
    return state


def _texts(found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise TypeError("a list of texts is expected")
    return found


def _mapping(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TypeError("an object is expected")
    return found


def _number(found: Any) -> float:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise TypeError("a number is expected")
    return found


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
