# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides say to do when something bad happens is done by a scenario, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import guides

CHECKOUT = Path(__file__).resolve().parents[3]
PLAYBOOKS = {f"trustanchor.private_ca.{path.stem}" for path in (CHECKOUT / "playbooks").glob("*.yml")}
# Sections that no scenario takes its commands from, each with the reason.
ELSEWHERE = {
    ("install.md", "When something stops it"): "a table of messages; bad_input provokes them",
    (
        "rollout.md",
        "When something goes wrong",
    ): "no command but the rollout itself again; rollout kills and repeats it",
}
GUIDES = sorted(path.name for path in guides.GUIDES.glob("*.md"))
WHEN = [
    (guide, heading) for guide in GUIDES for heading in guides.headings(guide) if heading.lower().startswith("when ")
]


@pytest.mark.parametrize(("guide", "heading"), WHEN)
def test_a_bad_day_is_a_scenarios(guide: str, heading: str) -> None:
    scenarios = "".join(path.read_text() for path in CHECKOUT.glob("molecule/*/tests/*.py"))
    followed = f'("{guide}", "{heading}"' in scenarios
    assert followed != ((guide, heading) in ELSEWHERE)


def test_there_are_bad_days() -> None:
    assert ("bad-days.md", "When a root is stolen") in WHEN
    assert set(ELSEWHERE) <= set(WHEN)


@pytest.mark.parametrize("guide", GUIDES)
def test_no_bad_day_hides_in_a_paragraph(guide: str) -> None:
    """A procedure has a heading, where it is found and followed."""
    assert not re.findall(
        r"^\**When (?:a|the) [^.]*(?:stolen|lost|dead)\*\*", (guides.GUIDES / guide).read_text(), re.MULTILINE
    )


@pytest.mark.parametrize("guide", GUIDES)
def test_the_playbooks_of_a_guide_exist(guide: str) -> None:
    named = re.findall(r"ansible-playbook (trustanchor\.private_ca\.\w+)", (guides.GUIDES / guide).read_text())
    assert set(named) <= PLAYBOOKS


@pytest.mark.parametrize(("guide", "heading"), [one for one in WHEN if one not in ELSEWHERE])
def test_a_procedure_is_commands_and_files(guide: str, heading: str) -> None:
    """What the extractor does not understand would be passed over."""
    for block in guides.procedure(guide, heading):
        assert bool(block.commands) != bool(block.file), block
        for command in block.commands:
            assert command[0] == "ansible-playbook"
            assert command[1] in PLAYBOOKS


def test_nobody_is_told_to_edit_the_manifest() -> None:
    """The sequence would stay as it is, and every host would refuse what it says."""
    for path in [*guides.GUIDES.glob("*.md"), *CHECKOUT.glob("roles/*/README.md"), CHECKOUT / "README.md"]:
        text = " ".join(path.read_text().split())
        assert not re.search(r"(?<!Never )edit `(pki/)?trust\.yml`|raise `sequence`|`distrusted` in `pki/", text), path
