# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TLS handshakes with the clients of a host, each with its own trust store. Standard library only."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import TrustAnchorError
from ..host.files import read
from ..host.pem import blocks, labels
from ..text.document import visible
from .clients.client import Asked, Client, Said, TargetResult, let_read, short
from .clients.registry import CLIENTS


def perform(
    targets: Sequence[str], clients: Sequence[str], roots: str = "", nss_databases: Sequence[str] = ()
) -> list[TargetResult]:
    """Let each client shake hands with each target.

    Args:
        targets: ``host:port``.
        clients: names from `CLIENTS`.
        roots: path of a file with the only certificates that they are to trust, PEM; empty: the host's stores are used,
            as they are.
        nss_databases: directories of databases of NSS; none: the one in the home of who runs this.

    Raises:
        TrustAnchorError: a target is not of that form, or the file is not of this form.
    """
    for target in targets:
        host, _colon, port = target.rpartition(":")
        if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
            raise TrustAnchorError(f"'{target}' is not a target of a handshake", "HOST:PORT is expected")
    results = [TargetResult(target) for target in targets]
    with tempfile.TemporaryDirectory(prefix="handshakes-") as scratch:
        let_read(scratch)
        only = _copied(roots, scratch) if roots else ""
        asked = Asked(results, scratch, only, nss_databases)
        for client in clients:
            for name, said in _answers(CLIENTS[client], asked).items():
                for result in results:
                    result.clients[visible(name)] = said[result.target]  # users name the directories of programs
    return results


def _answers(client: Client, asked: Asked) -> Mapping[str, Said]:
    try:
        return client.perform(asked)
    except TrustAnchorError as error:
        return {client.name: dict.fromkeys(asked.targets, short(str(error)))}


def _copied(roots: str, scratch: str) -> str:
    """A file with its certificates and nothing else: clients differ in what they make of text, BOM and other blocks.

    Raises:
        TrustAnchorError: it cannot be read, has no certificate, or one that nobody can read.
    """
    content = read(roots)
    text = (content or b"").decode("ascii", errors="replace")
    found = [block for block, label in zip(blocks(text), labels(text), strict=True) if label == "CERTIFICATE"]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata="".join(found))
    except (ssl.SSLError, ValueError) as error:
        why = "it does not exist" if content is None else "certificates in PEM are expected, all of which can be read"
        raise TrustAnchorError(f"{roots} has no roots to prove with", why) from error
    path = os.path.join(scratch, "roots.pem")
    with open(path, "w", encoding="ascii") as handle:
        handle.write("".join(found))
    let_read(path)
    return path


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """The results for a person to read.

    Args:
        results: `TargetResult` as dictionaries.
    """
    clients = list(results[0]["clients"]) if results else []
    rows = [["service", "issuer", "expires", *clients]]
    for result in results:
        said = ["ok" if result["clients"][client] == "ok" else "FAILED" for client in clients]
        # What stands in a certificate makes no row of its own.
        rows.append([result["target"], visible(result["issuer"]) or "-", result["not_after"] or "-", *said])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def failures(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each handshake that failed."""
    return [
        f"{result['target']}: {client}: {visible(said)}"
        for result in results
        for client, said in result["clients"].items()
        if said != "ok"
    ]
