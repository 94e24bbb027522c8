# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ignore files of ansible-test sanity.

Its import test has no third-party libraries for controller plugins and module_utils. The files that need such
a library, directly or through another file, are listed for every Python that the ansible-core release tests.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

from .console import say
from .settings import CHECKOUT, TESTS

PYTHONS = {
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.11", "3.12", "3.13", "3.14"),
    "2.21": ("3.11", "3.12", "3.13", "3.14"),
}
COLLECTION = "ansible_collections.trustanchor.private_ca."
FOLDERS = ("action", "filter", "lookup", "module_utils")
FIXED = (
    # Programs that a timer starts: their output goes to the journal.
    "plugins/module_utils/publication/program.py pylint:ansible-bad-function",
    "plugins/module_utils/service_certificate/program.py pylint:ansible-bad-function",
    "plugins/module_utils/trust/agent/program.py pylint:ansible-bad-function",
)


def _names(path: Path) -> list[str]:
    """Return the absolute names that a file imports at its top level, unguarded."""
    package = path.relative_to(CHECKOUT).parent.parts
    names: list[str] = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            prefix = COLLECTION + ".".join(base) + "." if node.level else ""
            module = (prefix + (node.module or "")).rstrip(".")
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return names


@cache
def _needs_library(path: Path) -> bool:
    """Return whether the file, or one that it imports, needs a third-party library."""
    standard = {*sys.stdlib_module_names, "ansible"}
    for name in _names(path):
        if name.startswith(COLLECTION):
            target = CHECKOUT / name.removeprefix(COLLECTION).replace(".", "/")
            if target.with_suffix(".py").is_file() and _needs_library(target.with_suffix(".py")):
                return True
        elif name.partition(".")[0] not in {*standard, "ansible_collections"}:
            return True
    return False


def expected(release: str) -> str:
    """Return the text of the ignore file for an ansible-core release."""
    files = [path for folder in FOLDERS for path in (CHECKOUT / "plugins" / folder).rglob("*.py")]
    lines = [
        f"{path.relative_to(CHECKOUT)} import-{python}!skip"
        for path in files
        if _needs_library(path)
        for python in PYTHONS[release]
    ]
    return "".join(f"{line}\n" for line in sorted([*lines, *FIXED]))


def main(arguments: list[str]) -> int:
    """./dev ignores [--check]: write the ignore files, or say whether they are up to date."""
    stale = False
    for release in PYTHONS:
        path = TESTS / "sanity" / f"ignore-{release}.txt"
        text = expected(release)
        if not path.exists() or path.read_text() != text:
            stale = True
            if "--check" not in arguments:
                path.write_text(text)
                say(f"wrote {path.relative_to(CHECKOUT)}")
    if stale and "--check" in arguments:
        print("tests/sanity/ignore-*.txt are out of date: run ./dev ignores")
    return int(stale and "--check" in arguments)
