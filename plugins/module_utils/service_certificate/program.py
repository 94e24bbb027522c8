# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renewer that a systemd timer starts on each host: ``renew-certificate NAME``. Standard library only."""

from __future__ import annotations

import sys
import time

from ..errors import TrustAnchorError
from . import store
from .lifecycle import renew_if_due
from .settings import load


def main() -> int:
    """Renew one certificate if it is due.

    Returns:
        0: good; 1: it was due and could not be renewed; 2: called in a wrong way.
    """
    if len(sys.argv) != 2:
        print("usage: renew-certificate NAME", file=sys.stderr)
        return 2
    try:
        settings = load(sys.argv[1])
        renewed = renew_if_due(settings, time.time())
    except TrustAnchorError as error:
        print(error, file=sys.stderr)
        return 1
    left = store.validity(store.current(settings))[1] - time.time()
    print(f"{settings.name}: {'renewed' if renewed else 'not due'}, {left / 3600:.1f} hours left")
    return 0
