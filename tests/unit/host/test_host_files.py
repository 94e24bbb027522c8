# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import commands, files
from factories import accounts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    accounts.as_current_user(monkeypatch)
    return tmp_path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_converge(place: Path) -> None:
    wanted: list[files.File | files.Directory] = [
        files.Directory(str(place / "a"), 0o750),
        files.File(str(place / "a" / "one"), b"one", 0o600),
        files.File(str(place / "a" / "two"), b"", 0o4644),
    ]
    absent = {item.path: ["absent"] for item in wanted}
    assert files.converge(wanted, check=True) == absent
    assert names(place) == []
    assert files.converge(wanted, check=False) == absent
    assert files.converge(wanted, check=False) == files.wrong(wanted) == {}
    assert [mode(place / "a"), mode(place / "a" / "one"), mode(place / "a" / "two")] == [0o750, 0o600, 0o4644]
    assert names(place / "a") == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "bits", "expected"),
    [
        (b"new", 0o644, []),
        (b"old", 0o644, ["content"]),
        (b"new", 0o600, ["mode"]),
        (b"old", 0o600, ["content", "mode"]),
    ],
)
def test_differences_of_a_file(place: Path, content: bytes, bits: int, expected: list[str]) -> None:
    path = place / "file"
    path.write_bytes(content)
    path.chmod(bits)
    wanted = files.File(str(path), b"new", 0o644)
    assert wanted.differences() == expected
    files.converge([wanted], check=False)
    assert wanted.differences() == []


def test_differences_of_a_directory(place: Path) -> None:
    wanted = files.Directory(str(place / "d"), 0o700)
    wanted.make()
    (place / "d").chmod(0o755)
    assert wanted.differences() == ["mode"]
    wanted.make()
    assert wanted.differences() == []


def test_another_owner_is_a_difference(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[files.File | files.Directory] = [
        files.File(str(place / "file"), b""),
        files.Directory(str(place / "d")),
    ]
    files.converge(wanted, check=False)
    monkeypatch.setattr(files, "ids", lambda _owner, _group: (os.getuid() + 1, os.getgid()))
    assert files.wrong(wanted) == {str(place / "file"): ["owner"], str(place / "d"): ["owner"]}


def test_an_account_that_is_still_missing(tmp_path: Path) -> None:
    """A plan on a virgin host must not stumble over it; writing must."""
    wanted = files.File(str(tmp_path / "file"), b"", owner="no-such-user", group="no-such-group")
    assert wanted.differences() == ["absent"]
    with pytest.raises(TrustAnchorError, match="user no-such-user or group no-such-group does not exist"):
        wanted.write()
    (tmp_path / "file").touch()
    assert "owner" in wanted.differences()


@pytest.mark.parametrize("target", ["same", "other", "nothing"])
def test_a_symbolic_link_is_replaced_and_its_target_stays(place: Path, target: str) -> None:
    (place / "same").write_bytes(b"new")
    (place / "other").write_bytes(b"other")
    link = place / "link"
    link.symlink_to(place / target)
    wanted = files.File(str(link), b"new")
    assert wanted.differences()
    wanted.write()
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"
    assert (place / "other").read_bytes() == b"other"
    assert not (place / "nothing").exists()


def fail(number: int) -> Any:
    def call(*_arguments: Any, **_options: Any) -> None:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("function", ["fsync", "fchown", "fchmod", "rename"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_fails_leaves_the_old_file(
    place: Path, monkeypatch: pytest.MonkeyPatch, function: str, number: int
) -> None:
    path = place / "file"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail(number))
        with pytest.raises(
            TrustAnchorError, match=f"cannot write {path}. {os.strerror(number)}.*old file is untouched"
        ):
            files.File(str(path), b"new").write()
    assert path.read_bytes() == b"old"
    assert names(place) == ["file"]


def test_a_really_full_disk(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/full takes no byte; the error comes from the kernel."""
    (place / "file").write_bytes(b"old")

    real = os.open

    def full(path: str, flags: int, *mode: int) -> int:
        if not flags & os.O_EXCL:
            return real(path, flags, *mode)
        Path(path).touch()
        return real("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(TrustAnchorError, match="No space left on device"):
        files.File(str(place / "file"), b"new" * 10_000).write()
    assert (place / "file").read_bytes() == b"old"
    assert names(place) == ["file"]


def test_no_directory(place: Path) -> None:
    with pytest.raises(TrustAnchorError, match="cannot write .*No such file or directory"):
        files.File(str(place / "none" / "file"), b"new").write()


def test_an_interrupted_write_leaves_nothing_behind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.File(str(place / "file"), b"new").write()
    assert names(place) == []


def test_a_secret_is_never_readable_by_others_and_in_no_message(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = os.fsync

    def look(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    wanted = files.File(str(place / "key"), b"hunter2", 0o600, secret=True)
    assert "hunter2" not in repr(wanted)
    wanted.write()
    assert seen[0] == 0o600


def test_a_public_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    before = os.umask(0o022)
    try:
        files.save(path, b"old")
        files.save(str(path), b"new")
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode(path), names(path.parent)) == (b"new", 0o644, ["file"])


def test_a_narrow_umask_is_respected(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.save(tmp_path / "a" / "file", b"")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "file")) == (0o700, 0o600)


def test_a_file_that_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    files.save_once(path, b"old")
    with pytest.raises(TrustAnchorError, match="file exists. signed artefacts are never overwritten"):
        files.save_once(path, b"new")
    assert (path.read_bytes(), names(path.parent)) == (b"old", ["file"])


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files.save("file", b"x")
    files.save_once("other", b"y")
    assert names(tmp_path) == ["file", "other"]


@pytest.mark.parametrize("function", [files.save, files.save_once])
def test_a_directory_that_cannot_be_made(tmp_path: Path, function: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrustAnchorError, match="cannot write .*Correct its directory"):
        function(tmp_path / "file" / "x", b"")


@pytest.mark.parametrize("function", [files.save, files.save_once])
def test_a_disk_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Any
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail(errno.ENOSPC))
        with pytest.raises(TrustAnchorError, match="No space left on device"):
            function(tmp_path / "file", b"x")
    assert names(tmp_path) == []


def test_reading(place: Path) -> None:
    (place / "file").write_bytes(b"x")
    assert files.read(str(place / "file")) == b"x"
    assert files.read(str(place / "none")) is None
    assert files.read(str(place / "file" / "below")) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(content=st.binary(), bits=st.sampled_from([0o400, 0o600, 0o640, 0o644, 0o755]))
def test_what_was_written_is_there(place: Path, content: bytes, bits: int) -> None:
    wanted = files.File(str(place / "file"), content, bits)
    files.converge([wanted], check=False)
    assert files.converge([wanted], check=True) == {}
    assert (place / "file").read_bytes() == content


def test_commands() -> None:
    assert commands.run(["cat"], stdin=b"secret").stdout == b"secret"
    assert commands.run(["sh", "-c", "exit 3"], accept=(0, 3)).returncode == 3
    assert commands.run(["sh", "-c", "echo $LC_ALL"]).stdout == b"C.UTF-8\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-program"], "program no-such-program is missing.*Install it"),
        (["sh", "-c", "echo reason >&2; exit 4"], "failed with exit code 4. reason"),
        (["sh", "-c", "echo reason; exit 4"], "failed with exit code 4. reason"),
        (["sleep", "5"], "'sleep 5' did not end within 0 seconds"),
        (["sh", "-c", r"printf '\377' >&2; exit 1"], "failed with exit code 1"),
    ],
)
def test_commands_that_fail(arguments: list[str], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        commands.run(arguments, timeout=0.1 if arguments[0] == "sleep" else 5)


def test_of_a_kept_file_only_mode_and_owner_are_corrected(place: Path) -> None:
    path = place / "key"
    path.write_bytes(b"somebody else's")
    path.chmod(0o604)
    before = path.stat().st_ino
    wanted = files.Kept(str(path), 0o640)
    assert files.converge([wanted], check=True) == {str(path): ["mode"]}
    assert mode(path) == 0o604
    assert files.converge([wanted], check=False) == {str(path): ["mode"]}
    assert (mode(path), path.read_bytes(), path.stat().st_ino) == (0o640, b"somebody else's", before)
    assert files.wrong([wanted]) == {}
    path.unlink()
    assert files.converge([wanted], check=False) == {}


@pytest.mark.parametrize("kind", ["link", "second name", "directory"])
def test_a_kept_file_that_may_be_another_one_is_left_alone(place: Path, kind: str) -> None:
    other, path = place / "shadow", place / "key"
    other.write_bytes(b"")
    other.chmod(0o600)
    if kind == "link":
        path.symlink_to(other)
    elif kind == "second name":
        path.hardlink_to(other)
    else:
        path.mkdir(0o700)
    with pytest.raises(TrustAnchorError, match="key (cannot be opened|is not a file of its own)"):
        files.converge([files.Kept(str(path), 0o644)], check=False)
    assert mode(other) == 0o600
