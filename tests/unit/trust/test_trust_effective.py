# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes that have, or have not, loaded a TLS library before a moment."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import effective

WAITS = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def processes() -> Iterator[dict[str, int]]:
    """A Python that verifies certificates and one that does not, both up and waiting."""
    programs = {"tls": f"import ssl; {WAITS}", "plain": WAITS}
    running = {
        name: subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name, code in programs.items()
    }
    for process in running.values():
        assert process.stdout is not None
        process.stdout.readline()
    yield {name: process.pid for name, process in running.items()}
    for process in running.values():
        process.communicate()


def measured(moment: float) -> dict[int, effective.Process]:
    return {process.pid: process for process in effective.measure(moment).processes}


def test_a_process_from_before_the_change_may_hold_what_was(processes: dict[str, int]) -> None:
    effect = effective.measure(time.time() + 1)
    found = {process.pid: process for process in effect.processes}
    assert effect.state == "stale"
    assert found[processes["tls"]].runtime == "openssl"
    assert found[processes["tls"]].program.startswith("python")
    assert abs(found[processes["tls"]].started - time.time()) < 60
    assert processes["plain"] not in found


def test_a_process_from_after_the_change_has_read_what_is(processes: dict[str, int]) -> None:
    assert not set(processes.values()) & set(measured(time.time() - 60))


def test_nothing_ever_changed() -> None:
    assert effective.measure(0.0) == effective.Effect("effective", 0.0)


def test_of_another_user_nobody_knows(processes: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(_directory: str) -> str:
        raise PermissionError

    monkeypatch.setattr(effective, "_runtime", hidden)
    assert effective.measure(time.time() + 1).state == "unknown"
    assert processes


def test_a_process_that_ends_meanwhile_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_directory: str) -> str:
        raise ProcessLookupError

    monkeypatch.setattr(effective, "_runtime", ended)
    assert effective.measure(time.time() + 1).state == "effective"


GO = shutil.which("go")


@pytest.mark.skipif(GO is None, reason="no program of Go is at hand")
def test_a_program_of_go() -> None:
    assert GO is not None
    assert effective._is_go(os.path.realpath(GO))
    assert not effective._is_go(sys.executable)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF\x02\x01" + b"\xff" * 200, b"\x7fELF\x02\x01" + b"\0" * 200],
)
def test_what_is_no_program_of_go(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "program"
    path.write_bytes(content)
    assert not effective._is_go(str(path))


def test_a_section_table_that_leads_nowhere(tmp_path: Path) -> None:
    head = bytearray(b"\x7fELF\x02\x01" + b"\0" * 58)
    struct.pack_into("<Q10xHHH", head, 40, 1 << 40, 64, 3, 2)
    path = tmp_path / "program"
    path.write_bytes(bytes(head))
    assert not effective._is_go(str(path))


@pytest.mark.parametrize(
    ("maps", "runtime"),
    [
        (b"", ""),
        (b"7f00-7f01 r-xp 0 0:0 1 /usr/lib/x86_64-linux-gnu/libc.so.6\n", ""),
        (b"7f00-7f01 r-xp 0 0:0 1 /usr/lib/x86_64-linux-gnu/libssl.so.3\n", "openssl"),
        (b"7f00-7f01 r-xp 0 0:0 1 /usr/lib/libssl.so.3 (deleted)\n", "openssl"),
        (b"7f00-7f01 r-xp 0 0:0 1 /venv/lib/x.libs/libssl-81ffa89e.so.3\n", "openssl"),
        (b"7f00-7f01 r-xp 0 0:0 1 /usr/lib/libgnutls.so.30.34.3\n", "gnutls"),
        (b"7f00-7f01 r-xp 0 0:0 1 /usr/lib/libssl.so.3\n7f r 0 0 1 /usr/lib/libnss3.so\n", "nss"),
        (b"7f00-7f01 r-xp 0 0:0 1 /usr/lib/jvm/java-21/lib/server/libjvm.so\n", "java"),
        (b"7f00-7f01 r-xp 0 0:0 1 /tmp/notlibssl.so.3.txt\n", ""),
    ],
)
def test_what_a_process_verifies_with(tmp_path: Path, maps: bytes, runtime: str) -> None:
    (tmp_path / "maps").write_bytes(maps)
    (tmp_path / "exe").symlink_to("/bin/true")
    assert effective._runtime(str(tmp_path)) == runtime


def test_a_users_own_stores_have_a_clock_of_their_own(processes: dict[str, int]) -> None:
    """Who spoils a database again and again makes no process of others one that has old roots."""
    soon = time.time() + 1
    assert processes["tls"] in {one.pid for one in effective.measure(1.0, {str(os.getuid()): soon}).processes}
    other = effective.measure(1.0, {str(os.getuid() + 1): soon})
    assert processes["tls"] not in {one.pid for one in other.processes}
    assert other.changed_at == 1.0


def test_what_users_run_is_bounded(processes: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    soon = time.time() + 1
    monkeypatch.setattr(effective, "MOST_OF_USER", 1)
    found = effective.measure(soon)
    assert len([one for one in found.processes if os.path.exists(f"/proc/{one.pid}")]) >= 1
    assert len({one.pid for one in found.processes} & set(processes.values())) <= 1
    monkeypatch.setattr(effective, "MAPS_BYTES", 10)
    assert (effective.measure(soon).state, effective.measure(soon).processes) == ("unknown", ())
    monkeypatch.setattr(effective, "SECONDS", -1.0)
    assert effective.measure(soon).state == "unknown"


def described(tmp_path: Path, cgroup: bytes, init: bytes = b"0::/init.scope\n") -> effective.Process:
    for pid, content in (("1", init), ("77", cgroup)):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cgroup").write_bytes(content)
    (tmp_path / "77/exe").symlink_to("/tmp/x\x1b[2J")
    return effective._described(77, 5.0, "openssl", str(tmp_path))


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        (b"0::/system.slice/nginx.service\n", "nginx.service"),
        (b"0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
        (b"12:devices:/user.slice\n1:name=systemd:/system.slice/nginx.service\n0::/\n", "nginx.service"),
        (b"9:name=systemd:/\n8:pids:/\n0::/system.slice/nginx.service\n", "nginx.service"),  # as podman shows it
        (b"0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"),
        (b"0::/user.slice/user-1000.slice/user@1000.service/app.slice/ssh.service\n", "user@1000.service"),
        (b"0::/user.slice/user-1000.slice/user@1000.service/\xff/nginx.service\n", "user@1000.service"),
        (b"0::/system.slice/own.service/a/nginx.service\n", "own.service"),
        (b"0::/system.slice/\x1b\xff.service\n", "\\x1b\\udcff.service"),
        (b"0::/\n", ""),
        (b"", ""),
    ],
)
def test_the_unit_of_a_process_is_not_what_it_calls_a_group_below(tmp_path: Path, cgroup: bytes, unit: str) -> None:
    """Who may make groups, as each user's manager, would have services of root's restarted by calling one so."""
    found = described(tmp_path, cgroup)
    assert (found.unit, found.program) == (unit, "x\\x1b[2J")


def test_the_unit_of_a_process_in_a_container(tmp_path: Path) -> None:
    found = described(
        tmp_path,
        b"0::/machine.slice/libpod-1.scope/system.slice/nginx.service\n",
        b"0::/machine.slice/libpod-1.scope/init.scope\n",
    )
    assert found.unit == "nginx.service"
