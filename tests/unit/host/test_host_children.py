# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions in child processes: what they answer, and what ends them."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import children

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can work as another user")


@pytest.mark.parametrize("value", [None, 5, "ä\udcff\n", ["x" * 1_000_000], {"a": [1, None]}])
def test_an_answer_comes_back(value: Any) -> None:
    assert children.call(lambda: value, 20) == value


def test_a_fault_comes_back_in_its_parts() -> None:
    def fail() -> None:
        raise TrustAnchorError("what", "why", "next")

    with pytest.raises(TrustAnchorError) as caught:
        children.call(fail, 20)
    assert caught.value.as_dict() == {"what": "what", "why": "why", "next_step": "next"}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: os.stat("/nowhere"), "/nowhere. No such file"),
        (lambda: int("x"), "a child process failed. ValueError"),
        (lambda: sys.exit(5), "a child process failed. SystemExit"),
        (object, "a child process failed. TypeError"),
        (lambda: os._exit(3), "ended with status 3 and said nothing"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "ended with status -9 and said nothing"),
        (lambda: "x" * 2000, "said more than 1000 bytes"),
    ],
)
def test_whatever_happens_is_one_kind_of_fault(function: Callable[[], Any], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        children.call(function, 20, most=1000)


@pytest.mark.parametrize(
    "said",
    [
        b"x",
        b"5",
        b"[]",
        b"[1]",
        b"{}",
        b'{"a": 1}',
        b'{"value": 1, "fault": ["a", "b", "c"]}',
        b'{"fault": 5}',
        b'{"fault": "abc"}',
        b'{"fault": ["a"]}',
        b'{"fault": ["a", "b", 5]}',
        b"[" * 100_000,
    ],
    ids=lambda said: said[:20].decode(),
)
def test_what_is_not_an_answer(said: bytes) -> None:
    with pytest.raises(TrustAnchorError, match="said what is not an answer"):
        children._answer(said, "x")


def test_a_fault_is_cut() -> None:
    """What a user's child says goes into messages."""
    with pytest.raises(TrustAnchorError) as caught:
        children._answer(json.dumps({"fault": ["x" * 3000] * 3}).encode(), "x")
    assert {len(part) for part in caught.value.as_dict().values()} == {2000}


def test_as_much_as_it_may_say() -> None:
    answer = "x" * 100
    most = len(json.dumps({"value": answer}))
    assert children.call(lambda: answer, 20, most=most) == answer
    with pytest.raises(TrustAnchorError, match=f"a child process said more than {most - 1} bytes"):
        children.call(lambda: answer, 20, most=most - 1)


def test_what_waits_is_ended(tmp_path: Path) -> None:
    """With what it has started: a lock is free again."""
    lock = tmp_path / "lock"

    def wait() -> None:
        command = f"exec 9>{lock}; flock 9; echo > {tmp_path}/locked; sleep 600"
        subprocess.run(["/bin/bash", "-c", command], check=False)

    with pytest.raises(children.NotInTimeError, match="did not end within 2 seconds"):
        children.call(wait, 2)
    assert (tmp_path / "locked").exists()
    with lock.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)


def test_one_that_stops_behind_its_answer() -> None:
    """A child says a part, and is stopped: what follows the first bytes is not waited for either."""

    def stop() -> None:
        for descriptor in range(3, 200):
            try:
                os.write(descriptor, b'{"value"')
            except OSError:
                continue
        os.kill(os.getpid(), signal.SIGSTOP)

    with pytest.raises(children.NotInTimeError):
        children.call(stop, 1)


def test_the_parents_files_are_not_the_childs(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as handle:
        found = children.call(lambda: [os.path.exists(f"/proc/self/fd/{handle.fileno()}"), os.getcwd()], 20)
    assert found == [False, "/"]


@as_root
def test_a_user_can_do_nothing_to_it_but_end_it() -> None:
    """No groups of root's, no terminal; its memory is root's to look into."""

    def look() -> list[Any]:
        return [
            os.getresuid(),
            os.getresgid(),
            os.getgroups(),
            os.stat("/proc/self/mem").st_uid,
            os.getsid(0) == os.getpid(),
        ]

    before = os.getgroups()
    os.setgroups([0, 47112])
    try:
        found = children.call(look, 20, (47110, 47111))
    finally:
        os.setgroups(before)
    assert found == [[47110] * 3, [47111] * 3, [], 0, True]


@as_root
def test_the_groups_of_root_are_not_the_users() -> None:
    before = os.getgroups()
    os.setgroups([4, 27])
    try:
        assert children.call(os.getgroups, 20, (47110, 47111)) == []
        assert children.call(os.getgroups, 20) == [4, 27]
    finally:
        os.setgroups(before)


def test_children_leave_nothing_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _number in range(5):
        children.call(lambda: None, 20)
    assert len(os.listdir("/proc/self/fd")) == before
