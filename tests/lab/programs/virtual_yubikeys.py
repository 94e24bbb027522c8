# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send requests to the virtual YubiKeys of this host; answer with their results.

Question: {"socket": path, "requests": [...], "settle": true, "seconds": 20}. With `settle` the PC/SC service has
noticed what was plugged in or pulled before each request and at the end; that wait is the service's own, no polling.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any


def ask(request: dict[str, Any]) -> Any:
    """Return the result of one request, or end with the reason."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(question["socket"])
        wire.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(wire.makefile().readline())
    if "error" in answer:
        print(json.dumps(answer))
        sys.exit()
    return answer["result"]


def pcsc(code: int, *values: Any) -> tuple[Any, ...]:
    """Return the values of a call of the PC/SC service, or end with the reason."""
    if code != scard.SCARD_S_SUCCESS:
        print(json.dumps({"error": f"PC/SC: {scard.SCardGetErrorMessage(code)}"}))
        sys.exit()
    return values


def settle() -> None:
    """Wait until there are as many cards in the readers as keys are plugged in."""
    wanted = sum(key["inserted"] for key in ask({"do": "status"})["keys"].values())
    states = [(reader, scard.SCARD_STATE_UNAWARE) for reader in pcsc(*scard.SCardListReaders(context, []))[0]]
    deadline = time.monotonic() + question["seconds"]
    while True:
        left = max(0, int((deadline - time.monotonic()) * 1000))
        (states,) = pcsc(*scard.SCardGetStatusChange(context, left, states))
        # A card that is just being powered is present, but nobody can talk to it yet: it has no ATR.
        if sum(bool(state & scard.SCARD_STATE_PRESENT and atr) for _name, state, atr in states) == wanted:
            return
        states = [(name, state) for name, state, _atr in states]


question = json.loads(sys.stdin.readline())
if question["settle"]:
    from smartcard import scard

    (context,) = pcsc(*scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
results = []
for request in question["requests"]:
    if question["settle"]:
        settle()
    results.append(ask(request))
if question["settle"]:
    settle()
print(json.dumps({"results": results}))
