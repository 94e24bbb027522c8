# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent that a systemd timer starts on each host: ``trust-agent``. Standard library only."""

from __future__ import annotations

import sys

from ...errors import TrustAnchorError
from ...text import times
from . import cycle, settings


def main() -> int:
    """Run once.

    Returns:
        0: good; 1: something is wrong; 2: called in a wrong way.
    """
    if len(sys.argv) != 1:
        print("usage: trust-agent", file=sys.stderr)
        return 2
    try:
        content = cycle.run(settings.load(), times.utc_now())
    except TrustAnchorError as error:
        print(error, file=sys.stderr)
        return 1
    for url, why in content["refused"].items():
        print(f"{url}: {why}", file=sys.stderr)
    for warning in content["warnings"]:
        print(warning, file=sys.stderr)
    for name in content["repaired"]:
        print(f"repaired: {name}")
    if content["error"]:
        print(TrustAnchorError(**content["error"]), file=sys.stderr)
    print(f"{content['result']}, sequence {content['manifest'].get('sequence', 0)}")
    return int(content["result"] == "failed")
