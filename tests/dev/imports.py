# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The import graph of plugins/, read from the sources: nothing is executed, and imports inside functions count."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .settings import CHECKOUT

PLUGINS = CHECKOUT / "plugins"
PREFIX = "ansible_collections.trustanchor.private_ca.plugins."


@dataclass(frozen=True)
class Source:
    """A file below plugins/.

    Args:
        name: dotted, below plugins/; of a package that of its directory.
        path: of the file.
        ours: names of files below plugins/ that it imports.
        others: first parts of the names of all else that it imports.
    """

    name: str
    path: Path
    ours: frozenset[str]
    others: frozenset[str]

    @property
    def says_standard_library(self) -> bool:
        """Whether its docstring promises that it runs on any host."""
        text = ast.get_docstring(ast.parse(self.path.read_text())) or ""
        return "standard library only" in " ".join(text.split()).lower()


def sources() -> dict[str, Source]:
    """All files below plugins/ by name."""
    paths = {_name(path): path for path in sorted(PLUGINS.rglob("*.py"))}
    return {name: _source(name, path, paths) for name, path in paths.items()}


def _name(path: Path) -> str:
    parts = path.relative_to(PLUGINS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _source(name: str, path: Path, known: Mapping[str, Path]) -> Source:
    ours, others = set(), set()
    for full in _imported(name, path):
        if not full.startswith(PREFIX):
            others.add(full.partition(".")[0])
            continue
        target = full.removeprefix(PREFIX)
        # The last part is a module, or something in one.
        ours.add(target if target in known else target.rpartition(".")[0])
    return Source(name, path, frozenset(ours - {name}), frozenset(others))


def _imported(name: str, path: Path) -> Iterator[str]:
    """Absolute names of everything that a file imports."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            start = PREFIX + ".".join(base) if node.level else ""
            module = ".".join(filter(None, [start, node.module or ""]))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def cycle(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """Names of which each imports the next one, and the last one is the first; empty where there is no such chain."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def closure(name: str, graph: Mapping[str, frozenset[str]]) -> set[str]:
    """Everything that a file imports, directly or not, and itself."""
    reached, todo = set(), [name]
    while todo:
        one = todo.pop()
        if one not in reached:
            reached.add(one)
            todo += graph.get(one, frozenset())
    return reached
