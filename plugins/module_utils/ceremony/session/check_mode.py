# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ceremony machine would have, if the record had been carried in: for check mode."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...host.files import save
from .. import exchange


@contextlib.contextmanager
def carried_in(directory: Path, incoming: Mapping[str, bytes]) -> Iterator[Path]:
    """A working directory with the incoming artefacts in it: the real one where it has them, else a copy.

    The copy has public files only, and the tokens of the real one.

    Args:
        directory: the working directory.
        incoming: path to content, as `record.read` gives them.

    Raises:
        TrustAnchorError: the artefacts do not fit those that are there.
    """
    merge = exchange.plan_merge(directory, incoming)
    if not merge.changed:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="ceremony-check-") as scratch:
        copy = Path(scratch)
        for name, data in {**exchange.read(directory, exchange.IN), **merge.writes}.items():
            save(copy / name, data)
        (copy / "softhsm").symlink_to(directory / "softhsm")
        yield copy
