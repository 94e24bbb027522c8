# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""./dev compatibility: let all clients read what the profiles make, and write docs/compatibility.md from it."""

from __future__ import annotations

import datetime as dt
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .console import Failure, say
from .settings import CHECKOUT

PAGE = "docs/compatibility.md"
_BEGIN, _END = "<!-- begin: written by ./dev compatibility -->", "<!-- end -->"
# Client to what says its version, and whose verifier it is.
_VERSIONS = {
    "curl": (["curl", "--version"], "OpenSSL"),
    "python": (
        ["python3", "-c", "import ssl, sys; print('Python', sys.version.split()[0], ssl.OPENSSL_VERSION)"],
        "OpenSSL",
    ),
    "java": (["java", "--version"], "JSSE"),
    "node": (["node", "-p", "`Node.js ${process.version}, OpenSSL ${process.versions.openssl}`"], "OpenSSL"),
    "step": (["step", "version"], "Go"),
    "wget": (["wget", "--version"], "GnuTLS"),
    "gnutls": (["gnutls-cli", "--version"], "GnuTLS"),
    "nss": (["dpkg-query", "-W", "-f", "libnss3 ${Version}", "libnss3"], "NSS"),
    "uv": (["uv", "--version"], "rustls"),
}


def main(_arguments: list[str]) -> int:
    """Write the page."""
    from factories.collection import make_importable

    make_importable()
    from factories import proof_clients, proof_shapes

    with tempfile.TemporaryDirectory() as directory:
        say("asking all clients ...")
        answers = proof_shapes.ask_all(Path(directory))
        paths = {"step": str(proof_clients.step())}
    page = CHECKOUT / PAGE
    before, begin, rest = page.read_text().partition(_BEGIN)
    _old, end, after = rest.partition(_END)
    if not begin or not end:
        raise Failure(f"{PAGE} has lost its marks")
    page.write_text(f"{before}{_BEGIN}\n\n{table(answers)}\n{_versions(paths)}\n{_END}{after}")
    say(f"{PAGE} is written")
    return 0


def table(answers: Mapping[str, Mapping[str, str]]) -> str:
    """A row for each certificate, a column for each client; several installations of one are one column."""
    clients = list(dict.fromkeys(name.split()[0] for said in answers.values() for name in said))
    lines = [f"| certificate | {' | '.join(clients)} |", f"|---|{'---|' * len(clients)}"]
    for what, said in answers.items():
        cells = [
            _cell({text == "ok" for name, text in said.items() if name.split()[0] == client}) for client in clients
        ]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _cell(accepted: set[bool]) -> str:
    return {frozenset({True}): "accepted", frozenset({False}): "refused"}.get(frozenset(accepted), "**differ**")


def _versions(paths: Mapping[str, str]) -> str:
    lines = ["| client | verifier | version |", "|---|---|---|"]
    for client, (command, verifier) in _VERSIONS.items():
        done = subprocess.run(
            [paths.get(command[0], command[0]), *command[1:]], capture_output=True, text=True, check=True
        )
        said = done.stdout.strip().splitlines()[0].partition(" zlib")[0].replace("|", "/")
        lines.append(f"| {client} | {verifier} | {said} |")
    day = dt.datetime.now(dt.UTC).date().isoformat()
    return "\n".join([*lines, "", f"Seen on {day}.", ""])
