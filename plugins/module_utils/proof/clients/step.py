# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""step: a program in Go, which reads the bundle and every file in /etc/ssl/certs. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping

from .client import Asked, Client, Said, ask, find_program


def _perform(asked: Asked) -> Mapping[str, Said]:
    program = find_program("step", CLIENT.package)
    narrow = ["--roots", asked.roots] if asked.roots else []
    # Without its user's settings (STEP_INSECURE, STEP_ROOTS, defaults.json), which are not what Go reads.
    settings = {"STEPPATH": asked.directory("step")}

    def shake(target: str) -> str:
        command = [program, "certificate", "inspect", f"https://{target}", "--short", "--insecure=false", *narrow]
        outcome = ask(command, without=["STEP"], variables=settings)
        return "ok" if outcome.code == 0 else outcome.last_line

    return {CLIENT.name: asked.each(shake)}


CLIENT = Client(
    "step",
    "step-cli of smallstep",
    "what Go reads: the bundle and every file in /etc/ssl/certs, whatever its name",
    _perform,
)
