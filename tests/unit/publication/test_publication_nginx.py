# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to nginx for each fault, how long it is waited for, and who else may have the port."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files, systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import nginx
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import Answer, PublicationUrl
from factories import accounts

URL = PublicationUrl("pki.corp.example")


def test_where_debians_nginx_looks() -> None:
    assert Path(nginx.CONFIGURATION).parent == Path("/etc/nginx/conf.d") and nginx.CONFIGURATION.endswith(".conf")
    assert (nginx.UNIT, nginx.PROGRAM) == ("nginx.service", "/usr/sbin/nginx")
    assert nginx.DIRECTORY == "/var/lib/trustanchor/publication"
    assert (nginx.LOADED, nginx.MARK) == (".configuration", "/var/lib/trustanchor/publication-loaded")
    assert nginx._RESOLV_CONF == "/etc/resolv.conf"


@pytest.mark.parametrize("there", [True, False])
def test_whether_the_kernel_has_ipv6(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(os.path, "exists", lambda path: there and path == "/proc/net/if_inet6")
    assert nginx.has_ipv6() is there


class Nginx:
    """Serves from a moment on, by a clock that passes in sleep alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, serves_at: float) -> None:
        self.now = 0.0
        self.done: list[str] = []
        monkeypatch.setattr(
            files, "write_atomically", lambda path, content, *how: self.done.append(f"mark {path} {content!r} {how}")
        )
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)
        monkeypatch.setattr(nginx, "_serves", lambda _url, _configuration: self.now >= serves_at)
        monkeypatch.setattr(nginx, "test", lambda: self.done.append("test"))
        monkeypatch.setattr(nginx, "explain", lambda _url, _address: "")
        monkeypatch.setattr(systemd, "act", lambda verb, unit: self.done.append(f"{verb} {unit}"))
        monkeypatch.setattr(systemd, "journal", lambda _unit, since: f"since {since > 0}")

    def sleep(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 3)


MARKED = f"mark {nginx.MARK} {b''!r} {(0o644, 'root', 'root')}"


@pytest.mark.parametrize(
    ("found", "verbs"),
    [
        (["not loaded"], ["reload"]),
        (["not running"], ["start"]),
        (["not enabled"], ["enable"]),
        (["not enabled", "not running"], ["enable", "start"]),
        (["not enabled", "not loaded"], ["enable", "reload"]),
    ],
)
def test_what_each_fault_needs(monkeypatch: pytest.MonkeyPatch, found: list[str], verbs: list[str]) -> None:
    server = Nginx(monkeypatch, serves_at=0)
    nginx.run(URL, b"", found)
    assert server.done == ["test", *(f"{verb} nginx.service" for verb in verbs), MARKED]
    assert server.now == 0


@pytest.mark.parametrize("serves_at", [0.1, 5, 19.9])
def test_it_is_waited_for(monkeypatch: pytest.MonkeyPatch, serves_at: float) -> None:
    server = Nginx(monkeypatch, serves_at)
    nginx.run(URL, b"", ["not loaded"])
    assert serves_at <= server.now < serves_at + 0.2


def test_what_never_serves_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Nginx(monkeypatch, serves_at=1e9)
    with pytest.raises(TrustAnchorError, match=r"nginx does not serve pki.corp.example by .*since True"):
        nginx.run(URL, b"", ["not loaded"])
    assert 20 < server.now < 20.2  # what is there at the last moment counts
    assert not [one for one in server.done if one.startswith("mark")]  # so that the next run loads it


def state(active: bool, enabled: bool) -> systemd.Unit:
    return systemd.Unit(True, active, enabled, False, 1, 1.0)


@pytest.mark.parametrize(
    ("active", "enabled", "replaced", "loaded", "found"),
    [
        (True, True, False, True, []),
        (True, True, True, True, ["not loaded"]),
        (True, True, False, False, ["not loaded"]),
        (True, False, False, True, ["not enabled"]),
        (True, False, False, False, ["not enabled", "not loaded"]),
        (False, True, False, True, ["not running"]),
        (False, False, True, False, ["not enabled", "not running"]),
    ],
)
def test_what_is_wrong_with_it(
    monkeypatch: pytest.MonkeyPatch, active: bool, enabled: bool, replaced: bool, loaded: bool, found: list[str]
) -> None:
    monkeypatch.setattr(systemd, "show", lambda _unit: state(active, enabled))
    monkeypatch.setattr(nginx, "is_loaded", lambda _url, _configuration: loaded)
    assert nginx.faults(URL, b"", replaced) == found


@pytest.mark.parametrize(
    ("marked", "serves", "loaded"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_loaded_is_what_was_made_to_load_and_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: bool, serves: bool, loaded: bool
) -> None:
    monkeypatch.setattr(nginx, "MARK", str(tmp_path / "mark"))
    monkeypatch.setattr(nginx, "digest_in", lambda configuration: configuration.decode())
    monkeypatch.setattr(nginx, "_serves", lambda _url, _configuration: serves)
    (tmp_path / "mark").write_text("this" if marked else "another")
    assert nginx.is_loaded(URL, b"this") is loaded


@pytest.fixture
def listening() -> Callable[[bool], int]:
    """A port of this process, which listens or only has it."""
    sockets: list[socket.socket] = []

    def bound(listens: bool) -> int:
        sockets.append(socket.socket())
        sockets[-1].bind(("127.0.0.1", 0))
        if listens:
            sockets[-1].listen()
        port: int = sockets[-1].getsockname()[1]
        return port

    return bound


@pytest.mark.skipif(shutil.which("ss") is None, reason="no ss on this machine (Debian: iproute2)")
def test_another_program_at_the_port(listening: Callable[[bool], int]) -> None:
    """By the real ss: this process is not nginx."""
    nginx.require_port(listening(False))
    port = listening(True)
    with pytest.raises(TrustAnchorError, match=f"port {port} is in use by .*python"):
        nginx.require_port(port)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nameserver 10.0.0.53\nnameserver fd00::53\n", ["10.0.0.53", "[fd00::53]"]),
        ("nameserver ns.corp.example\nnameserver 10.0.0.53;\nnameserver 10.0.0.54\n", ["10.0.0.54"]),
        ("nameserver fe80::1%eth0\nnameserver\nsearch corp.example\n", []),
        ("# f\udcfcr alle\nnameserver \udcff\nnameserver 10.0.0.53\n", ["10.0.0.53"]),
    ],
)
def test_name_servers_are_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, found: list[str]
) -> None:
    """A network may say anything, also what is not UTF-8."""
    (tmp_path / "resolv.conf").write_bytes(text.encode(errors="surrogateescape"))
    monkeypatch.setattr(nginx, "_RESOLV_CONF", str(tmp_path / "resolv.conf"))
    assert nginx.resolvers() == found


def test_nginx_says_why_it_refuses_its_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nginx"
    monkeypatch.setattr(nginx, "PROGRAM", str(program))
    program.write_text('#!/bin/sh\n[ "$*" = "-t -q" ]\n')
    program.chmod(0o755)
    nginx.test()
    program.write_text("#!/bin/sh\necho 'unknown directive in x.conf:5' >&2\nexit 1\n")
    with pytest.raises(TrustAnchorError, match="nginx refuses its configuration.*unknown directive in x.conf:5") as why:
        nginx.test()
    assert why.value.next_step == "nginx goes on as it was; correct what it names"


@pytest.mark.parametrize("printed", [r"\344", r"\377\376"])
def test_what_another_server_has_in_latin_1_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str
) -> None:
    """nginx prints the files of the whole host."""
    program = tmp_path / "nginx"
    monkeypatch.setattr(nginx, "PROGRAM", str(program))
    others = (
        "server { listen 80; server_name pki.corp.example a; }\nserver { listen 80; server_name pki.corp.example b; }"
    )
    program.write_text(
        f'#!/bin/sh\n[ "$*" = "-T -q" ] || exit 1\nprintf "# configuration file /etc/nginx/x:\\n# {printed}\\n"\n'
        f"cat <<'END'\n{others}\nEND\n"
    )
    program.chmod(0o755)
    assert nginx.explain(URL, "10.0.0.5") == (
        "nginx prefers another server there: /etc/nginx/x (listen 80; server_name pki.corp.example a); "
        "/etc/nginx/x (listen 80; server_name pki.corp.example b)"
    )
    program.write_text("#!/bin/sh\nexit 0\n")
    assert nginx.explain(URL, "10.0.0.5") == ""
    program.write_text("#!/bin/sh\nexit 1\n")
    assert nginx.explain(URL, "10.0.0.5") == ""


@pytest.mark.parametrize(
    ("content", "serves"), [(b"a" * 64, True), (b"b" * 64, False), (b"a" * 64 + b"\xff", False), (None, False)]
)
def test_what_it_tells_of_itself(monkeypatch: pytest.MonkeyPatch, content: bytes | None, serves: bool) -> None:
    asked: list[tuple[str, str]] = []

    def get(_url: PublicationUrl, name: str, address: str) -> Answer:
        asked.append((name, address))
        if content is None:
            raise TrustAnchorError("nobody answers")
        return Answer(200, "text/plain", content)

    monkeypatch.setattr(nginx, "get", get)
    assert nginx._serves(URL, b'return 200 "' + b"a" * 64 + b'";') is serves
    assert asked == [(".configuration", "127.0.0.1")]


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_configuration_that_is_refused_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    path, mark = tmp_path / "x.conf", tmp_path / "mark"
    monkeypatch.setattr(nginx, "MARK", str(mark))
    accounts.as_current_user(monkeypatch)
    mark.write_text("a")
    if before is not None:
        path.write_bytes(before)
    wanted = files.File(str(path), b"new", 0o640, "root", "root")
    monkeypatch.setattr(nginx, "test", lambda: None)
    with monkeypatch.context() as patched:
        patched.setattr(nginx, "test", refuse)
        with pytest.raises(TrustAnchorError, match="refused"):
            nginx.write_configuration(wanted)
    assert (path.read_bytes() if path.exists() else None, mark.exists()) == (before, False)
    if before is not None:
        assert path.stat().st_mode & 0o777 == 0o640
    nginx.write_configuration(wanted)
    assert path.read_bytes() == b"new"


def refuse() -> None:
    raise TrustAnchorError("refused")
