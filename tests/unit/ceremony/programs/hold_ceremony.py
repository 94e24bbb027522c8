# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold ceremonies in processes of their own, which die at their N-th durable step as if the power had failed.

Each signature that a token makes is noted in signatures.log.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[3])]
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import outputs, transcript  # noqa: E402
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session import seal_step  # noqa: E402
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import provision, signing_keys  # noqa: E402
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends import softhsm  # noqa: E402
from factories.ceremony_host import CeremonyHost  # noqa: E402

KILLED = 137


def mortal(owner: Any, name: str, step: Callable[[], None]) -> None:
    """Let a step count before and after the named function."""
    function = getattr(owner, name)

    def counted(*arguments: Any, **named: Any) -> Any:
        step()
        result = function(*arguments, **named)
        step()
        return result

    setattr(owner, name, counted)


def note_signatures(log: Path, step: Callable[[], None]) -> Callable[..., bytes]:
    """Note in a file each block that a token signs; what replaces the signer's call."""
    sign = signing_keys.TokenSigner.__call__

    def noted(self: Any, block: bytes, mechanism: Any) -> bytes:
        signature: bytes = sign(self, block, mechanism)
        with log.open("a") as stream:
            stream.write(f"{block.hex()}\n")
        step()
        return signature

    return noted


def hold(home: Path, die_at: int) -> None:
    """Hold the ceremony of a directory; 0 does not die."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == die_at:
            os._exit(KILLED)

    signer = note_signatures(home / "signatures.log", step)
    signing_keys.TokenSigner.__call__ = signer  # type: ignore[method-assign]
    mortal(transcript.Transcript, "append", step)
    mortal(provision, "make_key", step)
    for owner, name in (
        (outputs, "save_once"),
        (outputs, "save"),
        (seal_step, "save_once"),
        (seal_step, "save"),
    ):
        mortal(owner, name, step)
    mortal(softhsm.SoftHsmPlan, "apply", step)
    CeremonyHost.load(home).hold()


def main() -> None:
    """Answer each line "DIRECTORY N" with the exit code of a process of its own."""
    for line in sys.stdin:
        home, number = line.split()
        child = os.fork()  # SoftHSM is loaded in children only: it promises nothing across fork
        if not child:
            hold(Path(home), int(number))
            os._exit(0)
        _child, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
