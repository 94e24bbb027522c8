# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TLS handshakes with the clients of a host, each with its own trust store. Standard library only."""

from __future__ import annotations

import os
import re
import socket
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import TrustAnchorError
from ..host import addresses
from ..host.commands import run
from ..host.files import read
from ..text import times
from ..text.document import visible

TIMEOUT = 10  # seconds for one handshake
# What the host declares for logins and services, which a module that came by ssh has not got.
ENVIRONMENT = "/etc/environment.d/50-trustanchor.conf"
_NODE_ROOTS = re.compile(r"""^NODE_EXTRA_CA_CERTS=(["']?)(.*)\1$""", re.MULTILINE)

# Verifies chain and host name as HttpsURLConnection does; prints one line for each target.
_JAVA = """import java.net.*;
import javax.net.ssl.*;

class Handshake {
    public static void main(String[] targets) {
        for (String target : targets) {
            int colon = target.lastIndexOf(':');
            String host = target.substring(0, colon), result = "ok";
            try (SSLSocket socket = (SSLSocket) SSLSocketFactory.getDefault().createSocket()) {
                socket.connect(new InetSocketAddress(host, Integer.parseInt(target.substring(colon + 1))), %d);
                socket.setSoTimeout(%d);
                SSLParameters parameters = socket.getSSLParameters();
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                parameters.setServerNames(java.util.List.of(new SNIHostName(host)));
                socket.setSSLParameters(parameters);
                socket.startHandshake();
            } catch (Exception error) {
                result = String.valueOf(error.getMessage()).replace('\\n', ' ');
            }
            System.out.println(target + " " + result);
        }
    }
}
"""


# tls.connect() verifies chain and host name; prints one line for each target.
_NODE = """const tls = require("tls"), net = require("net"), said = {};
for (const target of process.argv.slice(2)) {
    const colon = target.lastIndexOf(":");
    const host = target.slice(0, colon).replace(/^\\[|\\]$/g, ""), port = Number(target.slice(colon + 1));
    const socket = tls.connect({host, port, servername: net.isIP(host) ? "" : host}, () => {
        said[target] ??= "ok";
        socket.destroy();
    });
    socket.setTimeout(%d, () => socket.destroy(new Error("no answer in time")));
    socket.on("error", (error) => { said[target] ??= error.message.replaceAll("\\n", " "); });
}
process.on("exit", () => Object.keys(said).forEach((target) => console.log(target + " " + said[target])));
"""


@dataclass
class TargetResult:
    """What the clients said about one target.

    Args:
        target: ``host:port``.
        clients: name of the client to ``ok`` or its error.
        issuer: common name of the leaf's issuer; empty when Python's handshake failed.
        not_after: end of the leaf's validity, ISO 8601; empty as above.
    """

    target: str
    clients: dict[str, str] = field(default_factory=dict)
    issuer: str = ""
    not_after: str = ""


def perform(targets: Sequence[str], clients: Sequence[str]) -> list[TargetResult]:
    """Let each client shake hands with each target.

    Args:
        targets: ``host:port``.
        clients: names from `CLIENTS`.

    Raises:
        TrustAnchorError: a target is not of that form.
    """
    for target in targets:
        host, _colon, port = target.rpartition(":")
        if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
            raise TrustAnchorError(f"'{target}' is not a target of a handshake", "HOST:PORT is expected")
    results = [TargetResult(target) for target in targets]
    for client in clients:
        answers = CLIENTS[client](results)
        for result in results:
            result.clients[client] = answers[result.target]
    return results


def _curl(results: Sequence[TargetResult]) -> Mapping[str, str]:
    return {result.target: _curl_one(result.target) for result in results}


def _curl_one(target: str) -> str:
    arguments = [
        "--silent",
        "--show-error",
        "--output",
        "/dev/null",
        "--max-time",
        str(TIMEOUT),
        f"https://{target}/",
    ]
    try:
        run(["curl", *arguments], timeout=TIMEOUT + 5)
    except TrustAnchorError as error:
        return error.why or error.what
    return "ok"


def _python(results: Sequence[TargetResult]) -> Mapping[str, str]:
    return {result.target: _python_one(result) for result in results}


def _python_one(result: TargetResult) -> str:
    """At each address to which the name leads; the other clients take the first one that answers.

    An address at which nobody answers is passed over, as clients do (RFC 8305), unless it is so at all of them.
    """
    name, _colon, port = result.target.rpartition(":")
    host = name.strip("[]")  # an IPv6 address
    silent, shaken = [], {}
    for address in addresses.resolved(host):
        try:
            raw = socket.create_connection((address, int(port)), TIMEOUT)
        except OSError as error:
            silent.append(str(error))
            continue
        with raw:
            shaken[address] = _shake(raw, host)
    wrong = [f"{said} (at {address})" for address, said in shaken.items() if isinstance(said, str)]
    if not shaken or wrong:
        return [*wrong, *silent, f"{host} has no address"][0]
    _describe(result, next(said for said in shaken.values() if not isinstance(said, str)))
    return "ok"


def _shake(raw: socket.socket, host: str) -> Mapping[str, Any] | str:
    """The server's certificate, or why there is none."""
    try:
        with ssl.create_default_context().wrap_socket(raw, server_hostname=host) as tls:
            return tls.getpeercert() or {}
    except (OSError, ssl.SSLError) as error:
        return str(error)


def _describe(result: TargetResult, certificate: Mapping[str, Any]) -> None:
    issuer = {key: value for part in certificate["issuer"] for key, value in part}
    result.issuer = str(issuer.get("commonName", ""))
    result.not_after = times.render(times.parse_openssl(certificate["notAfter"], "the end of the certificate"))


def _java(results: Sequence[TargetResult]) -> Mapping[str, str]:
    """One JVM for all targets; ``java FILE.java`` compiles in memory (JEP 330), so a JDK is needed."""
    targets = [result.target for result in results]
    with tempfile.TemporaryDirectory() as directory:
        source = os.path.join(directory, "Handshake.java")
        with open(source, "w", encoding="utf-8") as handle:
            handle.write(_JAVA % (TIMEOUT * 1000, TIMEOUT * 1000))
        try:
            printed = run(["java", "-XX:TieredStopAtLevel=1", source, *targets], timeout=60 + TIMEOUT * len(targets))
        except TrustAnchorError as error:
            return dict.fromkeys(targets, error.why or error.what)
    return _parse(targets, printed.stdout)


def _node(results: Sequence[TargetResult]) -> Mapping[str, str]:
    """One process for all targets, with the additional roots that the host declares for Node."""
    targets = [result.target for result in results]
    command = ["node", "-", *targets]
    if declared := _NODE_ROOTS.search((read(ENVIRONMENT) or b"").decode(errors="replace")):
        command = ["env", f"NODE_EXTRA_CA_CERTS={declared[2]}", *command]
    try:
        printed = run(command, (_NODE % (TIMEOUT * 1000)).encode(), timeout=TIMEOUT + 20)
    except TrustAnchorError as error:
        return dict.fromkeys(targets, error.why or error.what)
    return _parse(targets, printed.stdout)


def _parse(targets: Sequence[str], printed: bytes) -> Mapping[str, str]:
    """What a program printed about each target, the first time that it named it.

    Its messages quote certificates. Line ends are taken out of them there, and nothing else is the end of a line.
    """
    lines = [line.split(" ", 1) for line in printed.decode(errors="replace").split("\n") if " " in line]
    said = dict(reversed(lines))
    return {target: said.get(target, "the client said nothing") for target in targets}


def _step(results: Sequence[TargetResult]) -> Mapping[str, str]:
    """step is a Go program; without --roots it verifies with the roots that Go finds on the host."""
    return {result.target: _step_one(result.target) for result in results}


def _step_one(target: str) -> str:
    try:
        run(["step", "certificate", "inspect", f"https://{target}", "--short"], timeout=TIMEOUT + 5)
    except TrustAnchorError as error:
        return error.why or error.what
    return "ok"


CLIENTS: dict[str, Callable[[Sequence[TargetResult]], Mapping[str, str]]] = {
    "curl": _curl,
    "python": _python,
    "java": _java,
    "node": _node,
    "step": _step,
}


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
