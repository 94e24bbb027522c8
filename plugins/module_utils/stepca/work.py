# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on a CA host. Standard library only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..host import locks
from ..host.files import Directory
from .layout import Layout


@contextlib.contextmanager
def at_work(layout: Layout, check: bool) -> Iterator[None]:
    """Hold the CA's directory: a key, its password and its request of two runs would not fit each other.

    Args:
        layout: paths.
        check: only plan; nothing is made.

    Raises:
        TrustAnchorError: the directory cannot be made or opened.
    """
    if not check:
        Directory(layout.base, 0o755).make()
    with locks.held_where_it_is(layout.base, check):
        yield
