# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS server on this host until standard input ends; its key is never in a file.

Question: {"port": number, "chain": PEM, "key": PEM}. It prints ``ready`` as JSON when it listens.
"""

from __future__ import annotations

import http.server
import json
import os
import ssl
import sys
import threading
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request."""

    def do_GET(self) -> None:
        """Say that the server is there."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Nothing: a refused handshake is what it is for."""


class Server(http.server.ThreadingHTTPServer):
    """A server for clients that may refuse it."""

    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """Nothing, as above."""


def in_memory(text: str) -> str:
    """A path below /proc that reads as this text."""
    descriptor = os.memfd_create("pem")
    os.write(descriptor, text.encode())
    return f"/proc/self/fd/{descriptor}"


question = json.loads(sys.stdin.readline())
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(in_memory(question["chain"]), in_memory(question["key"]))
with Server(("", question["port"]), Handler) as server:
    # The handshake is made in the thread of the connection: accept() must not wait for it.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    print(json.dumps("ready"), flush=True)
    sys.stdin.read()
    server.shutdown()
