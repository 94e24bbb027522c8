# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which trust manifest the record was that a host published last. Standard library only.

What a record does not have is published no more, and the bundle is the roots that it trusts: by themselves, an old copy
of the record could bring back a root that was distrusted since, or take away the newest one.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..host import files, versioned
from ..schema import read_int

PATH = "/var/lib/trustanchor/publication-record.json"
FILE = versioned.VersionedFile(
    "which record this host published last", 1, "Make sure that the record is the newest one, and remove that file"
)


@dataclass(frozen=True)
class RecordState:
    """The trust manifest of a record.

    Args:
        id: names the estate; empty: the record has no manifest.
        sequence: rises with each change.
    """

    id: str
    sequence: int

    def require_not_older(self, check: bool) -> None:
        """Refuse a record that is older than the one that was published last, and remember this one.

        Args:
            check: only plan.

        Raises:
            TrustAnchorError: it is older, or nobody can tell.
        """
        former = _load()
        if not self.id:
            if former is None:
                return
            raise TrustAnchorError(
                f"the record has no trust manifest, this host publishes that of {former.id}",
                "all roots in the record would be published as trusted, those that were distrusted among them",
                f"Restore trust.yml from the record's history; if there is to be none, remove {PATH} on this host",
            )
        if former is not None and former.id == self.id and self.sequence < former.sequence:
            raise TrustAnchorError(
                f"the record's trust manifest has sequence {self.sequence}, this host publishes {former.sequence}",
                "the record on the controller is older than what clients have; what was distrusted would come back",
                f"Bring the record up to date; if it is right, remove {PATH} on this host",
            )
        if not check and former != self:
            content = FILE.rewritten(PATH, {"id": self.id, "sequence": self.sequence})
            files.write_atomically(PATH, content, 0o644, "root", "root")


def _load() -> RecordState | None:
    """What was published last; None where nothing was."""
    content = files.read(PATH)
    if content is None:
        return None
    found = FILE.parse(content, PATH)
    try:
        return RecordState(str(found["id"]), read_int(found, "sequence", PATH, 0, 0, 2**31))
    except KeyError as error:
        raise FILE.damaged(PATH, f"{error} is missing") from error
