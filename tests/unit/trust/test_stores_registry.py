# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of a kind of trust store is forgotten: documentation, roles, the agent's sandbox, an example, a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.trustanchor.private_ca.plugins.doc_fragments.trust_stores import ModuleDocFragment
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import File
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import settings, units
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import (
    bundles,
    declaration,
    java,
    registry,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.declaration import StoreDeclaration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.kind import StoreKind
from factories import pki
from factories.collection import CHECKOUT

MADE = pki.root("One")
ONE = Root("", MADE.sha256, pem=MADE.pem)
DOCUMENTED = yaml.safe_load(ModuleDocFragment.STORES)["options"]
every = pytest.mark.parametrize("kind", registry.KINDS, ids=lambda kind: kind.name)
declared = pytest.mark.parametrize("kind", registry.DECLARED, ids=lambda kind: kind.name)


def role(path: str) -> Any:
    return yaml.safe_load((CHECKOUT / "roles" / path).read_text())


def formal(option: Mapping[str, Any], below: str) -> dict[str, Any]:
    """What documentation and argument spec both say of an option."""
    keys = ("type", "elements", "default", "choices", "required")
    found = {key: option[key] for key in keys if key in option}
    if below in option:
        found["options"] = {name: formal(one, below) for name, one in option[below].items()}
    return found


@declared
def test_the_documentation_says_what_the_argument_spec_says(kind: StoreKind) -> None:
    assert formal(DOCUMENTED[kind.option], "suboptions") == formal(kind.spec, "options")
    assert DOCUMENTED[kind.option]["description"]


def test_nothing_is_documented_that_is_not_there() -> None:
    assert set(DOCUMENTED) == set(declaration.SPEC)


def test_the_manifest_is_documented_as_it_is_read() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["manifest"]
    assert formal(documented, "suboptions") == formal(push.SPEC, "options")


@declared
def test_the_role_that_pushes_has_it(kind: StoreKind) -> None:
    variable = f"trust_store_{kind.option}"
    spec = role("trust_store/meta/argument_specs.yml")["argument_specs"]["main"]["options"][variable]
    expected = {key: value for key, value in formal(kind.spec, "options").items() if key != "options"}
    assert formal(spec, "options") == expected
    assert spec["description"]
    assert role("trust_store/defaults/main.yml")[variable] == kind.spec["default"]
    (task,) = role("trust_store/tasks/main.yml")
    assert task["trustanchor.private_ca.trust_bundle"][kind.option] == f"{{{{ {variable} }}}}"
    assert f"`{variable}" in (CHECKOUT / "roles/trust_store/README.md").read_text()


def test_the_task_that_pushes_has_a_limit() -> None:
    (task,) = role("trust_store/tasks/main.yml")
    assert task["timeout"] == "{{ trust_store_timeout }}"
    assert 600 < role("trust_store/defaults/main.yml")["trust_store_timeout"] <= 1800


@declared
def test_the_role_of_the_agent_has_the_same(kind: StoreKind) -> None:
    (task,) = role("trust_agent/tasks/main.yml")
    passed = task["trustanchor.private_ca.trust_agent"][kind.option]
    assert passed == f"{{{{ trust_store_{kind.option} | default(omit) }}}}"


@declared
def test_its_example_can_be_declared_and_opened(kind: StoreKind) -> None:
    assert kind.example
    parsed = declaration.parse({kind.option: list(kind.example)})
    assert parsed.as_dict()[kind.option] == list(kind.example)
    assert kind.open(parsed.declared[kind.option], Cache())


@every
def test_the_agent_may_write_where_its_stores_write(kind: StoreKind) -> None:
    options = {kind.option: list(kind.example)} if kind.option else {}
    parsed = declaration.parse({"discover": False, **options})
    allowed = sandbox(parsed)
    wanted = Wanted((ONE,))
    stores = [*kind.of_host(Cache()), *(kind.open(kind.example, Cache()) if kind.option else ())]
    written = [path for store in stores for path in store.writes(wanted)]
    assert written or not stores or kind is bundles.KIND  # which writes nowhere
    assert [path for path in written if not is_below(path, allowed)] == []


def test_the_agent_may_write_where_java_stores_are_found() -> None:
    assert is_below(java.DEBIAN, sandbox(declaration.parse({"discover": False})))
    found = [pattern.partition("*")[0] for pattern in java.JDKS]
    assert [path for path in found if not is_below(path, list(java.KIND.discovered_writable()))] == []


@pytest.mark.parametrize("name", ["x.default", "x\n[Service]\nExecStartPre=/bin/false\n#", "50%h", "\udcff"])
def test_what_users_make_changes_no_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Who may name a directory would write lines of a unit of root's."""
    account = SimpleNamespace(pw_name="ada", pw_dir=str(tmp_path / "ada"), pw_uid=1000, pw_gid=1000)
    monkeypatch.setattr("pwd.getpwall", lambda: [account])
    before = units.timed(agent_settings(StoreDeclaration()), "hourly", 0).files()
    profile = tmp_path / "ada/.mozilla/firefox" / name
    profile.mkdir(parents=True)
    (profile / "cert9.db").touch()
    assert units.timed(agent_settings(StoreDeclaration()), "hourly", 0).files() == before


def test_the_agent_may_write_where_users_have_their_homes() -> None:
    allowed = sandbox(declaration.parse({}))
    for home in ("/home/ada", "/home/corp/ada", "/root"):
        assert is_below(f"{home}/.pki/nssdb/cert9.db", allowed)
    (unit,) = [
        one for one in units.timed(agent_settings(StoreDeclaration()), "hourly", 0).files() if ".service" in one.path
    ]
    assert isinstance(unit, File)
    assert b"\nProtectHome=no\n" in unit.content


def agent_settings(stores: StoreDeclaration) -> settings.AgentSettings:
    return settings.AgentSettings(("http://pki.corp.example/trust.p7m",), stores)


def sandbox(stores: StoreDeclaration) -> list[str]:
    """ReadWritePaths= of the agent's unit."""
    (unit,) = [
        item for item in units.timed(agent_settings(stores), "hourly", 0).files() if item.path.endswith(".service")
    ]
    (paths,) = re.findall(r"^ReadWritePaths=(.*)$", unit.content.decode(), re.MULTILINE)  # type: ignore[union-attr]
    return [path.removeprefix("-") for path in paths.split()]


def is_below(path: str, directories: list[str]) -> bool:
    return any(f"{path}/".startswith(f"{directory.rstrip('/')}/") for directory in directories)


@every
def test_it_has_a_test(kind: StoreKind) -> None:
    """Some test other than this one imports the file of the kind."""
    module = kind.module.rpartition(".")[2]
    tests = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    assert any(module in imported(path) for path in tests)


def imported(path: Path) -> set[str]:
    """Names that a file imports from the package of the stores, and modules of it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and ".trust.stores" in node.module:
            found |= {node.module.rpartition(".")[2], *(alias.name for alias in node.names)}
    return found


DECLARED = {
    "discover": False,
    "keystores": [{"path": "/etc/kafka/t.p12", "create": "pkcs12"}],
    "nss_databases": [{"path": "/srv/nss", "owner": "ada"}],
    "browsers": ["chrome", "firefox"],
    "environment": ["node"],
    "docker_registries": ["r.corp.example:5000"],
    "containerd_registries": ["r.corp.example"],
    "step_paths": [{"path": "/root/.step"}],
    "files": [{"path": "/etc/nginx/roots.pem", "mode": "0640"}],
}
ALWAYS = [
    *("/etc/ssl/certs", "/usr/local/share/ca-certificates", "/var/lib/ca-certificates-java", "/var/lib/dpkg"),
    *("/etc/trustanchor", "/var/lib/trustanchor", "/etc/profile.d", "/etc/environment.d", "/etc/systemd/system.conf.d"),
]
AS_DECLARED = [
    *("/etc/kafka", "/etc/nginx", "/srv/nss", "/root/.step", "/etc/docker", "/etc/containerd"),
    *("/etc/opt/chrome", "/etc/firefox"),
]


def test_the_sandbox_of_a_converged_host_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same declaration gives the same unit, in the same order: a new version of the collection changes no host."""
    monkeypatch.setattr("pwd.getpwall", list)
    found = ["/usr/lib/jvm", "/opt", "/usr/local", "/home", "/root"]
    assert sandbox(declaration.parse({"discover": False})) == ALWAYS
    assert sandbox(declaration.parse({})) == [*ALWAYS, *found]
    assert sandbox(declaration.parse(DECLARED)) == [*ALWAYS, *AS_DECLARED]
    assert sandbox(declaration.parse({**DECLARED, "discover": True})) == [*ALWAYS, *found, *AS_DECLARED]
