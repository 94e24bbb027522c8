# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of the collection need a third-party library when they are imported.

ansible-test's import test knows no third-party library: it is for the files that do without. What the others import is
tested by importing them here, with the packages of requirements.txt.
"""

from __future__ import annotations

import ast
import importlib
import sys
import traceback
import warnings
from functools import cache
from pathlib import Path

from .settings import CHECKOUT, collections_path

COLLECTION = "ansible_collections.trustanchor.private_ca."
# The distribution's, on machines with YubiKeys only.
OPTIONAL = {"smartcard", "ykman", "yubikit"}
FOLDERS = ("action", "doc_fragments", "filter", "lookup", "modules", "module_utils", "plugin_utils")


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


def _file(name: str) -> Path | None:
    """Return the collection's file of an absolute name: a module, or a package's own."""
    target = CHECKOUT / name.removeprefix(COLLECTION).replace(".", "/")
    return next((path for path in (target.with_suffix(".py"), target / "__init__.py") if path.is_file()), None)


@cache
def _needs_library(path: Path) -> bool:
    """Return whether the file, or one that it imports, needs a third-party library."""
    standard = {*sys.stdlib_module_names, "ansible", "ansible_collections"}
    for name in _names(path):
        target = _file(name) if name.startswith(COLLECTION) else None
        if target and target != path and _needs_library(target):
            return True
        if name.partition(".")[0] not in standard:
            return True
    return False


def files(*, with_libraries: bool) -> list[str]:
    """Return the plugin files that need a third-party library, or those that do not, as paths in the checkout."""
    found = [path for folder in FOLDERS for path in (CHECKOUT / "plugins" / folder).rglob("*.py")]
    return sorted(str(path.relative_to(CHECKOUT)) for path in found if _needs_library(path) == with_libraries)


def main() -> int:
    """Import each file that needs a library, print what went wrong, and return 1 when something did."""
    sys.path.insert(0, str(collections_path()))
    failed = 0
    for name in files(with_libraries=True):
        if name.startswith("plugins/modules/"):
            failed += 1
            print(f"{name}: a module is imported on hosts that have no third-party library; import it where it is used")
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                importlib.import_module(COLLECTION + name.removesuffix(".py").replace("/", "."))
        except (Exception, SystemExit) as problem:  # noqa: BLE001  (whatever it is, the file is not importable)
            if isinstance(problem, ModuleNotFoundError) and (problem.name or "").partition(".")[0] in OPTIONAL:
                continue
            failed += 1
            print(f"{name}: {traceback.format_exc(limit=-1)}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
