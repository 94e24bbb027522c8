# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The development program itself."""

from __future__ import annotations

import subprocess
import sys

from factories.collection import CHECKOUT


def test_its_commands_are_known_where_there_is_no_pytest() -> None:
    """The environment in which the documentation is made has other packages than that of the tests."""
    code = "import sys; sys.modules['pytest'] = None; from dev import suite; print(sorted(suite.COMMANDS))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(CHECKOUT / "tests")},
    )
    assert "docs" in done.stdout, done.stderr
