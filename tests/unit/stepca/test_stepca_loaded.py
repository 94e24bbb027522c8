# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running step-ca has loaded: each thing that counts by itself, and how long it is waited for."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import daemon, unit
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from factories import accounts

SCEP: dict[str, Any] = {"authority": {"provisioners": [{"type": "ACME"}, {"type": "SCEP"}]}}


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setattr(unit, "PATH", str(tmp_path / "unit"))
    monkeypatch.setattr(unit, "PROGRAM", str(tmp_path / "program"))
    Path(unit.PROGRAM).write_text("one")
    return Layout(base=str(tmp_path / "step-ca"))


@pytest.mark.parametrize(
    ("config", "served"),
    [
        ({}, False),
        ({"insecureAddress": ":80"}, False),
        ({"insecureAddress": "", "crl": {"enabled": True}}, False),
        ({"crl": {"enabled": True}}, False),
        (SCEP, False),
        ({"insecureAddress": ":80", "crl": {"enabled": False}}, False),
        ({"insecureAddress": ":80", "crl": {"enabled": True}}, True),
        ({"insecureAddress": ":80", **SCEP}, True),
        ({"insecureAddress": ":80", "crl": None, "authority": {"provisioners": [{"type": "ACME"}]}}, False),
        ({"insecureAddress": ":80", "authority": {"provisioners": None}}, False),
    ],
)
def test_when_there_is_a_plain_listener(config: dict[str, Any], served: bool) -> None:
    assert daemon._serves_insecurely(config) is served


def test_the_program_is_known_by_its_inode_time_and_size(layout: Layout) -> None:
    """A package may give each version the same time and size."""

    def restart() -> str:
        return daemon.digests({}, layout)[0]

    path = Path(unit.PROGRAM)
    os.utime(path, ns=(1, 1))
    seen = [restart(), restart()]
    path.with_name("new").write_text("one")
    os.utime(path.with_name("new"), ns=(1, 1))
    path.with_name("new").rename(path)
    seen.append(restart())
    os.utime(path, ns=(2, 2))
    seen.append(restart())
    path.write_text("three")
    os.utime(path, ns=(2, 2))
    seen.append(restart())
    assert seen[0] == seen[1] and len(set(seen)) == 4


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({}, []),
        ({"federatedRoots": ["/b", "/a", ""]}, ["/a", "/b"]),
        ({"federatedRoots": None, "authority": {"provisioners": None}}, []),
        ({"authority": {"provisioners": [{}, {"options": {}}, {"options": {"x509": {}}}]}}, []),
        ({"authority": {"provisioners": [{"options": {"x509": {"templateFile": "/t"}}}]}}, ["/t"]),
        (
            {"federatedRoots": ["/t"], "authority": {"provisioners": [{"options": {"x509": {"templateFile": "/t"}}}]}},
            ["/t"],
        ),
    ],
)
def test_files_that_a_reload_reads_since_ca_json_names_them(config: dict[str, Any], named: list[str]) -> None:
    assert daemon._named_files(config) == named


def test_a_root_of_another_ca_counts(layout: Layout, tmp_path: Path) -> None:
    config = {"federatedRoots": [str(tmp_path / "other.crt")]}
    seen = {daemon.digests(config, layout)}
    for content in ("one", "two"):
        (tmp_path / "other.crt").write_text(content)
        seen.add(daemon.digests(config, layout))
    assert len({reload for _restart, reload in seen}) == 3
    assert len({restart for restart, _reload in seen}) == 1


def test_a_digest_is_of_parts_and_files_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    parts = [hashlib.sha256(part).digest() for part in (b"a", b"x", b"")]
    expected = hashlib.sha256(b"".join(parts)).hexdigest()
    assert daemon._digest([b"a"], [str(tmp_path / "file"), str(tmp_path / "missing")]) == expected


def test_files_below_a_directory_in_order(tmp_path: Path) -> None:
    for name in ("b/2", "a/1", "b/1", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert daemon._files_below(str(tmp_path)) == [str(tmp_path / name) for name in ("a/1", "b/1", "b/2", "c")]


@pytest.mark.parametrize("name", ["password", "config", "root", "certificate", "key"])
def test_each_file_has_its_say_in_the_newest_change(layout: Layout, name: str) -> None:
    """Of the unit and the program, too."""
    path = Path(getattr(layout, name))
    path.parent.mkdir(parents=True)
    path.write_text("x")
    os.utime(unit.PROGRAM)
    while path.stat().st_ctime <= os.stat(unit.PROGRAM).st_ctime:
        path.chmod(0o600)
    assert daemon.newest_change(layout) == path.stat().st_ctime
    Path(unit.PATH).touch()
    while os.stat(unit.PATH).st_ctime <= path.stat().st_ctime:
        os.chmod(unit.PATH, 0o644)
    assert daemon.newest_change(layout) == os.stat(unit.PATH).st_ctime


def test_what_is_remembered_is_for_root_to_write_and_all_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.as_current_user(monkeypatch)
    path = tmp_path / "run/trustanchor/step-ca.json"
    assert daemon.LOADED_STATE == "/run/trustanchor/step-ca.json"
    monkeypatch.setattr(daemon, "LOADED_STATE", str(path))
    monkeypatch.setattr(systemd, "show", lambda _unit: systemd.Unit(True, True, True, False, 7, 8.0))
    before = os.umask(0)
    try:
        daemon.remember("a", "b")
        daemon.remember("c", "d")
    finally:
        os.umask(before)
    assert daemon.loaded_state() == daemon.LoadedState(7, 8.0, "c", "d")
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)] == [0o644, 0o755]


# Waiting, by a clock of the test.


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_condition_that_holds_at_once_is_not_waited_for(clock: Clock) -> None:
    daemon.wait_until(lambda: True, 0, "it")
    assert clock.now == 0


def test_a_condition_is_asked_until_it_holds_or_time_is_over(clock: Clock) -> None:
    daemon.wait_until(lambda: clock.now > 3, 20, "it")
    assert 3 < clock.now < 3.2
    with pytest.raises(TrustAnchorError) as caught:
        daemon.wait_until(lambda: False, 20, "it never came")
    assert caught.value.what == "it never came" and not caught.value.why
    assert 23 < clock.now < 23.5


def test_an_error_is_one_more_reason_to_wait(clock: Clock) -> None:
    def condition() -> bool:
        if clock.now < 2:
            raise TrustAnchorError("connection refused")
        return True

    daemon.wait_until(condition, 20, "it")
    assert 2 <= clock.now < 2.3


def test_what_will_never_come_is_not_waited_for(clock: Clock) -> None:
    def condition() -> bool:
        raise daemon.NotRetryable("it", "it was refused")

    with pytest.raises(daemon.NotRetryable, match="it was refused"):
        daemon.wait_until(condition, 20, "it")
    assert clock.now == 0


def acting(monkeypatch: pytest.MonkeyPatch, journal: Callable[..., str]) -> list[str]:
    verbs: list[str] = []
    monkeypatch.setattr(systemd, "act", lambda verb, name: verbs.append(f"{verb} {name}"))
    monkeypatch.setattr(systemd, "journal", journal)
    return verbs


@pytest.mark.parametrize("action", ["start", "restart"])
def test_a_start_is_over_when_it_serves(clock: Clock, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    verbs = acting(monkeypatch, lambda _unit, since=0: "")

    def serving() -> bytes:
        if clock.now < 5:
            raise TrustAnchorError("connection refused")
        return b"certificate"

    daemon.apply(action, serving)
    assert 5 <= clock.now < 5.3
    assert verbs == ["reset-failed step-ca.service", "restart step-ca.service"]


def test_a_reload_is_over_when_another_certificate_is_served(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    verbs = acting(monkeypatch, lambda _unit, since=0: "error: of long ago")
    daemon.apply("reload", lambda: b"old" if clock.now < 5 else b"new")
    assert 5 <= clock.now < 5.3 and verbs == ["reload step-ca.service"]


def test_what_does_not_come_is_told_with_the_log(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    acting(monkeypatch, lambda _unit, since=0: "last words")

    def serving() -> bytes:
        raise TrustAnchorError("connection refused")

    with pytest.raises(TrustAnchorError) as caught:
        daemon.apply("start", serving)
    assert caught.value.what == "step-ca did not take over its configuration (start)"
    assert caught.value.why == "connection refused. Its log ends: last words"
    assert 20 < clock.now < 20.5


def test_a_refusal_before_the_reload_is_not_this_ones(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 5000.0 + clock.now)
    asked: list[float] = []

    def journal(_unit: str, since: float = 0) -> str:
        asked.append(since)
        return "" if since else "error reloading server: of yesterday"

    acting(monkeypatch, journal)
    daemon.apply("reload", lambda: b"old" if clock.now < 1 else b"new")
    assert set(asked) == {5000.0}
