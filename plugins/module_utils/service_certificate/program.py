# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renewer that a systemd timer starts on each host: ``renew-certificate NAME``. Standard library only."""

from __future__ import annotations

import sys
import time

from ..errors import TrustAnchorError
from .lifecycle import renew_if_due


def main() -> int:
    """Renew one certificate if it is due.

    Returns:
        0: good; 1: it was due and could not be renewed, or ends with the CA's; 2: called in a wrong way.
    """
    if len(sys.argv) != 2:
        print("usage: renew-certificate NAME", file=sys.stderr)
        return 2
    try:
        done = renew_if_due(sys.argv[1], time.time())
    except TrustAnchorError as error:
        print(error, file=sys.stderr)
        return 1
    left = done.end - time.time()
    print(f"{sys.argv[1]}: {'renewed' if done.renewed else 'not due'}, {left / 3600:.1f} hours left")
    if done.shortfall:
        print(done.shortfall, file=sys.stderr)
    return int(bool(done.shortfall))
