# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch that a systemd timer starts on a publication host: ``watch-publication``. Standard library only."""

from __future__ import annotations

import sys
import time

from ..errors import TrustAnchorError
from . import watch


def main() -> int:
    """Look at everything once.

    Returns:
        0: good; 1: something expires soon, cannot be fetched, or the look could not be taken.
    """
    try:
        wanted = watch.load()
        findings, now = watch.look(wanted), time.time()
        for finding in findings:
            print(finding.text(now), file=sys.stderr if finding.stale(now) else sys.stdout)
        watch.write_metrics(wanted, findings, now)
    except TrustAnchorError as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if any(finding.stale(now) for finding in findings) else 0
