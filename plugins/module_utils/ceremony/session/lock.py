# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a ceremony at a time: two would write into one transcript."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ...errors import TrustAnchorError

# A run whose controller was killed goes on to the end of its step, at the longest until a touch is awaited in vain.
PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.1


@contextlib.contextmanager
def sole_run(directory: Path, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold a working directory alone; the kernel lets go of it when the process ends, however it ends.

    Args:
        directory: made if it is absent, mode 0700.
        patience: how long to wait for another run, seconds.

    Raises:
        TrustAnchorError: another run did not end in time.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, directory, time.monotonic() + patience)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path, deadline: float) -> None:
    """flock(2) waits without end or not at all."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise TrustAnchorError(
                    f"another run of a ceremony is at work in {directory}",
                    "two at a time would write into one transcript",
                    "Let it end, then run again",
                ) from error
        time.sleep(_PAUSE_SECONDS)
