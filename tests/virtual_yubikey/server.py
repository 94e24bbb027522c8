# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket's far end: tells a fleet what tests ask for."""

from __future__ import annotations

import json
import socketserver
from pathlib import Path
from typing import Any

from .apdu import Status
from .fleet import Fleet, Refused


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves a fleet on a socket that only its owner may use."""

    daemon_threads = True

    def __init__(self, path: Path, fleet: Fleet) -> None:
        path.unlink(missing_ok=True)
        super().__init__(str(path), _Handler)
        path.chmod(0o600)
        self.fleet = fleet


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Server)
        for line in self.rfile:
            self.wfile.write(json.dumps(_answer(self.server.fleet, line)).encode() + b"\n")


def _answer(fleet: Fleet, line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise Refused("a request is a JSON object")
        return {"result": fleet.request(request)}
    except (ValueError, Refused, Status) as problem:
        return {"error": str(problem)}
