# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""uv: a program in Rust, by rustls; with the system's certificates it reads what OpenSSL would, and every file there.

It is asked for a page of packages, of which it needs none: it ends well after any page, and says so when the server
answered otherwise. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .client import TIMEOUT, Asked, Client, Outcome, Said, ask, find_program

_ANSWERED = re.compile(r"^ *(?:cause|Caused by): HTTP status (?:client|server) error \([0-9]{3} ", re.MULTILINE)
_OPTIONS = ("--quiet", "--no-config", "--no-cache", "--no-python-downloads", "--no-index")
_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
# Two names of one switch: that of version 0.8, and the later one.
_SYSTEM = {"UV_NATIVE_TLS": "true", "UV_SYSTEM_CERTS": "true"}


def _perform(asked: Asked) -> Mapping[str, Said]:
    program = find_program("uv", CLIENT.package)
    limits = {"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": str(TIMEOUT)}
    store = {"SSL_CERT_FILE": asked.roots} if asked.roots else _SYSTEM
    without = ["UV_", *_PROXIES, *(["SSL_CERT_"] if asked.roots else [])]

    def shake(target: str) -> str:
        command = [program, "pip", "compile", *_OPTIONS, "--find-links", f"https://{target}/", "-"]
        outcome = ask(command, without=without, variables={**limits, **store})
        return "ok" if outcome.code == 0 or _ANSWERED.search(outcome.text) else _why(outcome)

    return {CLIENT.name: asked.each(shake)}


def _why(outcome: Outcome) -> str:
    """The innermost cause."""
    return re.sub(r"^ *(cause|Caused by): ", "", outcome.last_line)


CLIENT = Client("uv", "uv from the package index", "what Go reads, by rustls with the system's certificates", _perform)
