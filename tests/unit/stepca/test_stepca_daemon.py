# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import daemon, settings, unit
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from factories import accounts
from hypothesis import given
from hypothesis import strategies as st

RUNNING = systemd.Unit(True, True, True, False, main_pid=100, started_at=1000.0)
STOPPED = systemd.Unit(True, False, True, False, main_pid=0, started_at=0.0)
LOADED = daemon.LoadedState(100, 1000.0, "restart", "reload")
CONFIG: dict[str, Any] = {"address": ":443", "db": {"type": "badgerv2"}, "dnsNames": ["ca"]}


@pytest.mark.parametrize(
    ("state", "loaded", "restart", "reload", "newest", "expected"),
    [
        (STOPPED, None, "restart", "reload", 0.0, "start"),
        (STOPPED, LOADED, "restart", "reload", 0.0, "start"),
        (RUNNING, LOADED, "restart", "reload", 999.0, "none"),
        (RUNNING, LOADED, "restart", "reload", 2000.0, "none"),
        (RUNNING, LOADED, "restart", "other", 2000.0, "reload"),
        (RUNNING, LOADED, "other", "reload", 2000.0, "restart"),
        (RUNNING, LOADED, "other", "other", 2000.0, "restart"),
        (RUNNING, None, "restart", "reload", 999.0, "none"),
        (RUNNING, None, "restart", "reload", 1001.0, "restart"),
        (RUNNING, None, "restart", "reload", 1000.0, "restart"),
        (RUNNING, daemon.LoadedState(99, 1000.0, "restart", "reload"), "restart", "reload", 1001.0, "restart"),
        (RUNNING, daemon.LoadedState(99, 1000.0, "restart", "reload"), "other", "other", 999.0, "none"),
        (RUNNING, daemon.LoadedState(100, 900.0, "restart", "reload"), "restart", "reload", 1001.0, "restart"),
    ],
)
def test_decisions(
    state: systemd.Unit, loaded: daemon.LoadedState | None, restart: str, reload: str, newest: float, expected: str
) -> None:
    assert daemon.plan(state, loaded, restart, reload, newest) == expected


digest = st.sampled_from(["a", "b", "c"])


@given(digest, digest, digest, digest, st.floats(0, 5000))
def test_a_difference_is_never_passed_over(was: str, now: str, was_reload: str, now_reload: str, newest: float) -> None:
    loaded = daemon.LoadedState(RUNNING.main_pid, RUNNING.started_at, was, was_reload)
    action = daemon.plan(RUNNING, loaded, now, now_reload, newest)
    assert (action == "none") == ((was, was_reload) == (now, now_reload))
    assert (action == "restart") == (was != now)


@given(st.booleans(), st.integers(1, 3), st.integers(1, 3), digest, st.floats(0, 5))
def test_an_unknown_process_keeps_running_only_when_it_is_younger_than_its_files(
    known: bool, pid: int, started_at: int, restart: str, newest: float
) -> None:
    loaded = daemon.LoadedState(99, started_at, restart, "x") if known else None
    state = systemd.Unit(True, True, True, False, pid, float(started_at))
    assert daemon.plan(state, loaded, "a", "x", newest) == ("none" if newest < started_at else "restart")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A CA host below a temporary directory."""
    found = Layout(base=str(tmp_path / "step-ca"))
    for path in (unit.PATH, unit.PROGRAM):
        moved = tmp_path / path.lstrip("/")
        monkeypatch.setattr(unit, "PATH" if path == unit.PATH else "PROGRAM", str(moved))
    files = [unit.PATH, unit.PROGRAM, found.password, found.config, found.root, found.certificate, found.key]
    for path in [*files, found.leaf_template]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"content of {Path(path).name}")
    return found


def changed(layout: Layout, path: str) -> tuple[bool, bool]:
    """Whether (restart, reload) differ after one more byte in a file."""
    before = daemon.digests(CONFIG, layout)
    with Path(path).open("a") as handle:
        handle.write("x")
    after = daemon.digests(CONFIG, layout)
    return before[0] != after[0], before[1] != after[1]


def test_digests_are_stable(layout: Layout) -> None:
    assert daemon.digests(CONFIG, layout) == daemon.digests(dict(reversed(CONFIG.items())), layout)


@pytest.mark.parametrize("name", ["config", "root", "certificate", "key", "leaf_template"])
def test_what_a_reload_reads(layout: Layout, name: str) -> None:
    assert changed(layout, getattr(layout, name)) == (False, True)


def test_what_only_a_start_reads(layout: Layout) -> None:
    assert changed(layout, layout.password) == (True, False)
    assert changed(layout, unit.PATH) == (True, False)
    assert changed(layout, unit.PROGRAM) == (True, False)


def test_a_new_template_needs_a_reload(layout: Layout) -> None:
    before = daemon.digests(CONFIG, layout)
    Path(layout.base, "templates", "more.tpl").write_text("{}")
    after = daemon.digests(CONFIG, layout)
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


@pytest.mark.parametrize("key", settings.read_at_start({}))
def test_a_changed_listener_or_database_needs_a_restart(layout: Layout, key: str) -> None:
    before = daemon.digests(CONFIG, layout)
    assert daemon.digests({**CONFIG, key: "other"}, layout)[0] != before[0]


def test_other_keys_need_no_restart(layout: Layout) -> None:
    before = daemon.digests(CONFIG, layout)
    assert daemon.digests({**CONFIG, "dnsNames": ["other"]}, layout)[0] == before[0]


def test_a_missing_file_is_a_difference_and_no_fault(layout: Layout) -> None:
    before = daemon.digests(CONFIG, layout)
    for path in (layout.certificate, unit.PROGRAM):
        Path(path).unlink()
    after = daemon.digests(CONFIG, layout)
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_content_that_moves_from_one_file_to_the_next_is_a_difference(layout: Layout) -> None:
    Path(layout.root).write_text("ab")
    Path(layout.certificate).write_text("c")
    before = daemon.digests(CONFIG, layout)
    Path(layout.root).write_text("a")
    Path(layout.certificate).write_text("bc")
    assert daemon.digests(CONFIG, layout) != before


def test_the_newest_change_is_that_of_the_youngest_file(layout: Layout) -> None:
    Path(layout.leaf_template).write_text("new")
    assert daemon.newest_change(layout) == Path(layout.leaf_template).stat().st_ctime
    os.utime(layout.config, (1, 1))  # a date in the past is itself a change
    assert daemon.newest_change(layout) == Path(layout.config).stat().st_ctime


def test_a_virgin_host_has_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "PATH", str(tmp_path / "unit"))
    monkeypatch.setattr(unit, "PROGRAM", str(tmp_path / "program"))
    assert daemon.newest_change(Layout(base=str(tmp_path / "none"))) == 0.0


def test_the_loaded_state_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "LOADED_STATE", str(tmp_path / "run" / "step-ca.json"))
    monkeypatch.setattr(systemd, "show", lambda _unit: RUNNING)
    accounts.as_current_user(monkeypatch)
    assert daemon.loaded_state() is None
    daemon.remember("restart", "reload")
    assert daemon.loaded_state() == LOADED


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "null", '"text"', '{"pid": 1}', '{"other": 1}', "\xff"])
def test_a_damaged_loaded_state_is_none(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "step-ca.json"
    damaged.write_bytes(content.encode("latin-1"))
    monkeypatch.setattr(daemon, "LOADED_STATE", str(damaged))
    assert daemon.loaded_state() is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"insecureAddress": ":80"}, {"insecureAddress": ":80", "crl": {"enabled": True}}),
        ({"insecureAddress": ":80", "crl": {"enabled": True}}, {"insecureAddress": ":80"}),
        ({"insecureAddress": ":80"}, {"insecureAddress": ":80", "authority": {"provisioners": [{"type": "SCEP"}]}}),
    ],
)
def test_the_plain_listener_comes_and_goes_by_a_restart(
    before: dict[str, Any], after: dict[str, Any], tmp_path: Path
) -> None:
    layout = Layout(base=str(tmp_path))
    assert daemon.digests(before, layout)[0] != daemon.digests(after, layout)[0]


def test_a_template_outside_of_the_directory_counts(tmp_path: Path) -> None:
    template = tmp_path / "my.tpl"
    provisioner = {"type": "JWK", "options": {"x509": {"templateFile": str(template)}}}
    found = {"authority": {"provisioners": [provisioner]}}
    layout = Layout(base=str(tmp_path / "base"))
    template.write_text("one")
    before = daemon.digests(found, layout)
    template.write_text("two")
    assert daemon.digests(found, layout)[1] != before[1]


class Daemon:
    """systemd and step-ca at the process edge: a reload that is accepted makes a new server certificate."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, accepts: bool = True) -> None:
        self.verbs: list[str] = []
        self.certificate = b"first"
        self.accepts = accepts
        monkeypatch.setattr(systemd, "act", self.act)
        self.log = "error: no such provisioner"
        monkeypatch.setattr(systemd, "journal", lambda _unit, since=0: self.log)

    def act(self, verb: str, _unit: str) -> None:
        self.verbs.append(verb)
        if self.accepts and verb != "reset-failed":
            self.certificate = b"second"


@pytest.mark.parametrize(
    ("action", "verbs"),
    [
        ("none", []),
        ("reload", ["reload"]),
        ("restart", ["reset-failed", "restart"]),
        ("start", ["reset-failed", "restart"]),
    ],
)
def test_actions(action: str, verbs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    running = Daemon(monkeypatch)
    daemon.apply(action, lambda: running.certificate)
    assert running.verbs == verbs


def test_a_reload_that_was_refused_is_told_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Daemon(monkeypatch, accepts=False)
    moments = iter(range(0, 1000, 15))
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with pytest.raises(TrustAnchorError, match=r"did not take over its configuration \(reload\).*no such provisioner"):
        daemon.apply("reload", lambda: running.certificate)


def test_a_refusal_in_the_log_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Daemon(monkeypatch, accepts=False)
    running.log = "error reloading server: claims: MaxCertDuration cannot be less than DefaultCertDuration"
    with pytest.raises(TrustAnchorError, match=r"\(reload\). it refused the new one.*MaxCertDuration cannot be less"):
        daemon.apply("reload", lambda: running.certificate)


def test_the_last_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 1000, 15))
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))

    def refused() -> bool:
        raise TrustAnchorError("connection refused")

    with pytest.raises(TrustAnchorError, match="it never came. connection refused"):
        daemon.wait_until(refused, 20, "it never came")


def test_the_loaded_state_is_plain_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "LOADED_STATE", str(tmp_path / "step-ca.json"))
    monkeypatch.setattr(systemd, "show", lambda _unit: RUNNING)
    accounts.as_current_user(monkeypatch)
    daemon.remember("a", "b")
    found = json.loads((tmp_path / "step-ca.json").read_text())
    assert found == {"pid": 100, "started_at": 1000.0, "restart": "a", "reload": "b", "version": 1}
