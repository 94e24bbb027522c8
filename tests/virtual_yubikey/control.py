# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket's near end: one JSON request a line, one JSON answer a line.

`python -m virtual_yubikey.control SOCKET < REQUEST`: the request comes by standard input, for it may have a PIN.
"""

from __future__ import annotations

import socket
import sys


def ask(path: str, request: str) -> str:
    """Send one request and return the answer."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(path)
        wire.sendall(request.strip().encode() + b"\n")
        return wire.makefile().readline()


if __name__ == "__main__":
    print(ask(sys.argv[1], sys.stdin.read()), end="")
