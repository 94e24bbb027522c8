# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg knows. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .commands import run


def versions(names: Sequence[str]) -> dict[str, str]:
    """Installed version of each Debian package; an empty text where it is not installed."""
    found = dict.fromkeys(names, "")
    # dpkg-query ends with 1 when it does not know a name; the others are printed all the same.
    done = run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Abbrev} ${Version}\\n", *names],
        accept=(0, 1),
    )
    for line in done.stdout.decode(errors="replace").split("\n"):
        fields = line.split()
        if len(fields) == 3 and fields[1] == "ii":
            found[fields[0]] = fields[2]
    return found


def owner(path: str) -> str:
    """The package that a file belongs to; empty where it belongs to none."""
    pattern = re.sub(r"([\\*?\[\]])", r"\\\1", path)  # dpkg reads a path as a pattern
    done = run(["dpkg-query", "--search", pattern], accept=(0, 1))
    for line in done.stdout.decode(errors="surrogateescape").split("\n"):
        name, _colon, found = line.partition(": ")
        if found == path:
            return name
    return ""
