# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are either the old or the new content, never half of one. Standard library only."""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import pwd
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Union

from ..errors import TrustAnchorError

MAX_BYTES = 64 << 20  # of any file that is read whole


@dataclass(frozen=True)
class File:
    """What a file must be.

    Args:
        path: absolute path.
        content: whole content, bytes.
        mode: permission bits.
        owner: user name.
        group: group name.
        secret: keep its content out of every message and diff.
    """

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    secret: bool = False

    def differences(self) -> list[str]:
        """What is wrong with the file as it is on the host: any of absent, content, mode, owner."""
        try:
            state = os.lstat(self.path)
        except FileNotFoundError:
            return ["absent"]
        found = []
        if read(self.path) != self.content:
            found.append("content")
        if state.st_mode & 0o7777 != self.mode:
            found.append("mode")
        if (state.st_uid, state.st_gid) != _ids_or_none(self.owner, self.group):
            found.append("owner")
        return found

    def write(self) -> None:
        """Replace the file: written beside it, flushed to the disk, then renamed over it."""
        write_atomically(self.path, self.content, self.mode, self.owner, self.group)


@dataclass(frozen=True)
class Directory:
    """What a directory must be."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"

    def differences(self) -> list[str]:
        """What is wrong with the directory as it is on the host: any of absent, mode, owner."""
        try:
            state = os.stat(self.path)
        except FileNotFoundError:
            return ["absent"]
        found = []
        if state.st_mode & 0o7777 != self.mode:
            found.append("mode")
        if (state.st_uid, state.st_gid) != _ids_or_none(self.owner, self.group):
            found.append("owner")
        return found

    def make(self) -> None:
        """Make the directory, or correct its mode and owner.

        Raises:
            TrustAnchorError: a file is in its place.
        """
        try:
            os.makedirs(self.path, exist_ok=True)
        except FileExistsError as error:
            raise TrustAnchorError(f"{self.path} is a file", "a directory is expected there", "Move it away") from error
        uid, gid = ids(self.owner, self.group)
        os.chown(self.path, uid, gid)
        os.chmod(self.path, self.mode)


@dataclass(frozen=True)
class Kept:
    """Who may read a file whose content is not ours to say; a file that is absent is as wanted.

    Mode and owner are corrected on the file itself, and no content is read or written: a newer one that somebody else
    puts there meanwhile stays.
    """

    path: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"

    def differences(self) -> list[str]:
        """What is wrong with the file as it is on the host: any of mode, owner."""
        try:
            state = os.lstat(self.path)
        except FileNotFoundError:
            return []
        found = []
        if state.st_mode & 0o7777 != self.mode:
            found.append("mode")
        if (state.st_uid, state.st_gid) != _ids_or_none(self.owner, self.group):
            found.append("owner")
        return found

    def correct(self) -> None:
        """Correct mode and owner.

        Raises:
            TrustAnchorError: it is a link, no regular file, or has a second name: it may be somebody else's file.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise TrustAnchorError(f"{self.path} cannot be opened", error.strerror or str(error)) from error
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
                raise TrustAnchorError(
                    f"{self.path} is not a file of its own", "a regular file with one name is expected", "Move it away"
                )
            os.fchmod(descriptor, self.mode & state.st_mode)  # first what nobody may do any more
            os.fchown(descriptor, *ids(self.owner, self.group))
            os.fchmod(descriptor, self.mode)
        finally:
            os.close(descriptor)


# With Union, and not with a bar, which pylint takes for an operator on one of these classes.
Item = Union[File, Directory, Kept]  # noqa: UP007


def sha256(content: bytes) -> str:
    """SHA-256 of a file's content: hexadecimal, lower case."""
    return hashlib.sha256(content).hexdigest()


def read(path: str | os.PathLike[str], most: int = MAX_BYTES) -> bytes | None:
    """Content of a file, None where it is absent.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        TrustAnchorError: it is not a regular file, cannot be read, or is larger than anything here.
    """
    try:
        # Not to wait for a pipe that somebody has put there.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be read", error.strerror or str(error)) from error
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        what = "a directory" if stat.S_ISDIR(kind) else "no regular file"
        raise TrustAnchorError(f"{path} is {what}", "a file is expected there", "Move it away")
    with os.fdopen(descriptor, "rb") as handle:
        content = handle.read(most + 1)
    if len(content) > most:
        raise TrustAnchorError(f"{path} has more than {most} bytes", "it is not what it must be", "Move it away")
    return content


def ids(owner: str, group: str) -> tuple[int, int]:
    """User and group id of names.

    Raises:
        TrustAnchorError: no such user or group.
    """
    try:
        return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise TrustAnchorError(
            f"user {owner} or group {group} does not exist",
            str(error).strip("'\""),
            "Create the account first",
        ) from error


def _ids_or_none(owner: str, group: str) -> tuple[int, int] | None:
    """Ids of names, None where an account is still missing (a plan on a virgin host)."""
    try:
        return ids(owner, group)
    except TrustAnchorError:
        return None


def write_atomically(path: str, content: bytes, mode: int, owner: str, group: str) -> None:
    """Write beside ``path``, flush, rename over it, flush the directory: a crash leaves the old or the new file.

    Raises:
        TrustAnchorError: the file cannot be written (disk full, read-only file system).
    """
    replace(path, content, mode, *ids(owner, group))


def replace(path: str, content: bytes, mode: int, uid: int, gid: int) -> None:
    """As `write_atomically`, by user and group id.

    Raises:
        TrustAnchorError: the file cannot be written (disk full, read-only file system).
    """

    def give_away(descriptor: int) -> None:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)

    with _written(path, content, 0o600, give_away) as temporary:
        os.rename(temporary, path)


def save(path: str | os.PathLike[str], content: bytes) -> None:
    """Write or replace a public file in one step, as the user who runs this; its directory is made where it is absent.

    Raises:
        TrustAnchorError: the file cannot be written (disk full, read-only file system).
    """
    with _written(_with_directory(path), content, 0o644) as temporary:
        os.rename(temporary, path)


def save_once(path: str | os.PathLike[str], content: bytes) -> None:
    """As `save`, of a file that must not exist.

    Raises:
        TrustAnchorError: it exists, or cannot be written.
    """
    with _written(_with_directory(path), content, 0o644) as temporary:
        try:
            os.link(temporary, path)  # unlike a rename, a link refuses to replace
        except FileExistsError as error:
            raise TrustAnchorError(f"{path} exists", "signed artefacts are never overwritten") from error


def _with_directory(path: str | os.PathLike[str]) -> str:
    full = os.path.abspath(path)
    try:
        os.makedirs(os.path.dirname(full), exist_ok=True)
    except OSError as error:
        raise TrustAnchorError(f"cannot write {path}", error.strerror or str(error), "Correct its directory") from error
    return full


@contextlib.contextmanager
def _written(path: str, content: bytes, mode: int, prepare: Callable[[int], None] | None = None) -> Iterator[str]:
    """A file beside ``path`` with this content, on the disk; the block gives it its name, and that is flushed, too.

    Args:
        path: where it is to be.
        content: whole content.
        mode: it is made with, below the process's umask.
        prepare: gives it, by its descriptor, to whom it is for, before it can be seen.
    """
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, f".{name}.{secrets.token_hex(4)}")
    try:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(content)
                if prepare is not None:
                    prepare(descriptor)
                handle.flush()
                os.fsync(descriptor)
            yield temporary
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        sync_directory(directory)
    except OSError as error:
        raise TrustAnchorError(
            f"cannot write {path}",
            error.strerror or str(error),
            "The old file is untouched; free the cause and run again",
        ) from error


def sync_directory(path: str) -> None:
    """Flush a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def wrong(wanted: Iterable[Item]) -> dict[str, list[str]]:
    """Path to what is wrong with it, for each wanted thing that is not as wanted."""
    return {item.path: found for item in wanted if (found := item.differences())}


def converge(wanted: Iterable[Item], check: bool) -> dict[str, list[str]]:
    """Make files and directories as wanted.

    Args:
        wanted: in the order in which they are to be made.
        check: only plan.

    Returns:
        What was (or would be) corrected, as `wrong`.
    """
    corrected = {}
    for item in wanted:
        found = item.differences()
        if not found:
            continue
        corrected[item.path] = found
        if check:
            continue
        if isinstance(item, Directory):
            item.make()
        elif isinstance(item, Kept):
            item.correct()
        else:
            item.write()
    return corrected
