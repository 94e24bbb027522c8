# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""./dev compatibility: let all clients read what the profiles make, and every store; write the tables of the docs."""

from __future__ import annotations

import datetime as dt
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from .console import Failure, say
from .settings import CHECKOUT

PAGE, STORES_PAGE = "docs/compatibility.md", "docs/guides/stores.md"
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
    """Write the pages."""
    from factories.collection import make_importable

    make_importable()
    from factories import proof_clients, proof_shapes, store_places

    with tempfile.TemporaryDirectory() as directory:
        say("asking all clients about every certificate ...")
        answers = proof_shapes.ask_all(Path(directory))
        paths = {"step": str(proof_clients.step())}
    _write(PAGE, f"{table(answers)}\n{_versions(paths)}")
    rows = []
    for place in store_places.PLACES:
        with tempfile.TemporaryDirectory() as directory:
            say(f"asking all clients with a root in {place} ...")
            rows.append((place, store_places.ask(place, Path(directory))))
    clients = _clients(said for _place, said in rows)
    lines = [f"| a root in | {' | '.join(clients)} |", f"|---|{'---|' * len(clients)}"]
    _write(STORES_PAGE, "\n".join([*lines, *(store_row(place, said) for place, said in rows), ""]))
    return 0


def _write(path: str, text: str) -> None:
    page = CHECKOUT / path
    before, begin, rest = page.read_text().partition(_BEGIN)
    _old, end, after = rest.partition(_END)
    if not begin or not end:
        raise Failure(f"{path} has lost its marks")
    page.write_text(f"{before}{_BEGIN}\n\n{text}\n{_END}{after}")
    say(f"{path} is written")


def store_row(place: str, said: Mapping[str, str]) -> str:
    """A row of the table of stores: which clients find a root there."""
    words = {"accepted": "yes", "refused": "no", "**differ**": "some"}
    return f"| {place} | {' | '.join(words[_answer(said, client)] for client in _clients([said]))} |"


def _clients(answers: Iterable[Mapping[str, str]]) -> list[str]:
    """Several installations of one are one column."""
    return list(dict.fromkeys(name.split()[0] for said in answers for name in said))


def _answer(said: Mapping[str, str], client: str) -> str:
    return _cell({text == "ok" for name, text in said.items() if name.split()[0] == client})


def table(answers: Mapping[str, Mapping[str, str]]) -> str:
    """A row for each certificate, a column for each client."""
    clients = _clients(answers.values())
    lines = [f"| certificate | {' | '.join(clients)} |", f"|---|{'---|' * len(clients)}"]
    for what, said in answers.items():
        lines.append(f"| {what} | {' | '.join(_answer(said, client) for client in clients)} |")
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
