# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a lock is waited for, by a clock of the test; whose claim counts; what happens to descriptors."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import locks


class Clock:
    """Time that passes in sleep alone."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: found.now)
    monkeypatch.setattr(time, "sleep", found.sleep)
    return found


@pytest.fixture
def taken(tmp_path: Path) -> Iterator[Path]:
    """A lock that somebody else has."""
    path = tmp_path / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield path
    os.close(descriptor)


@pytest.mark.parametrize(("patience", "pauses"), [(0, 0), (0.05, 1), (1, 10), (7.5, 75)])
def test_it_is_waited_for_as_long_as_was_said(clock: Clock, taken: Path, patience: float, pauses: int) -> None:
    with pytest.raises(TrustAnchorError, match="another process holds .*lock"), locks.held(taken, patience):
        pass
    assert pauses <= clock.slept <= pauses + bool(patience)  # sums of tenths are not exact


def test_nobody_waits_for_what_is_free(clock: Clock, tmp_path: Path) -> None:
    with locks.held(tmp_path / "lock", 0), locks.held(tmp_path / "other", 5), locks.held_directory(tmp_path, 5):
        pass
    assert clock.slept == 0


def test_it_is_taken_as_soon_as_it_is_free(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    other = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.slept == 3:
            os.close(other)

    monkeypatch.setattr(time, "sleep", sleep)
    with locks.held(path, 60):
        assert clock.slept == 3


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_no_descriptor_is_left(taken: Path, tmp_path: Path) -> None:
    before = open_descriptors()
    for path in (taken, tmp_path / "free"):
        for _attempt in range(3):
            try:
                with locks.held(path, 0):
                    pass
            except TrustAnchorError:
                pass
    with locks.held_directory(tmp_path, 0):
        pass
    assert open_descriptors() == before


def test_a_fault_of_the_kernel_is_not_a_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    before = open_descriptors()
    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="No locks available"), locks.held(tmp_path / "lock", 5):
        pass
    assert open_descriptors() == before


def test_what_is_held_can_be_read_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"one\n")
    with locks.held(path) as descriptor:
        assert os.pread(descriptor, 100, 0) == b"one\n"
        os.write(descriptor, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_file_that_is_gone_when_its_lock_is_got_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, really = tmp_path / "lock", fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        really(descriptor, operation)
        if not (tmp_path / "seen").exists():
            (tmp_path / "seen").touch()
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", flock)
    before = open_descriptors()
    with locks.held(path) as descriptor:
        assert os.path.samestat(os.fstat(descriptor), path.stat())
    assert open_descriptors() == before


# Claims.


def busy(pid: int) -> TrustAnchorError:
    return TrustAnchorError(f"process {pid} is at work")


@pytest.fixture
def other() -> Iterator[int]:
    """Another process that lives."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    yield child
    os.close(writer)
    os.waitpid(child, 0)


def claimed(path: Path, change: Callable[[dict[str, object]], object] = lambda _holder: None) -> str:
    """What is said to a process that claims the file after somebody else; empty: nothing."""
    holder = json.loads(path.read_text())
    change(holder)
    path.write_text(json.dumps(holder))
    try:
        locks.claim(path, os.getpid(), busy)
    except TrustAnchorError as error:
        return error.what
    assert json.loads(path.read_text())["pid"] == os.getpid()
    return ""


def test_a_claim_of_a_living_process(tmp_path: Path, other: int) -> None:
    path = tmp_path / "lock"
    locks.claim(path, other, busy)
    assert set(json.loads(path.read_text())) == {"pid", "started", "boot"}
    assert claimed(path) == f"process {other} is at work"


@pytest.mark.parametrize("fact", ["started", "boot"])
def test_a_later_process_of_the_same_number_is_another_one(tmp_path: Path, other: int, fact: str) -> None:
    path = tmp_path / "lock"
    locks.claim(path, other, busy)
    assert claimed(path, lambda holder: holder.update({fact: "0"})) == ""


def test_when_a_process_started_is_the_kernels_word(tmp_path: Path, other: int) -> None:
    """proc(5), field 22: clock ticks since the boot, whatever the program is called."""
    locks.claim(tmp_path / "lock", other, busy)
    after_name = Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()
    assert json.loads((tmp_path / "lock").read_text())["started"] == after_name[22 - 3]


def test_a_program_may_be_called_anything(tmp_path: Path) -> None:
    """In bytes that are no text, with the signs that stand around a name."""
    ready, over = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(over[1])
        Path("/proc/self/comm").write_bytes(b"\xff) S 1 (")
        os.write(ready[1], b"x")
        os.read(over[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    try:
        assert b"\xff) S 1 (" in Path(f"/proc/{child}/stat").read_bytes()
        locks.claim(tmp_path / "lock", child, busy)
        assert claimed(tmp_path / "lock") == f"process {child} is at work"
    finally:
        os.close(over[1])
        os.waitpid(child, 0)
        for descriptor in (*ready, over[0]):
            os.close(descriptor)


def test_a_claim_for_a_process_that_is_gone_is_nobodys(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    locks.claim(tmp_path / "lock", child, busy)
    assert json.loads((tmp_path / "lock").read_text()) == {}
    locks.claim(tmp_path / "lock", os.getpid(), busy)


@pytest.mark.parametrize("content", [b'{"pid": "1"}', b'"pid"', b"null", b"[1]", b"\xff", b'{"started": "1"}'])
def test_what_is_no_claim(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lock").write_bytes(content)
    locks.claim(tmp_path / "lock", os.getpid(), busy)
    assert json.loads((tmp_path / "lock").read_bytes())["pid"] == os.getpid()


def test_a_longer_claim_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"pid": 1, "started": "x" * 900, "boot": ""}))
    locks.claim(tmp_path / "lock", os.getpid(), busy)
    assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(("size", "counts"), [(4096, True), (4097, False)])
def test_how_much_of_a_claim_is_read(tmp_path: Path, other: int, size: int, counts: bool) -> None:
    """Whatever lies there: what is longer is none of ours."""
    path = tmp_path / "lock"
    locks.claim(path, other, busy)
    holder = json.loads(path.read_text())
    assert len(json.dumps(holder)) < 200

    def pad(holder: dict[str, object]) -> None:
        holder["more"] = ""
        holder["more"] = "x" * (size - len(json.dumps(holder)))

    assert claimed(path, pad) == (f"process {other} is at work" if counts else "")


def test_a_claim_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(TrustAnchorError, match="lock cannot be written: No space left on device"):
        locks.claim(tmp_path / "lock", os.getpid(), busy)


@pytest.mark.parametrize(("there", "check", "waits"), [(True, True, True), (True, False, True), (False, True, False)])
def test_a_plan_takes_the_lock_of_a_directory_that_is_there(
    tmp_path: Path, there: bool, check: bool, waits: bool
) -> None:
    """What is read for a plan must not change meanwhile either."""
    directory = tmp_path / "directory"
    if there:
        directory.mkdir()
    with locks.held_where_it_is(directory, check):
        descriptor = os.open(directory if there else tmp_path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        finally:
            os.close(descriptor)
    assert free is not waits
    assert directory.exists() is there
