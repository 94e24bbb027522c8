# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import generations
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.generations import Generations
from factories.service_host import killed_before


@pytest.fixture
def kept(tmp_path: Path) -> Generations:
    (tmp_path / "generations").mkdir()
    return Generations(str(tmp_path))


def holding(text: str) -> Callable[[str], None]:
    """Writes one file."""

    def fill(directory: str) -> None:
        Path(directory, "file").write_text(text)

    return fill


def content(kept: Generations) -> str:
    return Path(kept.current, "file").read_text()


def numbers(kept: Generations) -> list[str]:
    return sorted(os.listdir(kept.parent))


def test_each_is_a_directory_of_its_own_and_two_are_kept(kept: Generations) -> None:
    for text in ("a", "b", "c"):
        made = kept.add(holding(text))
        assert (content(kept), os.path.realpath(kept.current)) == (text, made)
    assert numbers(kept) == ["0002", "0003"]
    assert os.readlink(kept.current) == "generations/0003"
    assert os.stat(kept.current).st_mode & 0o777 == 0o755


def test_what_does_not_verify_changes_nothing(kept: Generations) -> None:
    kept.add(holding("a"))

    def refuse(directory: str) -> None:
        holding("b")(directory)
        raise TrustAnchorError("it is not good")

    with pytest.raises(TrustAnchorError, match="it is not good"):
        kept.add(refuse)
    assert (content(kept), numbers(kept)) == ("a", ["0001"])


def test_back_to_the_one_before(kept: Generations) -> None:
    assert kept.previous() is None
    with pytest.raises(TrustAnchorError, match="nothing before"):
        kept.rollback()
    kept.add(holding("a"))
    with pytest.raises(TrustAnchorError, match="nothing before"):
        kept.rollback()
    kept.add(holding("b"))
    assert kept.rollback() == f"{kept.parent}/0001"
    assert content(kept) == "a"


def test_what_was_taken_back_is_never_gone_back_to(kept: Generations) -> None:
    kept.add(holding("a"))
    kept.add(holding("bad"))
    kept.rollback()
    kept.add(holding("c"))
    assert numbers(kept) == ["0001", "0003"]  # a number is not used twice
    kept.rollback()
    assert content(kept) == "a"


@pytest.mark.parametrize("target", [None, "generations/0009", "nowhere", "elsewhere"])
def test_a_link_that_was_lost_costs_no_generation(kept: Generations, target: str | None) -> None:
    Path(kept.directory, "elsewhere").mkdir()
    kept.add(holding("a"))
    kept.add(holding("b"))
    os.unlink(kept.current)
    if target:
        os.symlink(target, kept.current)
    kept.add(holding("c"))
    assert (content(kept), numbers(kept)) == ("c", ["0002", "0003"])


def test_what_cannot_be_removed_is_no_fault(kept: Generations) -> None:
    """A killed process leaves what it prepared; whatever else has such a name, the new generation is good."""
    kept.add(holding("a"))
    for name in (".new-directory", "0002"):
        Path(kept.parent, name).mkdir()
    for name in (".new-file", "0003"):
        Path(kept.parent, name).touch()
    kept.add(holding("b"))
    assert content(kept) == "b"
    assert numbers(kept) == [".new-file", "0001", "0003", "0004"]


def test_the_fault_of_who_prepares_is_the_one_that_is_told(kept: Generations) -> None:
    def leave(directory: str) -> None:
        os.rmdir(directory)
        raise TrustAnchorError("it is not good")

    with pytest.raises(TrustAnchorError, match="it is not good"):
        kept.add(leave)


def test_it_outlasts_a_loss_of_power(kept: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generation is on the disk before the link names it, and then the link is."""
    synced: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        generations, "sync_directory", lambda path: synced.append((path, os.path.lexists(kept.current)))
    )
    kept.add(holding("a"))
    assert synced == [(kept.parent, False), (kept.directory, True)]
    kept.add(holding("b"))
    kept.rollback()
    assert [path for path, _linked in synced[2:]] == [kept.parent, kept.directory, kept.directory]


@pytest.mark.parametrize("taken_back", [False, True])
def test_killed_at_any_moment(kept: Generations, taken_back: bool) -> None:
    """The old one or the new one is current, whole; the next run ends well, and going back leads to the old one."""
    kept.add(holding("zero"))
    kept.add(holding("old"))
    if taken_back:
        kept.add(holding("bad"))
        kept.rollback()

    def work() -> None:
        kept.add(holding("new"))

    step = 1
    while killed_before(step, work):
        assert content(kept) in ("old", "new")
        before = content(kept)
        kept.add(holding("next"))
        assert content(kept) == "next"
        assert len(numbers(kept)) == 2
        kept.rollback()
        assert content(kept) == before
        kept.add(holding("old"))
        if taken_back:
            kept.add(holding("bad"))
            kept.rollback()
        step += 1
    assert step > 4
    assert content(kept) == "new"


def test_the_disk_has_a_generation_before_its_name_and_the_link_at_the_end(
    kept: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut leaves is one that is whole."""
    flushed: list[tuple[str, str]] = []

    def flush(path: str) -> None:
        flushed.append((path, os.readlink(kept.current) if os.path.islink(kept.current) else ""))

    monkeypatch.setattr(generations, "sync_directory", flush)
    first, second = "generations/0001", "generations/0002"
    kept.add(holding("a"))
    assert flushed == [(kept.parent, ""), (kept.directory, first)]
    kept.add(holding("b"))
    assert flushed[2:] == [(kept.parent, first), (kept.directory, second)]
    kept.rollback()
    assert flushed[4:] == [(kept.directory, first)]
