# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedures as the guides print them: the fenced blocks below a heading. Tests run these, and nothing like them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

GUIDES = Path(__file__).resolve().parents[2] / "docs/guides"

_HEADING = re.compile(r"^(#+) +(.*?) *$")
_FENCE = re.compile(r"^```(\w*)$")
_FILE = re.compile(r"^# (\S+)$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        language: what stands behind the fence; commands have none.
        text: its lines.
    """

    language: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """Its commands in words; none where it is not for a shell."""
        lines = [] if self.language else self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]

    @property
    def file(self) -> str:
        """Path of the file of the inventory that it belongs into; empty where its first line names none."""
        found = _FILE.match(self.text.partition("\n")[0]) if self.language == "yaml" else None
        return found.group(1) if found else ""


def headings(guide: str) -> list[str]:
    """All headings of a guide."""
    return list(_sections(guide))


def procedure(guide: str, heading: str) -> list[Block]:
    """The blocks below a heading, up to the next heading.

    Raises:
        AssertionError: there is no such heading, or nothing to do below it.
    """
    sections = _sections(guide)
    assert heading in sections, f"{guide} has no heading '{heading}'"
    assert sections[heading], f"{guide}: '{heading}' has no command"
    return sections[heading]


def _sections(guide: str) -> dict[str, list[Block]]:
    found: dict[str, list[Block]] = {}
    heading, lines = "", list[str]()
    language: str | None = None
    for line in (GUIDES / guide).read_text().splitlines():
        fence = _FENCE.match(line)
        if language is not None and line == "```":
            found[heading].append(Block(language, "\n".join(lines)))
            language, lines = None, []
        elif language is not None:
            lines.append(line)
        elif fence:
            language = fence.group(1)
        elif title := _HEADING.match(line):
            heading = title.group(2)
            assert heading not in found, f"{guide} has the heading '{heading}' twice"
            found[heading] = []
    return found
