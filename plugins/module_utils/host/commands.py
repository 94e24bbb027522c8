# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program and say clearly when it failed. Standard library only."""

from __future__ import annotations

import os
import pwd
import resource
import subprocess
import tempfile
from collections.abc import Sequence

from ..errors import TrustAnchorError

_OUTPUT_BYTES = 64 << 20  # of a user's program, and of any file that it writes


def run(
    arguments: Sequence[str],
    stdin: bytes = b"",
    timeout: float = 120,
    accept: Sequence[int] = (0,),
    account: tuple[int, int] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program without a shell, with English messages.

    In UTF-8, not in the C locale: some aliases in Debian's Java store are not ASCII, and keytool would not find them.

    Args:
        arguments: program and its arguments; never a secret (other users see them).
        stdin: what it reads; secrets go this way.
        timeout: seconds.
        accept: exit codes that are not a fault.
        account: user and group id of who runs it, without further groups; None: who runs this.

    Raises:
        TrustAnchorError: program missing, exit code not accepted, or time is up.
    """
    name = " ".join(arguments[:3])
    try:
        done = _run_as(account, arguments, stdin, timeout) if account else _run(arguments, stdin, timeout)
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


_LANGUAGE = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}


def _run(arguments: Sequence[str], stdin: bytes, timeout: float) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        list(arguments),
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **_LANGUAGE},
    )


def _run_as(
    account: tuple[int, int], arguments: Sequence[str], stdin: bytes, timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """Run a program that belongs to a user, who may be hostile: nothing of our environment, and no endless output."""
    uid, gid = account
    home = next((one.pw_dir for one in pwd.getpwall() if one.pw_uid == uid), "/nonexistent")
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        done = subprocess.run(
            list(arguments),
            input=stdin,
            stdout=output,
            stderr=errors,
            timeout=timeout,
            check=False,
            env={"PATH": os.defpath, "HOME": home, **_LANGUAGE},
            user=uid,
            group=gid,
            extra_groups=[],
            preexec_fn=_limit_files,
        )
        said = []
        for handle in (output, errors):
            handle.seek(0)
            said.append(handle.read(_OUTPUT_BYTES))
    return subprocess.CompletedProcess(done.args, done.returncode, *said)


def _limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_OUTPUT_BYTES, _OUTPUT_BYTES))
