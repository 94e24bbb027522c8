# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""wget: on Debian built with GnuTLS, it reads the bundle and no variable of OpenSSL. Standard library only.

``--ca-certificate`` alone does not narrow: the bundle stays in use unless another directory is named.
"""

from __future__ import annotations

from collections.abc import Mapping

from .client import TIMEOUT, Asked, Client, Said, ask, find_program

_ANSWERED = (0, 6, 8)  # exit codes: all well, the server wants a password, the server answers with an error (wget(1))


def _perform(asked: Asked) -> Mapping[str, Said]:
    program = find_program("wget", CLIENT.package)
    narrow = [f"--ca-certificate={asked.roots}", f"--ca-directory={asked.directory('empty')}"] if asked.roots else []
    # Without settings of its user and of the host, which may switch verification off.
    command = [program, "--no-config", "--no-hsts", "--no-verbose", "--output-document=/dev/null", "--tries=1"]
    limits = [f"--timeout={TIMEOUT}", "--max-redirect=0", "--no-proxy"]

    def shake(target: str) -> str:
        outcome = ask([*command, *limits, *narrow, f"https://{target}/"])
        return "ok" if outcome.code in _ANSWERED else outcome.last_line

    return {CLIENT.name: asked.each(shake)}


CLIENT = Client("wget", "wget", "the bundle, by GnuTLS; no variable", _perform)
