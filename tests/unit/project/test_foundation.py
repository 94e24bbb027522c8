# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the foundation does, nothing else does for itself."""

from __future__ import annotations

import re
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"


def _using(pattern: str) -> set[str]:
    found = (path for path in PLUGINS.rglob("*.py") if re.search(pattern, path.read_text()))
    return {path.relative_to(PLUGINS).as_posix().removeprefix("module_utils/") for path in found}


def test_times_are_read_and_written_in_one_place() -> None:
    """One form, one clock, and nothing that depends on the locale."""
    functions = "strftime|strptime|isoformat|fromisoformat|fromtimestamp|cert_time_to_seconds"
    assert _using(rf"\b({functions})\b|datetime\.(utc)?now\(") == {"text/times.py"}


def test_locks_are_taken_in_one_place() -> None:
    assert _using(r"\b(flock|lockf)\(") == {"host/locks.py"}


def test_files_are_made_by_one_writer() -> None:
    """A lock and a journal are opened for appending; a token's configuration must not exist before."""
    appending, once = {"host/locks.py", "journal/chain.py"}, {"token/backends/softhsm.py"}
    assert _using(r"\bO_CREAT\b") == {"host/files.py"} | appending | once
    assert _using(r"os\.replace\(|mkstemp\(|write_bytes\(|write_text\(") == set()
