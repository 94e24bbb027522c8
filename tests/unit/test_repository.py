# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the repository that no linter knows."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGINS = CHECKOUT / "plugins"
UTILS = PLUGINS / "module_utils"
PREFIX = "ansible_collections.trustanchor.private_ca.plugins.module_utils."
ROLES = sorted(path.parent.name for path in CHECKOUT.glob("roles/*/meta"))
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("[a-z]*.py"))


def _imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """Yield the absolute names that a file imports; those of module_utils begin with PREFIX."""
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            package = path.relative_to(UTILS).parent.parts if path.is_relative_to(UTILS) else ()
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (PREFIX + ".".join([*base, name]) for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("role", ROLES)
def test_defaults_equal_the_argument_specification(role: str) -> None:
    home = CHECKOUT / "roles" / role
    specs = yaml.safe_load((home / "meta/argument_specs.yml").read_text())["argument_specs"]
    options: dict[str, object] = {}
    for entry in specs.values():
        options |= entry.get("options") or {}
    documented = {name: value["default"] for name, value in options.items() if "default" in value}
    defaults_file = home / "defaults/main.yml"
    defaults = (yaml.safe_load(defaults_file.read_text()) if defaults_file.exists() else None) or {}
    # A template that gives no text is not a value of its option's type: there the description tells the default.
    told = {name for name in set(defaults) & set(options) - set(documented) if "{{" in str(defaults[name])}
    assert {name: value for name, value in defaults.items() if name not in told} == documented


@pytest.mark.parametrize("package", ["x509", "host"])
def test_the_lowest_packages_import_no_other(package: str) -> None:
    allowed = (PREFIX + package, PREFIX + "errors", PREFIX + "schema")
    for path in _files(UTILS / package):
        wrong = [n for n in _imports(path) if n.startswith(PREFIX) and not n.startswith(allowed)]
        assert not wrong, f"{path.relative_to(CHECKOUT)} imports {wrong}"


def test_no_package_but_recovery_and_ceremony_imports_these_two() -> None:
    above = (PREFIX + "recovery", PREFIX + "ceremony")
    for path in _files(UTILS):
        if path.relative_to(UTILS).parts[0] not in ("recovery", "ceremony"):
            wrong = [name for name in _imports(path) if name.startswith(above)]
            assert not wrong, f"{path.relative_to(CHECKOUT)} imports {wrong}"


def test_the_domain_knows_nothing_of_ansible() -> None:
    for path in _files(UTILS):
        if path != UTILS / "edge.py":
            wrong = [name for name in _imports(path) if name.partition(".")[0] == "ansible"]
            assert not wrong, f"{path.relative_to(CHECKOUT)} imports {wrong}"


@pytest.mark.parametrize("module", MODULES)
def test_modules_guard_third_party_imports(module: str) -> None:
    known = {*sys.stdlib_module_names, "ansible", "ansible_collections"}
    names = _imports(PLUGINS / "modules" / f"{module}.py", top_level=True)
    assert not [name for name in names if name.partition(".")[0] not in known]


def test_all_modules_are_in_the_action_group() -> None:
    runtime = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())
    group = {entry for entry in runtime["action_groups"]["pki"] if isinstance(entry, str)}
    assert group == set(MODULES)


def test_a_changelog_fragment_exists() -> None:
    assert list((CHECKOUT / "changelogs").glob("fragments/*.y*ml")) or (CHECKOUT / "changelogs/changelog.yaml").exists()


def test_the_version_is_the_same_everywhere() -> None:
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
    assert f'VERSION = "{galaxy["version"]}"' in (UTILS / "version.py").read_text()
