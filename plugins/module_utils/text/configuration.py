# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one writer of values in configuration that hosts read: units, nginx, environment, containerd, apt.

A template says of each value what it is in that place: ``ReadWritePaths={writable:unit_paths}``. The kind quotes as the
reader of the file unquotes, takes the meaning from what that reader would expand, and refuses what cannot stand there.
So no value gets into a file raw, whoever chose it: a value that ends a line would begin a line of root's. What JSON and
YAML hold is written by their libraries. Standard library only.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
import string
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import TrustAnchorError
from .document import visible


class Rendered(str):
    """Text that `fill` made, so it may stand in another template as it is."""

    __slots__ = ()


def fill(template: str, values: Mapping[str, Any] | None = None) -> Rendered:
    """Put values into a template of ours.

    Args:
        template: text with ``{name:kind}`` for each value, see `KINDS`; braces of its own are doubled.
        values: of each name.

    Raises:
        TrustAnchorError: a value cannot stand where it is to stand.
        KeyError: a name has no value, or a kind is unknown.
    """
    parts: list[str] = []
    for literal, name, kind, _conversion in string.Formatter().parse(template):
        parts.append(literal)
        if name is not None:
            parts.append(write(kind or "", (values or {})[name], name))
    return Rendered("".join(parts))


def write(kind: str, value: Any, name: str) -> str:
    """One value as it is written.

    Args:
        kind: one of `KINDS`.
        value: of the type that the kind takes.
        name: of the value, for messages.

    Raises:
        TrustAnchorError: it cannot stand there.
        KeyError: there is no such kind.
    """
    try:
        return KINDS[kind](value)
    except _Refused as error:
        shown = visible(str(value))
        raise TrustAnchorError(
            f"{name} is '{shown[:100]}{'…' if len(shown) > 100 else ''}'",
            f"{error}: it would be read as something else in the file that it is written to",
            "Choose another value",
        ) from error


class _Refused(ValueError):
    """Why a value cannot stand where it is to stand."""


def _text(value: Any) -> str:
    """A text of printable characters; what of a name is not UTF-8 is a surrogate in Python, and not printable."""
    if not isinstance(value, str) or not value:
        raise _Refused("a text that is not empty is expected")
    if not value.isprintable():
        raise _Refused("control characters, line ends and what is not UTF-8 are refused")
    if value != value.strip():
        raise _Refused("blanks at its ends are refused")
    return value


def _matching(pattern: str, expected: str) -> Callable[[Any], str]:
    """A writer of texts that need no quoting, since they are of few characters."""
    allowed = re.compile(pattern)

    def written(value: Any) -> str:
        if not allowed.fullmatch(_text(value)):
            raise _Refused(f"{expected} is expected")
        return str(value)

    return written


def _block(value: Any) -> str:
    parts = [value] if isinstance(value, str) else value
    if not all(isinstance(part, Rendered) for part in parts):
        raise _Refused("text of a template is expected")
    return "".join(parts)


def _flag(value: Any) -> str:
    if not isinstance(value, bool):
        raise _Refused("true or false is expected")
    return "yes" if value else "no"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Refused("a whole number is expected")
    return str(value)


_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_./:=@,+-]*")


def _quoted(text: str) -> str:
    """As systemd.syntax(7) unquotes it."""
    if _NEEDS_NO_QUOTES.fullmatch(text.replace("%%", "").replace("$$", "")):
        return text
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'


def _unit_text(value: Any) -> str:
    text = _text(value)
    if "\\" in text:
        raise _Refused("a backslash is refused")  # at the end it would take the next line along
    return text.replace("%", "%%")


def _unit_word(value: Any) -> str:
    return _quoted(_text(value).replace("%", "%%").replace("$", "$$"))


def _unit_path(value: Any) -> str:
    """A path that is the rest of a line. systemd has no one rule for quotes there, so they are refused."""
    path = _text(value)
    if not path.startswith("/") or re.search(r"/\.\.(/|$)", path):
        raise _Refused("an absolute path is expected")
    if re.search(r"[\"'\\$]", path):
        raise _Refused("quotation marks, backslashes and dollar signs are refused")
    return path.replace("%", "%%")


def _line_path(value: Any) -> str:
    path = _text(value)
    if not path.startswith("/"):
        raise _Refused("an absolute path is expected")
    return path


def _unit_paths(value: Any, prefix: str = "") -> str:
    words = [prefix + _unit_path(path) for path in value]
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def _optional_paths(value: Any) -> str:
    """Paths that may be missing."""
    return _unit_paths(value, "-")


def _assignment(value: Any) -> str:
    """``NAME=value`` of a pair."""
    name, text = value
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", _text(name)):
        raise _Refused(f"'{name}' is not a name of a variable")
    return f"{name}={_text(text) if text else ''}"


def _unit_variable(value: Any) -> str:
    escaped = _assignment(value).replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return f'"{escaped}"'


def _unit_variables(value: Any) -> str:
    return " ".join(_quoted(_assignment(pair).replace("%", "%%")) for pair in value)


def _shell_variable(value: Any) -> str:
    name, _equals, text = _assignment(value).partition("=")
    return f"{name}={shlex.quote(text)}"


def _file_variable(value: Any) -> str:
    """environment.d(5) and its readers elsewhere agree on what needs no quotes, and on little else."""
    text = _assignment(value)
    if not _NEEDS_NO_QUOTES.fullmatch(text):
        raise _Refused("letters, digits and _ . / : = @ , + - are expected")
    return text


def _network(value: Any) -> str:
    try:
        found = ipaddress.ip_network(_text(value))
    except ValueError as error:
        raise _Refused("a network is expected") from error
    if "%" in str(found):  # an IPv6 zone is any text to Python
        raise _Refused("a network without a zone is expected")
    return str(found)


def _nginx_addresses(value: Any) -> str:
    found = []
    for one in value:
        try:
            address = ipaddress.ip_address(_text(one).removeprefix("[").removesuffix("]"))
        except ValueError as error:
            raise _Refused("an address is expected") from error
        found.append(f"[{address}]" if address.version == 6 else str(address))
        if "%" in found[-1]:
            raise _Refused("an address without a zone is expected")
    return " ".join(found)


def _toml_text(value: Any) -> str:
    return '"' + _text(value).replace("\\", r"\\").replace('"', r"\"") + '"'


def _json_in_template(value: Any) -> str:
    """JSON within a text/template of Go, which takes ``{{`` for the begin of an action."""
    return json.dumps(_text(value) if value else "").replace("{", r"\u007b").replace("}", r"\u007d")


KINDS: dict[str, Callable[[Any], str]] = {
    "block": _block,
    "number": _number,
    "flag": _flag,
    # systemd.unit(5), systemd.exec(5), systemd.service(5)
    "unit_text": _unit_text,
    "unit_word": _unit_word,
    "unit_words": lambda value: " ".join(map(_unit_word, value)),
    # What operators write to be expanded, such as %d for the directory of credentials.
    "unit_words_expanded": lambda value: " ".join(_quoted(_text(word)) for word in value),
    "unit_path": _unit_path,
    "unit_paths": _unit_paths,
    "optional_paths": _optional_paths,
    "unit_name": _matching(r"(?:[A-Za-z0-9:_.@-]|\\x[0-9a-f]{2}|%[nNp])+", "a name of a unit"),
    "unit_variable": _unit_variable,
    "unit_variable_expanded": lambda value: _quoted(_assignment(value)),
    "unit_variables": _unit_variables,
    "calendar": _matching(r"[A-Za-z0-9*:.,/~_+ -]+", "a calendar event (systemd.time(7))"),
    "time_span": _matching(r"[A-Za-z0-9. ]+", "a time span (systemd.time(7))"),
    "account": _matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "a name of an account"),
    "credential": _matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "a name of a credential"),
    "directory_name": _matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "a name of a directory"),
    "network": _network,
    # What nginx neither splits nor expands; it has no escape for '$'.
    "nginx_word": _matching(r"[A-Za-z0-9/\[][A-Za-z0-9._~:/\[\]-]*", "letters, digits and . _ ~ : / -"),
    "nginx_addresses": _nginx_addresses,
    "toml_text": _toml_text,
    "line_path": _line_path,  # the rest of a line, for SoftHSM
    "shell_variable": _shell_variable,
    "file_variable": _file_variable,
    "json_in_template": _json_in_template,
    # deb822 and apt_preferences(5): a value ends with its line.
    "apt_value": _matching(r"[A-Za-z0-9._~:/@+,=-]+", "a word without blanks"),
    "apt_version": _matching(r"[0-9][A-Za-z0-9.+~:-]*", "a version of a package"),
}
