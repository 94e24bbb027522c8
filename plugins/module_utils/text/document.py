# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document of plain blocks, as Markdown and as a page of HTML that prints on A4.

Whatever a block holds is text: both forms escape it, and characters that a reader would not see, or that turn
the direction of writing, are shown as escapes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol, Union


class Block(Protocol):
    """A part of a document."""

    def markdown(self) -> str:
        """As Markdown, without a line end behind it."""

    def html(self) -> str:
        """As HTML."""


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3."""

    level: int
    text: str

    def markdown(self) -> str:
        """As Markdown."""
        return f"{'#' * self.level} {_md(self.text)}"

    def html(self) -> str:
        """As HTML."""
        return f"<h{self.level}>{_html(self.text)}</h{self.level}>"


@dataclass(frozen=True)
class Banner:
    """A warning in big letters."""

    text: str

    def markdown(self) -> str:
        """As Markdown."""
        return f"> # **{_md(self.text)}**"

    def html(self) -> str:
        """As HTML."""
        return f'<p class="banner">{_html(self.text)}</p>'


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str

    def markdown(self) -> str:
        """As Markdown."""
        return _md(self.text)

    def html(self) -> str:
        """As HTML."""
        return f"<p>{_html(self.text)}</p>"


@dataclass(frozen=True)
class Strong:
    """A value of a table that must not be overlooked."""

    text: str


@dataclass(frozen=True)
class Mark:
    """A value of a table that says how something is; the page shows it in colour.

    Args:
        text: the value.
        kind: ``good``, ``note`` (good, and worth a look), ``bad``, or ``open`` (not known).
    """

    text: str
    kind: str


# The other form of a union is an operation to pylint of ansible-test.
Cell = Union[str, Strong, Mark]  # noqa: UP007


@dataclass(frozen=True)
class Table:
    """Rows below a line of headings.

    Args:
        head: names of the columns.
        rows: each as long as ``head``.
        kind: class of the HTML form; ``sign`` leaves room to write by hand.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    kind: str = ""

    def markdown(self) -> str:
        """As Markdown."""
        lines = [list(map(_md, self.head)), ["---"] * len(self.head)]
        lines += [[_md_cell(cell) for cell in row] for row in self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def html(self) -> str:
        """As HTML."""
        head = "".join(f"<th>{_html(name)}</th>" for name in self.head)
        rows = ["".join(map(_html_cell, row)) for row in self.rows]
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return f'<table class="{_html(self.kind)}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'


@dataclass(frozen=True)
class Lines:
    """Lines whose columns people compare: digests with their words, commands."""

    lines: Sequence[str]

    def markdown(self) -> str:
        """As Markdown: an indented block, which nothing in it can end."""
        return "\n".join(f"    {visible(line)}" for line in self.lines)

    def html(self) -> str:
        """As HTML."""
        return f"<pre>{chr(10).join(_html(line) for line in self.lines)}</pre>"


def visible(text: str) -> str:
    """The text with each character that is not printed as itself shown as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable(text: str, most: int = 0) -> str:
    """A text of several lines for a terminal: its lines stay, no other control character does.

    Args:
        text: of lines that end with a line feed.
        most: characters of it that are shown; 0: all.
    """
    if most and len(text) > most:
        text = f"{text[:most]} … ({len(text) - most} more characters)"
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))


def shown(value: Any) -> Any:
    """A result as it may be shown: the texts in it, wherever they are, as `printable` has them.

    Args:
        value: mappings, lists, tuples and dataclasses of any depth; what is none of these stays as it is.
    """
    if isinstance(value, str):
        return value if value.isprintable() else printable(value.replace("\r\n", "\n"))  # PEM may have both
    if isinstance(value, Mapping):
        return {shown(key): shown(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(shown, value)) if type(value) in (list, tuple) else list(map(shown, value))
    if is_dataclass(value) and not isinstance(value, type):  # Ansible's own messages
        return replace(value, **{one.name: shown(getattr(value, one.name)) for one in fields(value) if one.init})
    return value


def _md(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|~&$])", r"\\\1", visible(text))


def _html(text: str) -> str:
    return html.escape(visible(text))


def _md_cell(cell: Cell) -> str:
    if isinstance(cell, Strong) or (isinstance(cell, Mark) and cell.kind in ("bad", "open")):
        return f"**{_md(cell.text)}**" if cell.text else ""
    return _md(cell.text if isinstance(cell, Mark) else cell)


def _html_cell(cell: Cell) -> str:
    if isinstance(cell, Mark):
        return f'<td class="{_html(cell.kind)}">{_html(cell.text)}</td>'
    return f"<td><strong>{_html(cell.text)}</strong></td>" if isinstance(cell, Strong) else f"<td>{_html(cell)}</td>"


def as_markdown(blocks: Iterable[Block]) -> str:
    """The document as Markdown."""
    return "\n\n".join(block.markdown() for block in blocks) + "\n"


def as_html(title: str, blocks: Iterable[Block], wide: bool = False) -> str:
    """The document as one page without scripts, pictures or anything from elsewhere.

    Args:
        title: of the page.
        blocks: its content.
        wide: for tables of many columns: as wide as the window, and across on paper.
    """
    body = "\n".join(block.html() for block in blocks)
    style = _STYLE + _WIDE if wide else _STYLE
    return f"{_TOP}<title>{_html(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"


_TOP = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
"""

_STYLE = """
@page { size: A4; margin: 18mm 16mm; }
body { font: 10pt/1.4 "DejaVu Sans", Helvetica, Arial, sans-serif; color: #111; max-width: 178mm; margin: 0 auto; }
h1 { font-size: 18pt; margin: 6mm 0 3mm; }
h2 { font-size: 13pt; margin: 7mm 0 2mm; border-bottom: 0.3mm solid #111; break-after: avoid; }
h3 { font-size: 11pt; margin: 5mm 0 1mm; break-after: avoid; }
table { border-collapse: collapse; width: 100%; margin: 2mm 0; }
th, td { border: 0.2mm solid #777; padding: 1mm 2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { background: #eee; }
tr, pre { break-inside: avoid; }
pre { font: 9pt/1.35 "DejaVu Sans Mono", monospace; background: #f4f4f4; padding: 2mm; white-space: pre-wrap; }
.banner { border: 1mm solid #b00; color: #b00; font-size: 20pt; font-weight: bold; padding: 3mm; text-align: center; }
.sign { break-inside: avoid; }
.sign td { height: 16mm; }
td.good { background: #dff3df; }
td.note { background: #fff3c4; }
td.bad { background: #f8c9c9; font-weight: bold; }
td.open { background: #ddd; font-weight: bold; }
"""

_WIDE = """
@page { size: A4 landscape; margin: 12mm; }
body { max-width: none; margin: 0 6mm; }
th { position: sticky; top: 0; }
"""
