# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until so many cards are in the readers; answer the names of the readers that have one.

Question: {"cards": 1, "seconds": 20}. Needs pyscard. The wait is the PC/SC service's own: it tells of each change.
"""

import json
import sys
import time

from smartcard import scard


def check(code: int, what: str) -> None:
    """End with the reason when a call of the PC/SC service failed."""
    if code != scard.SCARD_S_SUCCESS:
        sys.exit(f"{what}: {scard.SCardGetErrorMessage(code)}")


question = json.loads(sys.stdin.readline())
deadline = time.monotonic() + question["seconds"]
code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
check(code, "PC/SC")
code, readers = scard.SCardListReaders(context, [])
check(code, "readers")
states = [(reader, scard.SCARD_STATE_UNAWARE) for reader in readers]
while True:
    left = deadline - time.monotonic()
    code, found = scard.SCardGetStatusChange(context, max(0, int(left * 1000)), states)
    check(code, f"waiting for {question['cards']} cards")
    # A card that is just being powered is present, but nobody can talk to it yet.
    ready = [name for name, state, atr in found if state & scard.SCARD_STATE_PRESENT and atr]
    if len(ready) == question["cards"]:
        break
    states = [(name, state) for name, state, _atr in found]
print(json.dumps(ready))
