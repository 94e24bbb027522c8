# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dependencies point one way, no file imports itself by a detour, and what runs on any host needs nothing there."""

from __future__ import annotations

import sys

import pytest
from dev.imports import Source, closure, cycle, sources

SOURCES = sources()
GRAPH = {name: source.ours for name, source in SOURCES.items()}
UTILS = "module_utils."
# Package below module_utils to the packages that it may import, next to itself and the single files at the top.
MAY_IMPORT = {
    "text": [],
    "host": ["text"],
    "journal": ["text", "host"],
    "x509": ["text"],
    "token": ["text", "host", "x509"],
    "stepca": ["text", "host", "x509"],
    "service_certificate": ["text", "host", "stepca", "x509"],
    "trust": ["text", "host", "journal", "service_certificate", "x509"],
    "publication": ["text", "host", "trust", "x509"],
    "proof": ["text", "host", "trust"],
    "ceremony": ["text", "host", "journal", "x509", "token", "trust"],
}
# Run on the machine where the certificates are, whatever it is: no library of ours is there.
HOST_MODULES = (
    "publication_host",
    "service_certificate_host",
    "step_ca_preflight_host",
    "tls_handshake_info",
    "trust_agent",
    "trust_bundle",
    "trust_bundle_info",
)


def _package(name: str) -> str:
    """Package below module_utils; empty for a file at its top."""
    parts = name.removeprefix(UTILS).split(".")
    return parts[0] if len(parts) > 1 or SOURCES[name].path.name == "__init__.py" else ""


def test_nothing_imports_itself_by_a_detour() -> None:
    assert cycle(GRAPH) == []


def test_each_package_is_in_the_table() -> None:
    found = {_package(name) for name in SOURCES if name.startswith(UTILS)} - {"", "module_utils"}
    assert found == set(MAY_IMPORT)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_dependencies_point_one_way(package: str) -> None:
    allowed = {"", package, *MAY_IMPORT[package]}
    wrong = [
        f"{source.name} imports {target}"
        for source in SOURCES.values()
        if source.name.startswith(UTILS) and _package(source.name) == package
        for target in sorted(source.ours)
        if not target.startswith(UTILS) or _package(target) not in allowed
    ]
    assert not wrong


PLUGINS_MAY_IMPORT = {
    "modules": ["module_utils"],
    "action": ["module_utils", "plugin_utils", "modules"],  # the specification of the module whose half it is
    "lookup": ["module_utils"],
    "filter": ["module_utils"],
    "plugin_utils": ["module_utils", "plugin_utils"],
    "doc_fragments": [],
}


@pytest.mark.parametrize("kind", sorted(PLUGINS_MAY_IMPORT))
def test_plugins_import_the_domain_and_what_actions_share(kind: str) -> None:
    wrong = [
        f"{source.name} imports {target}"
        for source in SOURCES.values()
        if source.name.startswith(f"{kind}.")
        for target in sorted(source.ours)
        if target.partition(".")[0] not in PLUGINS_MAY_IMPORT[kind]
    ]
    assert not wrong


def test_the_domain_knows_nothing_of_ansible() -> None:
    wrong = [name for name, source in SOURCES.items() if name.startswith(UTILS) and "ansible" in source.others]
    assert wrong == ["module_utils.edge"]


def _needs(source: Source) -> set[str]:
    return set(source.others) - set(sys.stdlib_module_names) - {"__future__"}


def test_what_says_standard_library_only_needs_nothing_else() -> None:
    wrong = {
        name: {one: sorted(needs) for one in sorted(closure(name, GRAPH)) if (needs := _needs(SOURCES[one]))}
        for name, source in SOURCES.items()
        if source.says_standard_library
    }
    assert {name: what for name, what in wrong.items() if what} == {}


@pytest.mark.parametrize("module", HOST_MODULES)
def test_a_module_for_any_host_needs_the_standard_library_only(module: str) -> None:
    reached = closure(f"modules.{module}", GRAPH)
    wrong = {one: sorted(needs) for one in sorted(reached) if (needs := _needs(SOURCES[one]) - {"ansible"})}
    assert wrong == {}


def test_a_detour_is_found() -> None:
    graph = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a"}), "d": frozenset({"a"})}
    assert set(cycle(graph)) == {"a", "b", "c"}
