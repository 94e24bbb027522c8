# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""curl: on Debian built with OpenSSL, it reads the bundle and the hash links. Standard library only.

``--cacert`` alone does not narrow: the directory of the system stays in use.
"""

from __future__ import annotations

from collections.abc import Mapping

from .client import TIMEOUT, Asked, Client, Said, ask, find_program


def _perform(asked: Asked) -> Mapping[str, Said]:
    program = find_program("curl", CLIENT.package)
    narrow = ["--cacert", asked.roots, "--capath", asked.directory("empty")] if asked.roots else []
    # Without its user's settings, which may switch verification off; a proxy may show a certificate of its own.
    command = [program, "--disable", "--silent", "--show-error", "--output", "/dev/null", "--noproxy", "*"]

    def shake(target: str) -> str:
        outcome = ask([*command, "--max-time", str(TIMEOUT), *narrow, f"https://{target}/"])
        return "ok" if outcome.code == 0 else outcome.text.partition("\n")[0] or outcome.last_line

    return {CLIENT.name: asked.each(shake)}


CLIENT = Client("curl", "curl", "the bundle and the hash links in /etc/ssl/certs", _perform)
