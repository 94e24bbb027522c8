# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write public artefacts so that a power cut leaves either nothing or the whole file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ..errors import TrustAnchorError
from ..host.files import sync_directory


def sha256(data: bytes) -> str:
    """Hexadecimal, lower case."""
    return hashlib.sha256(data).hexdigest()


def read_optional(path: Path) -> bytes | None:
    """The file's bytes, None where it does not exist.

    Raises:
        TrustAnchorError: it exists and cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be read: {error.strerror}") from error


def write_once(path: Path, data: bytes) -> None:
    """Write a file that must not exist.

    Raises:
        TrustAnchorError: it exists, or the directory cannot be written.
    """
    with _written(path, data) as temporary:
        try:
            os.link(temporary, path)  # unlike a rename, a link refuses to replace
        except FileExistsError as error:
            raise TrustAnchorError(f"{path} exists", "signed artefacts are never overwritten") from error


def replace(path: Path, data: bytes) -> None:
    """Write a file, or replace it in one step.

    Raises:
        TrustAnchorError: the directory cannot be written.
    """
    with _written(path, data) as temporary:
        os.rename(temporary, path)


@contextlib.contextmanager
def _written(path: Path, data: bytes) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield temporary
        sync_directory(str(path.parent))
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
