# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a port, by a table of the kernel that a test writes; and what a whole check of a host finds."""

from __future__ import annotations

import builtins
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import preflight

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LISTEN, ESTABLISHED = "0A", "01"
ME = pwd.getpwuid(os.getuid()).pw_name


def line(port: int, state: str = LISTEN, uid: int = 0, inode: int = 4711, address: str = "00000000") -> str:
    """One socket (proc(5))."""
    return (
        f"   0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid:5} 0 {inode}\n"
    )


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace /proc/net/tcp and /proc/net/tcp6; None: the kernel has no such table."""
    really_open, really_exists = builtins.open, os.path.exists
    places = {"/proc/net/tcp": tmp_path / "tcp", "/proc/net/tcp6": tmp_path / "tcp6"}

    def moved(path: Any) -> Any:
        return places.get(path, path)

    def write(tcp: str | None, tcp6: str | None = HEADER) -> None:
        for place, text in zip(places.values(), (tcp, tcp6), strict=True):
            if text is not None:
                place.write_text(text)

    monkeypatch.setattr(os.path, "exists", lambda path: really_exists(moved(path)))
    monkeypatch.setattr(builtins, "open", lambda path, *rest, **named: really_open(moved(path), *rest, **named))
    return write


def in_use(port: int = 443, user: str = "no-such-user") -> bool:
    try:
        preflight.check_port(port, user)
    except TrustAnchorError as error:
        assert error.what == f"port {port} is in use by another program"  # no process here has these sockets
        return True
    return False


@pytest.mark.parametrize(
    ("tcp", "tcp6", "expected"),
    [
        (HEADER + line(443), HEADER, True),
        (HEADER, HEADER + line(443, address="0" * 32), True),
        (HEADER + line(443), None, True),
        (None, HEADER + line(443), True),
        (None, None, False),
        (HEADER, HEADER, False),
        (HEADER + line(444), HEADER, False),
        (HEADER + line(443, ESTABLISHED), HEADER, False),
        (HEADER + line(8443) + line(443), HEADER, True),
        (HEADER + line(8443) + line(22), HEADER + line(80), False),
        (line(443), HEADER, False),  # the first line is never a socket
    ],
)
def test_listeners_in_either_table(tables: Callable[..., None], tcp: str, tcp6: str, expected: bool) -> None:
    tables(tcp, tcp6)
    assert in_use() is expected


def test_a_port_is_written_in_hexadecimal(tables: Callable[..., None]) -> None:
    tables(HEADER + line(0x1000))
    assert in_use(4096) and not in_use(1000)


def test_only_the_daemons_own_account_may_listen(tables: Callable[..., None]) -> None:
    own = os.getuid()
    tables(HEADER + line(443, uid=own))
    assert not in_use(user=ME)
    assert in_use(user="no-such-user")
    tables(HEADER + line(443, uid=own + 1))
    assert in_use(user=ME)
    tables(HEADER + line(443, uid=own) + line(443, uid=own + 1))  # both, by SO_REUSEPORT
    assert in_use(user=ME)


def test_the_owner_is_the_process_that_has_the_socket() -> None:
    """Not one that has sockets, too: this test has a second one."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        one.listen()
        two.bind(("127.0.0.1", 0))
        program = Path("/proc/self/comm").read_text().strip()
        with pytest.raises(TrustAnchorError) as caught:
            preflight.check_port(one.getsockname()[1], "no-such-user")
        assert caught.value.what.endswith(f"is in use by {program} (process {os.getpid()})")
        assert str(os.fstat(one.fileno()).st_ino) in preflight._socket_inodes(os.getpid())


def test_a_process_that_ended_owns_nothing() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert preflight._socket_inodes(child) == set()


def test_accounts() -> None:
    assert preflight.account_exists("root") and preflight.account_exists(ME)
    assert not preflight.account_exists("no-such-user")


def test_a_whole_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check_distribution", lambda text: f"it has {len(text.splitlines()) > 1}")
    monkeypatch.setattr(preflight, "check_systemd", lambda: None)
    monkeypatch.setattr(time, "time", lambda: 1000.26)
    assert preflight.check_host(990.0) == {"distribution": "it has True", "clock_offset": 10.3}


@pytest.mark.parametrize("broken", ["check_distribution", "check_systemd"])
def test_each_part_of_a_host_counts(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def refuse(*_arguments: Any) -> None:
        raise TrustAnchorError(f"{broken} refuses")

    for name in ("check_distribution", "check_systemd"):
        monkeypatch.setattr(preflight, name, refuse if name == broken else lambda *_arguments: "")
    with pytest.raises(TrustAnchorError, match=f"{broken} refuses"):
        preflight.check_host(time.time())


def test_the_clock_of_a_host_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check_distribution", lambda _text: "")
    monkeypatch.setattr(preflight, "check_systemd", lambda: None)
    with pytest.raises(TrustAnchorError, match="the host's clock is"):
        preflight.check_host(time.time() - 3600)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ID=debian\nVERSION_ID=12\n", "debian 12"),
        ('ID="debian"\nVERSION_ID="13"\n', "debian 13"),
        ("VERSION_ID=24.04\nID=ubuntu\n", "ubuntu 24.04"),
    ],
)
def test_names_with_and_without_quotes(text: str, name: str) -> None:
    assert preflight.check_distribution(text) == name


def test_the_request_is_looked_for_where_it_is_said(tmp_path: Path) -> None:
    """Its parser's words are told, and the keys in full are not."""
    (tmp_path / "bad.csr").write_bytes(
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
    )
    with pytest.raises(TrustAnchorError) as caught:
        preflight.check_request_key(str(tmp_path / "bad.csr"), "ab" * 32)
    assert caught.value.what == f"{tmp_path}/bad.csr is not a request" and caught.value.why


def test_what_a_process_runs(tmp_path: Path) -> None:
    """By its program, which may be replaced while it runs; not by the name that it gives to itself."""
    program = tmp_path / "cat"
    shutil.copy(os.path.realpath("/usr/bin/cat"), program)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"x")
        assert process.stdout.read(1) == b"x"  # it runs the program by now
        assert preflight.program_of(process.pid) == str(program)
        program.unlink()
        assert preflight.program_of(process.pid) == str(program)
        process.stdin.close()
    assert preflight.program_of(process.pid) == ""
