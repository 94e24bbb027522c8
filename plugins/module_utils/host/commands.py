# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program and say clearly when it failed. Standard library only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from ..errors import TrustAnchorError


def run(
    arguments: Sequence[str],
    stdin: bytes = b"",
    timeout: float = 120,
    accept: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program without a shell, with English messages.

    In UTF-8, not in the C locale: some aliases in Debian's Java store are not ASCII, and keytool would not find them.

    Args:
        arguments: program and its arguments; never a secret (other users see them).
        stdin: what it reads; secrets go this way.
        timeout: seconds.
        accept: exit codes that are not a fault.
        environment: variables that the program needs, on top of the others; never a secret.

    Raises:
        TrustAnchorError: program missing, exit code not accepted, or time is up.
    """
    name = " ".join(arguments[:3])
    try:
        more = {**LANGUAGE, **(environment or {})}
        done = _run(arguments, stdin, timeout, more)
    except FileNotFoundError as error:
        raise TrustAnchorError(f"program {arguments[0]} is missing", str(error), "Install it") from error
    except subprocess.TimeoutExpired as error:
        raise TrustAnchorError(f"'{name}' did not end within {timeout:.0f} seconds") from error
    except PermissionError as error:
        raise TrustAnchorError(f"'{name}' cannot be run", error.strerror or str(error)) from error
    if done.returncode not in accept:
        output = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise TrustAnchorError(f"'{name}' failed with exit code {done.returncode}", output[-600:])
    return done


LANGUAGE = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}


def _run(
    arguments: Sequence[str], stdin: bytes, timeout: float, more: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        list(arguments),
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **more},
    )
