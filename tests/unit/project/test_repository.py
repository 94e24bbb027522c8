# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the repository that no linter knows."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[3]
PLUGINS = CHECKOUT / "plugins"
UTILS = PLUGINS / "module_utils"
PREFIX = "ansible_collections.trustanchor.private_ca.plugins.module_utils."
ROLES = sorted(path.parent.name for path in CHECKOUT.glob("roles/*/meta"))
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("[a-z]*.py"))
HOST_HALVES = {name for name in MODULES if name.endswith("_host")}


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
    options: dict[str, dict[str, Any]] = {}
    for entry in specs.values():
        options |= entry.get("options") or {}
    documented = {name: value["default"] for name, value in options.items() if "default" in value}
    defaults_file = home / "defaults/main.yml"
    defaults = (yaml.safe_load(defaults_file.read_text()) if defaults_file.exists() else None) or {}
    # A template that gives no text is not a value of its option's type: there the description tells the default.
    told = {name for name in set(defaults) & set(options) - set(documented) if "{{" in str(defaults[name])}
    assert {name: value for name, value in defaults.items() if name not in told} == documented


def test_one_place_runs_the_openssl_program() -> None:
    """Anywhere else it would read the host's configuration, and its text would be read once more."""
    for path in _files(PLUGINS):
        lists = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.List) and node.elts]
        wrong = [
            node.lineno for node in lists if isinstance(node.elts[0], ast.Constant) and node.elts[0].value == "openssl"
        ]
        assert not wrong or path == UTILS / "host/openssl.py", f"{path.relative_to(CHECKOUT)}, lines {wrong}"


@pytest.mark.parametrize("module", MODULES)
def test_modules_guard_third_party_imports(module: str) -> None:
    known = {*sys.stdlib_module_names, "ansible", "ansible_collections"}
    names = _imports(PLUGINS / "modules" / f"{module}.py", top_level=True)
    assert not [name for name in names if name.partition(".")[0] not in known]


def test_all_public_modules_are_in_the_action_group() -> None:
    """Defaults of the group are not for the halves that run on hosts: they get what their action hands to them."""
    runtime = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())
    group = {entry for entry in runtime["action_groups"]["pki"] if isinstance(entry, str)}
    assert group == set(MODULES) - HOST_HALVES


@pytest.mark.parametrize("module", sorted(HOST_HALVES))
def test_a_hosts_half_belongs_to_an_action_and_says_so(module: str) -> None:
    public = module.removesuffix("_host")
    assert public in MODULES
    assert f'"{module}"' in (PLUGINS / "action" / f"{public}.py").read_text()
    documented = (PLUGINS / "modules" / f"{module}.py").read_text()
    assert f'short_description: "Internal: the half of {public} that runs on the ' in documented
    assert "trustanchor.private_ca.attributes.host" in documented


def test_no_module_shows_users_how_its_halves_talk() -> None:
    for path in _files(PLUGINS / "modules"):
        assert "set by the action" not in path.read_text().lower(), path


def test_every_action_stands_on_the_edge() -> None:
    """Options, errors and answers of hosts are read in one way."""
    for path in _files(PLUGINS / "action"):
        text = path.read_text()
        if path.stem.endswith("_host"):
            assert "class ActionModule(edge.HostHalf)" in text, path
            continue
        assert "specification = SPECIFICATION" in text, path
        assert "_execute_module" not in text, path
        assert '"failed": True' not in text, path


def test_no_task_calls_a_hosts_half() -> None:
    for folder in ("roles", "playbooks", "molecule"):
        for path in (CHECKOUT / folder).rglob("*.yml"):
            assert not [half for half in HOST_HALVES if f"trustanchor.private_ca.{half}:" in path.read_text()], path


def test_a_changelog_fragment_exists() -> None:
    assert list((CHECKOUT / "changelogs").glob("fragments/*.y*ml")) or (CHECKOUT / "changelogs/changelog.yaml").exists()


def test_the_version_is_the_same_everywhere() -> None:
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
    assert f'VERSION = "{galaxy["version"]}"' in (UTILS / "version.py").read_text()
