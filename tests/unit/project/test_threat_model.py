# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each test that the threat model names exists, and each section says what is not stopped."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
TEXT = (CHECKOUT / "docs/threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+/test_\w+\.py)(?:::(\w+))?`", TEXT)))
ATTACKERS = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]


@cache
def functions_of(path: Path) -> set[str]:
    """The functions of a file."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_shows_it_exists(file: str, name: str) -> None:
    path = CHECKOUT / (file if file.startswith("molecule/") else f"tests/unit/{file}")
    assert path.is_file()
    assert not name or name in functions_of(path)


def test_every_name_of_a_test_has_the_form_that_is_checked() -> None:
    assert TEXT.count("test_") == sum(file.count("test_") + name.count("test_") for file, name in _mentions())


def _mentions() -> list[tuple[str, str]]:
    return re.findall(r"`([\w/]+/test_\w+\.py)(?:::(\w+))?`", TEXT)


@pytest.mark.parametrize("section", ATTACKERS, ids=lambda section: section.splitlines()[0])
def test_each_section_says_what_is_not_stopped(section: str) -> None:
    assert "**Not stopped.**" in section
    assert "`test_" in section or "::test_" in section
