# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import locks

BUSY = TrustAnchorError("somebody else is at work")
Held = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(params=[locks.held, locks.held_directory], ids=["file", "directory"])
def held(request: pytest.FixtureRequest) -> Held:
    function: Held = request.param
    return function


@pytest.fixture
def path(held: Held, tmp_path: Path) -> Path:
    return tmp_path if held is locks.held_directory else tmp_path / "new" / ".lock"


@pytest.mark.parametrize("patience", [None, 60])
def test_who_comes_second_waits(held: Held, path: Path, patience: float | None) -> None:
    order: list[str] = []
    inside, over = threading.Event(), threading.Event()

    def first() -> None:
        with held(path):
            inside.set()
            over.wait()
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    threading.Timer(0.2, over.set).start()
    with held(path, patience, BUSY):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("patience", [0, 0.1])
def test_patience_ends(held: Held, path: Path, patience: float) -> None:
    with held(path):
        with pytest.raises(TrustAnchorError, match="somebody else"), held(path, patience, BUSY):
            pass
        with pytest.raises(TrustAnchorError, match="another process holds"), held(path, patience):
            pass
    with held(path, 0):
        pass


def test_the_kernel_lets_go_of_it_when_a_process_is_killed(held: Held, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    if held is locks.held:
        path.touch()
    code = (
        "import fcntl,os,sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); print(); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(TrustAnchorError, match="somebody else"), held(path, 0, BUSY):
            pass
    finally:
        other.kill()
        other.communicate()
    with held(path, 0):
        pass


def test_a_fault_within_is_passed_on(held: Held, path: Path) -> None:
    with pytest.raises(FileNotFoundError), held(path):
        open(path.parent / "no such file")  # noqa: SIM115
    with held(path, 0):
        pass


def test_only_its_owner_can_hold_it(tmp_path: Path) -> None:
    """Who can open a file can hold it, and keep everybody else from working."""
    with locks.held(tmp_path / "lock") as descriptor:
        assert os.get_inheritable(descriptor) is False
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrustAnchorError, match="lock cannot be written"), locks.held(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrustAnchorError, match="cannot be written"), locks.held(tmp_path / "file" / "lock"):
        pass
    for path in (tmp_path / "file", tmp_path / "absent"):
        with pytest.raises(TrustAnchorError, match="cannot be opened"), locks.held_directory(path):
            pass
    assert not (tmp_path / "absent").exists()


def test_who_waited_holds_the_file_that_is_there_now(tmp_path: Path) -> None:
    path, entered = tmp_path / "journal", threading.Event()
    found: list[bytes] = []

    def second() -> None:
        with locks.held(path, 60) as descriptor:
            entered.set()
            found.append(os.pread(descriptor, 10, 0))

    with locks.held(path):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.3)
        (tmp_path / "other").write_bytes(b"new")
        os.replace(tmp_path / "other", path)
    thread.join()
    assert found == [b"new"]


def busy(pid: int) -> TrustAnchorError:
    return TrustAnchorError(f"process {pid} is at work")


def test_a_claim_counts_while_its_process_lives(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        locks.claim(path, other.pid, busy)
        with pytest.raises(TrustAnchorError, match=f"process {other.pid} is at work"):
            locks.claim(path, os.getpid(), busy)
        locks.claim(path, other.pid, busy)
    finally:
        other.kill()
        other.wait()
    locks.claim(path, os.getpid(), busy)
    assert json.loads(path.read_bytes())["pid"] == os.getpid()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b'{"pid": 1, "started": "0", "boot": "x"}'])
def test_a_claim_of_nobody_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lock").write_bytes(content)
    locks.claim(tmp_path / "lock", os.getpid(), busy)
    assert json.loads((tmp_path / "lock").read_bytes())["pid"] == os.getpid()


def test_a_claim_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "rollouts").touch()
    with pytest.raises(TrustAnchorError, match="cannot be written"):
        locks.claim(tmp_path / "rollouts" / "lock", os.getpid(), busy)


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    """Set it for a test."""
    before = os.umask(0o022)
    yield lambda value: (os.umask(value), None)[1]
    os.umask(before)


def test_people_of_one_group_claim_one_after_the_other(tmp_path: Path, umask: Callable[[int], None]) -> None:
    umask(0o002)
    locks.claim(tmp_path / "lock", os.getpid(), lambda pid: TrustAnchorError(f"process {pid}"))
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o664


def test_a_directory_that_is_made_for_a_lock_is_its_owners(tmp_path: Path, umask: Callable[[int], None]) -> None:
    umask(0)
    with locks.held(tmp_path / "state/lock"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o755
