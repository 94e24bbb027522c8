# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on the day: it is reported in plain words, and the next run finishes what was begun."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from lab import estate, hosts, leaks
from lab.play import STATE, kill_when, play
from scene import CEREMONY, FULL, HOST, PLAN, SMALL, Scene

SEARCHED = {HOST: ["/", "/dev/shm"], "localhost": [str(STATE), *leaks.PASSING_HERE]}


@pytest.fixture
def question() -> leaks.Question:
    """The PIN, and a marker that must be found."""
    planted = leaks.Planted()
    planted.plant(HOST)
    needles = {"pin": leaks.forms(estate.secret("pin")), "planted": [planted.marker.encode().hex()]}
    yield leaks.Question({"needles": needles, "keys": {"planted key": leaks.spki(planted.key.public_key())}})
    planted.remove(HOST)


def test_killed_it_is_finished_by_the_next_run_and_the_pin_is_nowhere(question: leaks.Question, tmp_path: Path) -> None:
    scene = Scene(tmp_path / "pki", "killed", FULL)
    scene.plan()
    watched = {HOST: leaks.PASSING, "localhost": leaks.PASSING_HERE}
    running = {host: question.start(host, paths=paths, watch=True) for host, paths in watched.items()}
    try:
        kill_when(lambda: "signed" in scene.events(), CEREMONY, limit=HOST, variables=scene.variables)
        finished = scene.hold()
    finally:
        seen = {host: hosts.answer(program) for host, program in running.items()}
    assert finished.rc == 0, finished.output
    assert scene.events().count("signed") == 7
    scene.verify()
    assert scene.hold().changed == 0
    assert {host: leaks.leaks(one["found"]) for host, one in seen.items()} == {HOST: [], "localhost": []}
    assert leaks.kinds(seen[HOST]["found"]) >= {"argument", "environment"}
    left = leaks.search(question, SEARCHED)
    assert {host: leaks.leaks(found) for host, found in left.items()} == {HOST: [], "localhost": []}
    assert leaks.kinds(left[HOST]) == {"file", "argument", "environment", "open file", "journal"}


def test_a_full_disk_is_told_before_anything_is_signed(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "pki", "full", SMALL)
    scene.plan()
    mount = f"mkdir -p {scene.directory} && mount -t tmpfs -o size=4m,mode=700 tmpfs {scene.directory}"
    hosts.run(HOST, mount)
    try:
        stopped = scene.hold()
        assert stopped.rc != 0
        assert "8 MiB are wanted before anything is signed" in stopped.failure(HOST)
        assert scene.events() == []
        hosts.run(HOST, f"mount -o remount,size=64m {scene.directory}")
        done = scene.hold()
        assert done.rc == 0, done.output
        scene.verify()
    finally:
        hosts.run(HOST, f"umount {scene.directory}")


def test_no_ceremony_outside_of_the_window(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "pki", "window", SMALL)
    scene.plan()
    plan = yaml.safe_load(scene.plan_file.read_text())
    plan["window"] = {"start": "2026-01-01T06:00:00Z", "end": "2026-01-02T06:00:00Z"}
    scene.plan_file.write_text(yaml.safe_dump(plan))
    stopped = scene.hold()
    assert stopped.rc != 0
    assert "the clock of this machine says" in stopped.failure(HOST)
    assert "the plan is for 2026-01-01T06:00:00Z" in stopped.failure(HOST)
    assert scene.events() == []


def test_no_ceremony_with_another_plan_than_was_confirmed(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "pki", "confirmed", SMALL)
    scene.plan()
    stopped = scene.hold(root_ceremony_confirmed_plan="00" * 32)
    assert stopped.rc != 0
    assert f"the confirmed plan has the SHA-256 {'00' * 32}" in stopped.failure(HOST)
    assert scene.events() == []


def test_check_mode_announces_a_plan_and_writes_none(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "pki", "checked", SMALL)
    announced = play(PLAN, limit=HOST, check=True, variables=scene.variables)
    assert announced.rc == 0, announced.output
    assert announced.changed == 1
    assert not scene.ceremony_directory.exists()
