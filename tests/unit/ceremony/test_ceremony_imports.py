# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What imports what within the domain of ceremonies, wherever in a file the import stands."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from factories.collection import CHECKOUT

DOMAIN = CHECKOUT / "plugins/module_utils"
FILES = sorted((DOMAIN / "ceremony").rglob("*.py"))


def module(path: Path) -> Path | None:
    """The file of a module, given its path without ending."""
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


@cache
def imported(path: Path) -> frozenset[Path]:
    """Files of the domain that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [module(base / one.name) for one in node.names] if base.is_dir() else [module(base)]
            found |= {one for one in names if one is not None}
    return frozenset(found)


@cache
def closure(path: Path) -> frozenset[Path]:
    """Files that come along when a file is imported, itself included."""
    found, waiting = {path}, [path]
    while waiting:
        new = imported(waiting.pop()) - found
        found |= new
        waiting += new
    return frozenset(found)


def test_there_are_imports() -> None:
    assert DOMAIN / "ceremony/acts/registry.py" in imported(DOMAIN / "ceremony/exchange.py")
    assert DOMAIN / "ceremony/acts/root.py" in imported(DOMAIN / "ceremony/acts/registry.py")


def test_no_cycle() -> None:
    list(TopologicalSorter({path: imported(path) for path in FILES}).static_order())


@pytest.mark.parametrize("name", ["verification.py", "history.py"])
def test_verification_takes_nothing_from_the_run_of_a_ceremony(name: str) -> None:
    """What it knows is in the public record."""
    along = {str(path.relative_to(DOMAIN)) for path in closure(DOMAIN / "ceremony/verify" / name)}
    assert not [path for path in along if path.startswith("ceremony/session/")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DOMAIN)))
def test_only_the_registry_knows_all_kinds_of_act(path: Path) -> None:
    """Whoever carries acts out knows their protocols."""
    kinds = {"inspect.py", "root.py", "intermediate.py", "cross.py", "manifest_signer.py", "crl.py"}
    known = {one.name for one in imported(path) if one.parent == DOMAIN / "ceremony/acts" and one.name in kinds}
    assert len(known) <= 1 or path.name == "registry.py"
