# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All kinds of act, in the order in which a plan is drafted: a root is made before what it signs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from ...errors import TrustAnchorError
from ..plan.schema import read_choice
from ..record_paths import OutputFiles, RecordPath
from . import crl, cross, inspect, intermediate, manifest_signer, root
from .base import Act, ActKind

KINDS: tuple[ActKind, ...] = (
    inspect.KIND,
    root.KIND,
    cross.KIND,
    intermediate.KIND,
    manifest_signer.KIND,
    crl.KIND,
)
# Kinds may share files: dict keeps the first of each and the order.
FILES: tuple[OutputFiles, ...] = tuple(dict.fromkeys(kind.files for kind in KINDS if kind.files is not None))


def record_paths() -> tuple[RecordPath, ...]:
    """Where the record has what acts sign, the archives included."""
    return tuple(path for files in FILES for path in files.record_paths())


def files_of(path: str) -> OutputFiles | None:
    """The files to which a path in the record belongs, None where no act makes it."""
    return next((files for files in FILES if path.startswith(f"{files.directory}/")), None)


def parse_act(data: Any, start: dt.datetime) -> Act:
    """One act of a plan.

    Args:
        data: the mapping.
        start: the time that holds where the act gives none.

    Raises:
        TrustAnchorError: unknown kind, or anything that its strict schema does not know.
    """
    if not isinstance(data, Mapping):
        raise TrustAnchorError(f"an act is {type(data).__name__}, not a mapping", "it starts with 'act: KIND'")
    kinds = {kind.name: kind for kind in KINDS}
    rest = dict(data)
    kind = kinds[read_choice(rest, "act", "an act", tuple(kinds), None)]
    del rest["act"]
    return kind.parse(rest, start)
