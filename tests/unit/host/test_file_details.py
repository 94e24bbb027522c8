# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files to the byte and to the bit: how large, what kind, whose, in which order they reach the disk."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files
from factories import accounts

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_wanted_where_nothing_is_said() -> None:
    file, directory = files.File("/x", b""), files.Directory("/x")
    assert (file.mode, file.owner, file.group, file.secret) == (0o644, "root", "root", False)
    assert (directory.mode, directory.owner, directory.group) == (0o755, "root", "root")
    assert files.sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(("size", "good"), [(0, True), (9, True), (10, True), (11, False)])
def test_how_large_a_file_may_be(tmp_path: Path, size: int, good: bool) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    if good:
        assert files.read(tmp_path / "file", most=10) == b"x" * size
        return
    with pytest.raises(TrustAnchorError, match="file has more than 10 bytes"):
        files.read(tmp_path / "file", most=10)


def test_a_file_that_is_larger_than_anything_here(tmp_path: Path) -> None:
    """A hole: it takes no place on the disk."""
    with (tmp_path / "file").open("wb") as handle:
        handle.truncate((64 << 20) + 1)
    with pytest.raises(TrustAnchorError, match="more than 67108864 bytes"):
        files.read(tmp_path / "file")


def test_what_is_no_file(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TrustAnchorError, match="pipe is no regular file. a file is expected there"):
        files.read(tmp_path / "pipe")
    with pytest.raises(TrustAnchorError, match="is a directory. a file is expected there"):
        files.read(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(TrustAnchorError, match="loop cannot be read. Too many levels of symbolic links"):
        files.read(tmp_path / "loop")


@as_root
def test_whose_a_file_is(tmp_path: Path) -> None:
    """User and group, each by itself."""
    file = files.File(str(tmp_path / "file"), b"x", 0o640, "nobody", "nogroup")
    directory = files.Directory(str(tmp_path / "d"), 0o750, "nobody", "nogroup")
    file.write()
    directory.make()
    for path in (tmp_path / "file", tmp_path / "d"):
        assert (path.stat().st_uid, path.stat().st_gid) == files.ids("nobody", "nogroup")
    assert file.differences() == directory.differences() == []
    for owner, group in ((0, -1), (-1, 0)):
        for path in (tmp_path / "file", tmp_path / "d"):
            os.chown(path, owner, group)
        kept = files.Kept(file.path, 0o640, "nobody", "nogroup")
        assert file.differences() == directory.differences() == kept.differences() == ["owner"]
        file.write()
        directory.make()


@as_root
def test_by_number(tmp_path: Path) -> None:
    files.replace(str(tmp_path / "file"), b"x", 0o4711, 4711, 4712)
    found = (tmp_path / "file").stat()
    assert (found.st_uid, found.st_gid, mode(tmp_path / "file")) == (4711, 4712, 0o4711)


@pytest.mark.parametrize("names", [("no-such-user", "root"), ("root", "no-such-group")])
def test_names_that_nobody_has(names: tuple[str, str]) -> None:
    with pytest.raises(TrustAnchorError, match=f"user {names[0]} or group {names[1]} does not exist"):
        files.ids(*names)


def test_a_directory_in_place_of_which_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "d").touch()
    with pytest.raises(TrustAnchorError, match="d is a file. a directory is expected there"):
        files.Directory(str(tmp_path / "d")).make()


def test_special_bits_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)
    (tmp_path / "file").touch()
    (tmp_path / "d").mkdir()
    (tmp_path / "file").chmod(0o4755)
    (tmp_path / "d").chmod(0o2755)
    assert files.File(str(tmp_path / "file"), b"", 0o755).differences() == ["mode"]
    assert files.Directory(str(tmp_path / "d"), 0o755).differences() == ["mode"]


def test_things_are_made_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is as wanted already holds nothing up, and is not touched."""
    accounts.as_current_user(monkeypatch)
    (tmp_path / "a").mkdir(mode=0o755)
    wanted: list[files.File | files.Directory] = [
        files.Directory(str(tmp_path / "a")),
        files.Directory(str(tmp_path / "a/b")),
        files.File(str(tmp_path / "a/b/file"), b"x"),
    ]
    missing = {str(tmp_path / "a/b"): ["absent"], str(tmp_path / "a/b/file"): ["absent"]}
    assert files.converge(wanted, check=True) == missing
    assert not (tmp_path / "a/b").exists()
    assert files.converge(wanted, check=False) == missing
    before = (tmp_path / "a/b/file").stat()
    assert files.converge(wanted, check=False) == {}
    assert os.path.samestat(before, (tmp_path / "a/b/file").stat())


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> str:
    """The end of the name that a file has while it is written."""
    monkeypatch.setattr(secrets, "token_hex", lambda size: "12345678" if size == 4 else "")
    return "12345678"


@pytest.mark.parametrize("function", [files.save, files.save_once])
@pytest.mark.parametrize("link", [False, True])
def test_what_lies_where_a_file_is_written_first_is_not_used(
    tmp_path: Path, temporary: str, function: Callable[..., Any], link: bool
) -> None:
    """Neither another's file nor a link of his: nobody else can write to what becomes the file."""
    place = tmp_path / f".file.{temporary}"
    if link:
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.write_bytes(b"his")
    with pytest.raises(TrustAnchorError, match="cannot write .*File exists"):
        function(tmp_path / "file", b"ours")
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "file").exists()


def test_the_disk_has_the_content_before_the_name_and_the_name_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    really_sync, really_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        kind = os.fstat(descriptor).st_mode
        order.append("directory" if stat.S_ISDIR(kind) else f"content {os.fstat(descriptor).st_size}")
        really_sync(descriptor)

    def rename(old: str, new: str) -> None:
        order.append("name")
        really_rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    files.save(tmp_path / "file", b"x" * 100)
    assert order == ["content 100", "name", "directory"]


@pytest.mark.parametrize(("bits", "function"), [(0o644, files.save), (0o644, files.save_once)])
def test_a_public_file_can_be_read_by_all(tmp_path: Path, bits: int, function: Callable[..., Any]) -> None:
    before = os.umask(0)
    try:
        function(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == bits


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The modes that files have in the moment in which they are given to somebody."""
    seen: list[int] = []
    really = os.fchown

    def fchown(descriptor: int, uid: int, gid: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        really(descriptor, uid, gid)

    monkeypatch.setattr(os, "fchown", fchown)
    return seen


@pytest.mark.parametrize(("found", "between"), [(0o666, 0o640), (0o600, 0o600), (0o4777, 0o640), (0o007, 0)])
def test_a_kept_file_is_first_taken_from_those_who_may_not_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[int], found: int, between: int
) -> None:
    accounts.as_current_user(monkeypatch)
    (tmp_path / "key").touch()
    (tmp_path / "key").chmod(found)
    files.Kept(str(tmp_path / "key"), 0o640).correct()
    assert given == [between] and mode(tmp_path / "key") == 0o640


def test_before_it_is_given_away_a_file_is_its_writers_alone(tmp_path: Path, given: list[int]) -> None:
    before = os.umask(0)
    try:
        files.replace(str(tmp_path / "file"), b"x", 0o666, os.getuid(), os.getgid())
    finally:
        os.umask(before)
    assert given == [0o600] and mode(tmp_path / "file") == 0o666


@as_root
def test_whose_a_kept_file_is(tmp_path: Path) -> None:
    kept = files.Kept(str(tmp_path / "key"), 0o640, "nobody", "nogroup")
    assert kept.differences() == []
    (tmp_path / "key").touch(0o600)
    assert kept.differences() == ["mode", "owner"]
    kept.correct()
    assert kept.differences() == []
    for owner, group in ((0, -1), (-1, 0)):
        os.chown(tmp_path / "key", owner, group)
        assert kept.differences() == ["owner"]
        kept.correct()


def test_what_is_flushed_is_a_directory(tmp_path: Path) -> None:
    files.sync_directory(str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        files.sync_directory(str(tmp_path / "file"))
