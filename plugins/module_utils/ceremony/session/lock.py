# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a ceremony at a time: two would write into one transcript."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from ...errors import TrustAnchorError
from ...host import locks

# A run whose controller was killed goes on to the end of its step, at the longest until a touch is awaited in vain.
PATIENCE_SECONDS = 60.0


def run_lock(directory: Path, patience: float = PATIENCE_SECONDS) -> AbstractContextManager[None]:
    """Hold a working directory alone.

    Args:
        directory: made if it is absent, mode 0700.
        patience: how long to wait for another run, seconds.

    Raises:
        TrustAnchorError: another run did not end in time.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    busy = TrustAnchorError(
        f"another run of a ceremony is at work in {directory}",
        "two at a time would write into one transcript",
        "Let it end, then run again",
    )
    return locks.held_directory(directory, patience, busy)
