# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases in the homes of users, hostile ones among them: by the real certutil, and by doubles that misbehave."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import children, homes
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.homes import Home
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import (
    certutil,
    declaration,
    user_databases,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import StoreFinding, Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.user_databases import (
    Budget,
    UserDatabases,
)
from factories import pki

pytestmark = [
    pytest.mark.skipif(not shutil.which("certutil"), reason="certutil is missing (Debian: libnss3-tools)"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root can work as another user"),
]

UID = 47110
MADE = ONE, TWO = pki.root("One"), pki.root("Two")
ROOT1, ROOT2 = (Root("", one.sha256, pem=one.pem) for one in MADE)
WANTED = Wanted((ROOT1,), forbidden=frozenset({TWO.sha256}))
OURS = f"trustanchor-{TWO.sha256[:32]}"


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that everybody may enter; pytest's own is its user's alone."""
    with tempfile.TemporaryDirectory(prefix="homes-", dir="/tmp") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def home(base: Path) -> Path:
    """Of a user who has no account here."""
    return directory(base / "mallory")


def directory(path: Path) -> Path:
    path.mkdir(parents=True)
    for one in (path, *path.parents):
        if "mallory" in str(one):
            os.chown(one, UID, UID)
    return path


def run(path: Path, *arguments: str | bytes, stdin: str = "") -> None:
    command = ["certutil", *arguments, "-d", f"sql:{path}"]
    subprocess.run(command, input=stdin.encode(), check=True, capture_output=True, user=UID, group=UID, extra_groups=[])


def database(path: Path, *more: str) -> Path:
    """An empty database of the user."""
    run(directory(path), "-N", *(more or ["--empty-password"]))
    return path


def store(home: Path, cache: Cache | None = None, but: frozenset[str] = frozenset()) -> UserDatabases:
    return UserDatabases(Home(str(home), "mallory", UID, UID), cache or Cache(), Budget(60.0, 1), but)


def find(home: Path) -> list[StoreFinding]:
    return store(home).find(WANTED)


@pytest.fixture
def double(base: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a program in certutil's place; returns a file that it has touched when it was run."""

    def put(script: str) -> Path:
        said = base / "run"
        (base / "bin").mkdir()
        program = base / "bin/certutil"
        program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(os, "defpath", str(base / "bin"))
        return said

    return put


def test_what_is_missing_is_added_and_what_must_go_is_deleted(home: Path) -> None:
    path = database(home / ".pki/nssdb")
    run(path, "-A", "-n", "Old Root, Inc.", "-t", "CT,C,C", "-a", stdin=TWO.pem)
    (before,) = find(home)
    assert (before.state, before.missing, before.unwanted) == ("wrong", (ONE.sha256,), (TWO.sha256,))
    store(home).converge(WANTED)
    (after,) = find(home)
    assert (after.name, after.state) == (f"nss {path}", "ok")
    assert {one.stat().st_uid for one in path.iterdir()} == {UID}


def test_each_profile_is_found(home: Path) -> None:
    paths = [".pki/nssdb", ".local/share/pki/nssdb", ".mozilla/firefox/x.default", ".mozilla/firefox/y"]
    for path in paths:
        database(home / path)
    directory(home / ".mozilla/firefox/empty")
    assert [one.path.removeprefix(f"{home}/") for one in find(home)] == paths
    (one,) = store(home, but=frozenset(f"{home}/{path}" for path in paths[1:])).find(WANTED)
    assert one.path == f"{home}/{paths[0]}"  # a declared one is not found, too


def test_nothing_is_tried_where_nothing_could_be_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database(home / ".pki/nssdb")
    one = store(home)
    with monkeypatch.context() as patch:
        patch.setattr(os, "defpath", "/nowhere")
        assert [found.state for found in one.find(WANTED)] == ["unknown"]
    assert one.converge(WANTED) == []
    assert [found.state for found in find(home)] == ["wrong"]


def test_what_bears_our_name_is_not_ours(home: Path) -> None:
    """A user who calls any certificate so, and takes the right to write away, would stop the host."""
    other = pki.root("Other")
    path = database(home / ".pki/nssdb")
    run(path, "-A", "-n", OURS, "-t", "C,,", "-a", stdin=other.pem)
    run(path, "-A", "-n", "one", "-t", "C,,", "-a", stdin=ONE.pem)
    (path / "cert9.db").chmod(0o400)
    assert [(one.state, one.unwanted) for one in find(home)] == [("ok", ())]


@pytest.mark.parametrize("nickname", [b"a\nb", b"\x1b[2J\x1b]0;x\x07", b"\xff\xfe\x80", b"-n", b"a" * 500, b"a  C,,"])
def test_names_of_certificates_are_any_bytes(home: Path, nickname: bytes) -> None:
    run(database(home / ".pki/nssdb"), "-A", "-n", nickname, "-t", "C,,", "-a", stdin=TWO.pem)
    (found,) = find(home)
    assert (found.unwanted, found.why) == ((TWO.sha256,), "") or found.state == "unknown"
    assert found.why.isprintable()


@pytest.mark.parametrize("listed", [b"a\0b   C,,\n", b"   C,,\n", b"x" * 2000 + b" C,,\n"])
def test_names_that_nobody_can_ask_for(listed: bytes) -> None:
    def says(*_arguments: Any, **_more: Any) -> bytes:
        return listed

    with pytest.raises(TrustAnchorError, match="has a name that nobody can ask for"):
        certutil.Database("/x", says).trusted()  # type: ignore[arg-type]


def test_lines_of_any_length_are_read_once() -> None:
    def says(*arguments: Any, **_more: Any) -> bytes:
        return b"" if "-n" in arguments else b" " * 3_000_000 + b"x y\n" + b"a " * 1_000_000 + b"\n" + b"\n" * 100_000

    assert certutil.Database("/x", says).trusted() == {}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [b"a\nb", b"\x1b[2J", b"\xff\xfe", "ä".encode()])
def test_names_of_profiles_are_any_bytes(home: Path, name: bytes) -> None:
    profile = directory(home / ".mozilla/firefox") / os.fsdecode(name)
    database(profile)
    (found,) = find(home)
    assert (found.state, found.missing) == ("wrong", (ONE.sha256,))
    for text in (found.name, found.path):
        assert text.isprintable()
        text.encode()
    store(home).converge(WANTED)
    assert [one.state for one in find(home)] == ["ok"]


def test_a_program_that_prints_without_end(home: Path, double: Callable[[str], Path]) -> None:
    database(home / ".pki/nssdb")
    double("exec yes")
    assert [(one.state, one.why[:35]) for one in find(home)] == [
        ("unknown", f"'{os.defpath}/certutil -L' prints more"[:35])
    ]


def test_a_program_that_is_stopped(home: Path, double: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certutil, "CALL_SECONDS", 0.3)
    database(home / ".pki/nssdb")
    double("kill -STOP $$")
    (found,) = find(home)
    assert found.state == "unknown"
    assert "did not end within" in found.why


def test_a_child_that_is_stopped(home: Path, double: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """By a program of its user, behind the answer, too."""
    monkeypatch.setattr(user_databases, "USER_SECONDS", 1.0)
    database(home / ".pki/nssdb")
    double("kill -STOP $PPID")
    with pytest.raises(children.NotInTimeError, match=f"a process of user {UID} did not end within 1 seconds"):
        find(home)


@pytest.mark.parametrize("name", ["cert9.db", "key4.db", "pkcs11.txt"])
def test_nothing_waits_for_a_pipe(home: Path, name: str) -> None:
    path = database(home / ".pki/nssdb")
    (path / name).unlink()
    os.mkfifo(path / name)
    (found,) = find(home)
    assert (found.state, found.why) == (
        "unknown",
        f"{path}/{name} is not a regular file: nothing waits for what is behind it.",
    )


def test_many_databases(home: Path) -> None:
    first = database(home / ".mozilla/firefox/p000")
    for number in range(1, 200):
        shutil.copytree(first, home / f".mozilla/firefox/p{number:03}")
        for path in (home / f".mozilla/firefox/p{number:03}", *(home / f".mozilla/firefox/p{number:03}").iterdir()):
            os.chown(path, UID, UID)
    found = find(home)
    assert [one.state for one in found] == ["wrong"] * 20 + ["unknown"]
    assert found[-1].why == "180 more databases are not looked at: 20 of one user are"


def test_calls_are_counted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certutil.Certutil, "calls", 1, raising=False)
    path = database(home / ".pki/nssdb")
    run(path, "-A", "-n", "two", "-t", "C,,", "-a", stdin=TWO.pem)
    monkeypatch.setattr(certutil, "MOST_CALLS", 1)
    limited = certutil.Certutil(10.0, "/")
    limited.calls = 1
    with pytest.raises(TrustAnchorError, match="or 1 calls of certutil are needed"):
        certutil.Database(str(path), limited).trusted()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.chmod(0o777),
        lambda path: path.parent.chmod(0o775),
        lambda path: os.chown(path, UID + 1, UID),
        lambda path: (path / "pkcs11.txt").chmod(0o666),
        lambda path: os.chown(path / "cert9.db", UID + 1, UID),
    ],
)
def test_nothing_runs_where_another_user_decides_what(
    home: Path, double: Callable[[str], Path], spoil: Callable[[Path], None]
) -> None:
    """A database names modules that certutil loads."""
    path = database(home / ".pki/nssdb")
    spoil(path)
    said = double("touch $(dirname $0)/../run")
    (found,) = find(home)
    assert found.state == "unknown"
    assert "can be changed by users other than its own and root" in found.why
    with pytest.raises(TrustAnchorError, match="can be changed by users other than its own and root"):
        store(home).converge(WANTED)
    assert not said.exists()


def test_what_has_not_changed_is_not_read_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database(home / ".pki/nssdb")
    cache = Cache()
    first = store(home, cache).find(WANTED)
    monkeypatch.setattr(os, "defpath", "/nowhere")
    assert store(home, Cache(cache.as_dict())).find(WANTED) == first
    assert "certutil is missing" in store(home).find(WANTED)[0].why


def test_a_database_with_a_password_stays_wrong(home: Path) -> None:
    secret = home / "password"
    secret.write_text("geheim-4711\n")
    secret.chmod(0o644)
    database(home / ".pki/nssdb", "-f", str(secret))
    with pytest.raises(TrustAnchorError, match="nssdb: '/usr/bin/certutil -A' failed|nssdb: '/bin/certutil -A' failed"):
        store(home).converge(WANTED)
    assert [one.state for one in find(home)] == ["wrong"]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "x",
        [1],
        [{}],
        [{"path": "/etc/ssl"}],
        [{"path": "HOME/../x", "trusted": []}],
        [{"path": "HOME", "trusted": ["x"]}],
        [{"path": "HOME", "trusted": [None]}],
        [{"path": "HOME", "trusted": ["0" * 64] * 1001}],
        [{"path": "HOME", "why": []}],
        [{"path": 5, "why": "x"}],
        [{"path": "HOME", "why": "x"}] * 1000,
    ],
)
def test_an_answer_that_is_none(home: Path, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    for one in answer if isinstance(answer, list) else []:
        if isinstance(one, dict) and isinstance(one.get("path"), str):
            one["path"] = one["path"].replace("HOME", str(home))
    monkeypatch.setattr(children, "call", lambda *_arguments: answer)
    with pytest.raises(TrustAnchorError, match="said what is not an answer"):
        find(home)


NO_IDENTITIES: list[Any] = [None, 5, "xxxxx", {}, [], [1] * 4, [1] * 6, ["1"] * 5, [True] * 5]


@pytest.mark.parametrize(("file", "kept"), [([1, 2, 3, 4, 5],) * 2, *((one, None) for one in NO_IDENTITIES)])
def test_an_identity_that_is_none_is_not_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch, file: Any, kept: list[int] | None
) -> None:
    monkeypatch.setattr(children, "call", lambda *_arguments: [{"path": f"{home}/x", "trusted": [], "file": file}])
    cache = Cache()
    store(home, cache).find(WANTED)
    assert cache.as_dict() == {f"{home}/x/cert9.db": {"file": kept, "entries": {}, "issuers": {}}}


def test_what_the_system_refuses_is_of_one_database(home: Path) -> None:
    """The others are looked at, and converged."""
    good, odd = database(home / ".pki/nssdb"), directory(home / ".mozilla/firefox/odd")
    (odd / "cert9.db").symlink_to("cert9.db")
    told = "Too many levels of symbolic links"
    assert [(one.path, one.state, one.why) for one in find(home)] == [
        (str(good), "wrong", ""),
        (str(odd), "unknown", told),
    ]
    with pytest.raises(TrustAnchorError, match=f"^{odd}: {told}"):
        store(home).converge(WANTED)
    assert [one.state for one in find(home)] == ["ok", "unknown"]


def discovered(monkeypatch: pytest.MonkeyPatch, *listed: Home) -> list[StoreFinding]:
    monkeypatch.setattr(homes, "listed", lambda: list(listed))
    stores = list(user_databases.discover(Cache(), ()))
    return [finding for store in stores for finding in store.find(WANTED)]


def test_what_is_not_looked_at_is_named(
    home: Path, double: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = database(home / ".pki/nssdb")
    said = double("touch $(dirname $0)/../run")
    (found,) = discovered(monkeypatch, Home(str(home), "web", UID, UID, "web is a system account"))
    assert (found.name, found.state) == (f"nss {path}", "unknown")
    assert found.why == "not looked at: web is a system account. Declare it with its owner if it is in use."
    assert not said.exists()
    assert discovered(monkeypatch, Home(str(home.parent), "web", UID, UID, "web is a system account")) == []


def test_homes_that_cannot_be_listed_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name service, or a file system, does not answer."""
    monkeypatch.setattr(user_databases, "_HOMES_SECONDS", 0.2)
    monkeypatch.setattr(homes, "listed", lambda: os.kill(os.getpid(), signal.SIGSTOP))
    stores = declaration.parse({}).stores(Cache())
    (unmeasured,) = [store for store in stores if store.name == "NSS databases that are found"]
    assert not unmeasured.declared
    with pytest.raises(TrustAnchorError, match="did not end within"):
        unmeasured.find(WANTED)
