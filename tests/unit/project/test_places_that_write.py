# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each place that writes files is known, and what it writes is rendered by the one writer or is not configuration."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import timed_program
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import configuration
from factories.collection import CHECKOUT

TESTED = "rendered in test_generated_files.py"
JSON_OR_YAML = "JSON or YAML, by its library"
DATA = "certificates, keys, requests and CRLs, byte by byte"
NOT_OURS = "bytes of others, or of a caller that is in this table"
PLACES = {
    "action/trust_manifest_sign.py": DATA,
    "module_utils/ceremony/exchange.py": NOT_OURS,
    "module_utils/ceremony/outputs.py": DATA,
    "module_utils/ceremony/plan/planning.py": JSON_OR_YAML,
    "module_utils/ceremony/seal.py": DATA,
    "module_utils/ceremony/session/check_mode.py": NOT_OURS,
    "module_utils/ceremony/session/seal_step.py": DATA,
    "module_utils/host/files.py": NOT_OURS,
    "module_utils/host/metrics.py": "escaped there; its own tests",
    "module_utils/host/openssl.py": DATA,
    "module_utils/host/timed_program.py": TESTED,
    "module_utils/journal/lines.py": JSON_OR_YAML,
    "module_utils/publication/nginx.py": TESTED,
    "module_utils/publication/record_state.py": JSON_OR_YAML,
    "module_utils/publication/site.py": TESTED,
    "module_utils/publication/watch.py": JSON_OR_YAML,
    "module_utils/publication/units.py": JSON_OR_YAML,
    "module_utils/service_certificate/lifecycle.py": JSON_OR_YAML,
    "module_utils/service_certificate/store.py": DATA,
    "module_utils/stepca/canary.py": DATA,
    "module_utils/stepca/daemon.py": JSON_OR_YAML,
    "module_utils/stepca/intermediate.py": DATA,
    "module_utils/stepca/service.py": TESTED,
    "module_utils/token/backends/softhsm.py": TESTED,
    "module_utils/trust/agent/units.py": JSON_OR_YAML,
    "module_utils/trust/host/receipt.py": JSON_OR_YAML,
    "module_utils/trust/host/state.py": JSON_OR_YAML,
    "module_utils/trust/manifest/convergence.py": JSON_OR_YAML,
    "module_utils/trust/rollout/report.py": "JSON, and documents that escape what is in them",
    "module_utils/trust/stores/browsers.py": JSON_OR_YAML,
    "module_utils/trust/stores/certificate_files.py": DATA,
    "module_utils/trust/stores/containerd.py": TESTED,
    "module_utils/trust/stores/debian.py": DATA,
    "module_utils/trust/stores/docker.py": DATA,
    "module_utils/trust/stores/environment.py": TESTED,
    "module_utils/trust/stores/java.py": DATA,
    "module_utils/trust/stores/pem_file.py": DATA,
    "module_utils/trust/stores/private_roots.py": DATA,
    "module_utils/trust/stores/step.py": JSON_OR_YAML,
    "plugin_utils/edge.py": NOT_OURS,
    "modules/step_ca_config.py": "JSON, and the template of leaves that is rendered there",
}
_WRITES = {"File", "write_atomically", "replace", "save", "write_text", "write_bytes", "NamedTemporaryFile", "O_WRONLY"}


def _plugins() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((CHECKOUT / "plugins").rglob("*.py")):
        yield str(path.relative_to(CHECKOUT / "plugins")), ast.parse(path.read_text())


def _written_by(tree: ast.Module) -> set[str]:
    """Names of what a file writes files with; `replace` is that of host/files where it was imported from there."""
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("files")
        for alias in node.names
    }
    used = {"O_WRONLY" for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "O_WRONLY"}
    for call in (node.func for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call, ast.Name):
            used.add(call.id if call.id not in ("replace", "save") or call.id in imported else "")
        elif isinstance(call, ast.Attribute):
            of_files = isinstance(call.value, ast.Name) and call.value.id == "files"
            used.add(call.attr if of_files or call.attr not in ("replace", "save") else "")
    return used & _WRITES


def test_each_place_that_writes_files_is_in_the_table() -> None:
    assert {name for name, tree in _plugins() if _written_by(tree)} == set(PLACES)


def test_nothing_but_the_writer_puts_values_into_templates() -> None:
    """`format` knows no quoting, and no refusal; the two others make plain text of a ceremony."""
    found = {
        name
        for name, tree in _plugins()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("format", "format_map", "substitute", "safe_substitute")
    }
    assert found == {"module_utils/ceremony/plan/planning.py", "module_utils/ceremony/report.py"}


def test_each_file_with_a_template_is_known() -> None:
    fillers = {
        name
        for name, tree in _plugins()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and "fill" in [alias.name for alias in node.names]
    }
    assert fillers == {
        "module_utils/host/timed_program.py",
        "module_utils/publication/nginx.py",
        "module_utils/publication/units.py",
        "module_utils/service_certificate/units.py",
        "module_utils/stepca/templates.py",
        "module_utils/stepca/unit.py",
        "module_utils/token/backends/softhsm.py",
        "module_utils/trust/stores/containerd.py",
        "module_utils/trust/stores/environment.py",
    }


def test_our_own_texts_are_made_by_the_writer() -> None:
    assert isinstance(timed_program.MARK, configuration.Rendered)
    assert isinstance(timed_program.SANDBOX, configuration.Rendered)
