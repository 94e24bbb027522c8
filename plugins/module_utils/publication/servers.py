# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which other server of nginx answers in the publication's place, by what ``nginx -T`` prints.

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_WORD = re.compile(r"""\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\\.|[^\s{};"'\\])+""")
_FILE = re.compile(r"# configuration file (.*):")


@dataclass
class Server:
    """A server block.

    Args:
        file: where it is written.
        listens: its ``listen`` without options, such as ``10.0.0.5:80`` or ``80``.
        names: its ``server_name``.
    """

    file: str
    listens: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.file} (listen {' '.join(self.listens)}; server_name {' '.join(self.names) or '_'})"


def rivals(printed: str, host: str, address: str, port: int, ours: str) -> list[str]:
    """The server blocks that nginx may prefer: it goes by the most exact address first, then by the name.

    Args:
        printed: all of nginx's configuration, as ``nginx -T`` prints it.
        host: name of the publication.
        address: at which something else answered.
        port: the same.
        ours: path of the publication's own file.
    """
    exact = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    found = []
    for server in servers(printed):
        listens = [_full(one) for one in server.listens or ["80"]]
        at_port = any(one.rpartition(":")[2] == str(port) for one in listens)
        if server.file != ours and (exact in listens or (at_port and host in server.names)):
            found.append(str(server))
    return found


def _full(listen: str) -> str:
    """``*:80`` for ``80``, ``10.0.0.5:80`` for ``10.0.0.5``."""
    if listen.isdigit():
        return f"*:{listen}"
    has_port = re.search(r":[0-9]+$", listen) and not listen.endswith("]")
    return listen if has_port else f"{listen}:80"


def servers(printed: str) -> Iterator[Server]:
    """All server blocks, in their order."""
    file = ""
    words: list[str] = []
    blocks: list[Server | None] = []
    for word in _WORD.findall(printed):
        if word.startswith("#"):
            if named := _FILE.fullmatch(word):
                file = named[1]
        elif word == "{":
            blocks.append(Server(file) if words[:1] == ["server"] else None)
            words = []
        elif word == "}":
            if blocks and (done := blocks.pop()):
                yield done
            words = []
        elif word == ";":
            _note(blocks[-1] if blocks else None, words)
            words = []
        else:
            words.append(word.strip("\"'"))


def _note(server: Server | None, words: list[str]) -> None:
    if server is not None and words[:1] == ["listen"]:
        server.listens += words[1:2]
    if server is not None and words[:1] == ["server_name"]:
        server.names += words[1:]
