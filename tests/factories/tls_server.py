# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real TLS server in a thread, for tests of clients."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from factories import pki

Answer = tuple[int, bytes]


@dataclass
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    body: bytes
    client: dict[str, Any]  # what the handshake said about the client's certificate; empty: none


@dataclass
class Server:
    """A running server: its answers can be changed at any time.

    Args:
        port: on 127.0.0.1.
        answers: path (with query) to status and body, or to what makes them from the request's body; a path that is
            missing gives 404.
    """

    port: int
    answers: dict[str, Answer | Callable[[bytes], Answer]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        """By the name that the certificate is for."""
        return f"https://localhost:{self.port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection: Any = self.connection
        self.state.seen.append(Seen(self.command, self.path, body, connection.getpeercert() or {}))
        answer = self.state.answers.get(self.path, (404, b'{"status":404,"message":"no such path"}'))
        status, content = answer(body) if callable(answer) else answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = _answer  # noqa: N815

    def log_message(self, *_arguments: Any) -> None:
        """Nothing: pytest's output is for failures."""


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """A handshake that a client refuses is what many tests are about."""


@contextmanager
def serve(
    leaf: pki.Leaf, directory: Path, clients: pki.Authority | None = None, address: str = "127.0.0.1"
) -> Iterator[Server]:
    """Serve with a certificate.

    Args:
        leaf: for localhost.
        directory: for chain and key.
        clients: root of the clients that may show a certificate.
        address: of this machine.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*leaf.write(directory))
    if clients is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=clients.pem)
    handler = type("Handler", (_Handler,), {})
    kind = type("Quiet", (_Quiet,), {"address_family": socket.AF_INET6 if ":" in address else socket.AF_INET})
    with kind((address, 0), handler) as server:
        state = Server(server.server_address[1])
        handler.state = state  # type: ignore[attr-defined]
        # The handshake is made in the thread of the connection: accept() must not wait for it.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
