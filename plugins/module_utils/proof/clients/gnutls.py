# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gnutls-cli: it reads the bundle, and no variable of OpenSSL. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .client import Asked, Client, Outcome, Said, address, ask, find_program

_STATUS = re.compile(r"^- Status: (.*)$", re.MULTILINE)


def _perform(asked: Asked) -> Mapping[str, Said]:
    program = find_program("gnutls-cli", CLIENT.package)
    narrow = [f"--x509cafile={asked.roots}"] if asked.roots else []  # it loads no other roots then

    def shake(target: str) -> str:
        host, port = address(target)
        outcome = ask([program, f"--port={port}", *narrow, host])  # it ends with its input, which is empty
        return "ok" if outcome.code == 0 else _why(outcome)

    return {CLIENT.name: asked.each(shake)}


def _why(outcome: Outcome) -> str:
    status = _STATUS.findall(outcome.text)
    return str(status[-1]) if status and " NOT " in status[-1] else outcome.last_line


CLIENT = Client("gnutls", "gnutls-bin", "the bundle, by GnuTLS; no variable", _perform)
