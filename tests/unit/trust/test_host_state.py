# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host keeps of its trust is what it reads again, each part of it; what is none is refused."""

from __future__ import annotations

import json
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import locks
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.state import HostState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from factories import accounts, pki

ONE, TWO = pki.root("One"), pki.root("Two")
ROOTS = [Root("", one.sha256, pem=one.pem, not_before=1000 + number) for number, one in enumerate((ONE, TWO))]
FULL = HostState(
    ever_installed=["aa"],
    manifest={"id": "a", "sequence": 5, "digest": "ab"},
    roots=ROOTS,
    distrusted=["bb"],
    ever_distrusted=["cc"],
    refused_signers=["dd"],
    changed_at=12.5,
    users_changed_at={"1000": 13.5},
    in_vain={"nss": "ee"},
    cache={"/x": {"file": None, "entries": {}}},
    more={"colour": "red"},
    more_of_roots={TWO.sha256: {"label": "two"}},
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the state is kept; its directory is yet to be made."""
    accounts.as_current_user(monkeypatch)
    found = tmp_path / "state/trust.json"
    monkeypatch.setattr(state, "PATH", str(found))
    return found


def test_all_of_it_is_kept(place: Path) -> None:
    assert all(getattr(FULL, one.name) for one in fields(FULL))
    FULL.save()
    assert state.load() == FULL
    assert place.stat().st_mode & 0o7777 == 0o644
    assert place.parent.stat().st_mode & 0o7777 == 0o755


def test_the_names_in_the_file_are_those_of_former_versions(place: Path) -> None:
    FULL.save()
    assert json.loads(place.read_text()) == {
        "version": 1,
        "known": ["aa"],
        "manifest": {"id": "a", "sequence": 5, "digest": "ab"},
        "roots": [
            {"pem": ONE.pem, "not_before": 1000},
            {"pem": TWO.pem, "not_before": 1001, "label": "two"},
        ],
        "absent": ["bb"],
        "ever_absent": ["cc"],
        "refused_signers": ["dd"],
        "changed_at": 12.5,
        "users_changed_at": {"1000": 13.5},
        "in_vain": {"nss": "ee"},
        "cache": {"/x": {"file": None, "entries": {}}},
        "colour": "red",
    }
    assert not {"ever_absent", "refused_signers"} & HostState().as_dict().keys()


def test_a_host_that_was_told_nothing(place: Path) -> None:
    assert state.load() == HostState()
    assert not place.parent.exists()
    place.parent.mkdir()
    place.write_text("{}")
    assert state.load() == HostState()
    assert HostState().changed_at == 0


def test_what_is_kept_already_is_not_written_again(place: Path) -> None:
    FULL.save()
    before = place.stat().st_ino
    FULL.save()
    assert (place.stat().st_ino, [one.name for one in place.parent.iterdir()]) == (before, ["trust.json"])


NO_TEXTS: list[Any] = [{}, "x", [5], None]
NO_MAPPINGS: list[Any] = [[], "x", None]
NO_NUMBERS: list[Any] = [None, "1", True, False, []]
NO_SEQUENCES: list[Any] = [None, True, "5", 5.0]
NO_ROOTS: list[Any] = [5, [5], [{}], [{"pem": ONE.pem}], [{"not_before": 1}], [{"pem": "none", "not_before": 1}]]
BAD: list[tuple[str, Any]] = [
    *((key, bad) for key in ("known", "absent", "ever_absent", "refused_signers") for bad in NO_TEXTS),
    *((key, bad) for key in ("manifest", "users_changed_at", "in_vain", "cache") for bad in NO_MAPPINGS),
    *(("changed_at", bad) for bad in NO_NUMBERS),
    *(("users_changed_at", {"1000": bad}) for bad in NO_NUMBERS),
    ("manifest", {"id": "a"}),
    *(("manifest", {"id": "a", "sequence": bad}) for bad in NO_SEQUENCES),
    *(("roots", bad) for bad in NO_ROOTS),
]


@pytest.mark.parametrize(("key", "bad"), BAD)
def test_what_is_not_what_was_written(place: Path, key: str, bad: Any) -> None:
    """Only who asks for it starts anew; the damaged file stays beside the new one."""
    FULL.save()
    damaged = json.dumps({**json.loads(place.read_text()), key: bad})
    place.write_text(damaged)
    with pytest.raises(TrustAnchorError, match="cannot be read.*it is not what was written"):
        state.load()
    assert state.load(forget=True) == HostState()
    FULL.save()
    assert state.load() == FULL
    (kept,) = place.parent.glob("trust.json.damaged-*")
    assert kept.read_text() == damaged
    assert kept.stat().st_mode & 0o7777 == 0o644


def test_a_later_version_stays(place: Path) -> None:
    place.parent.mkdir()
    place.write_text('{"version": 2}')
    for attempt in (state.load, lambda: state.load(forget=True), FULL.save):
        with pytest.raises(TrustAnchorError, match="later version"):
            attempt()
    assert place.read_text() == '{"version": 2}'


def test_who_was_told_of_no_estate_needs_no_sequence(place: Path) -> None:
    place.parent.mkdir()
    place.write_text('{"manifest": {"sequence": "x"}}')
    assert state.load().manifest == {"sequence": "x"}


@pytest.mark.parametrize(
    ("readers", "everybody", "users"),
    [
        ([], 1.0, {"7": 2.0}),
        ([None], 50.0, {"7": 2.0}),
        ([1000], 1.0, {"7": 2.0, "1000": 50.0}),
        ([0], 1.0, {"7": 2.0, "0": 50.0}),
        ([None, 7], 50.0, {"7": 50.0}),
    ],
)
def test_whose_clock_moves(
    monkeypatch: pytest.MonkeyPatch, readers: list[int | None], everybody: float, users: dict[str, float]
) -> None:
    monkeypatch.setattr(time, "time", lambda: 50.0)
    found = HostState(changed_at=1.0, users_changed_at={"7": 2.0})
    before = found.clocks()
    found.note_change(readers)
    assert found.clocks() == (found.changed_at, found.users_changed_at) == (everybody, users)
    assert before == (1.0, {"7": 2.0})
    found.restore(before)
    assert (found.changed_at, found.users_changed_at) == (1.0, {"7": 2.0})
    found.note_change([8])
    assert before == (1.0, {"7": 2.0})  # a copy, which may be restored again


def test_one_program_at_a_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "LOCK_SECONDS", 0.0)
    with state.locked():
        assert [one.name for one in place.parent.iterdir()] == [".lock"]
        with (
            pytest.raises(TrustAnchorError, match="another program has been changing the trust stores"),
            state.locked(),
        ):
            pass
    with locks.held(place.parent / ".lock", 0):
        pass
