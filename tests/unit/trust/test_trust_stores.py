# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores that are files of ours alone, and the declaration of all stores."""

from __future__ import annotations

import json
import os
import ssl
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import (
    browsers,
    containerd,
    declaration,
    docker,
    environment,
    java,
    managed,
    pem_file,
    private_roots,
    step,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from factories import accounts, pki
from hypothesis import given
from hypothesis import strategies as st

ONE, TWO = (Root("", made.sha256, pem=made.pem) for made in (pki.root("One"), pki.root("Two")))
FIRST, BOTH, SECOND = Wanted((ONE,)), Wanted((TWO, ONE)), Wanted((TWO,))


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)


def converge(store: managed.ManagedFiles, wanted: Wanted) -> None:
    """Converge what is wrong; the second look finds nothing."""
    assert [one.state for one in store.find(wanted)] == ["wrong"]
    store.converge(wanted)
    assert [one.state for one in store.find(wanted)] == ["ok"]


def test_a_file_for_a_service(tmp_path: Path) -> None:
    path = tmp_path / "roots.pem"
    store = pem_file.store(str(path), mode=0o640)
    converge(store, BOTH)
    assert path.read_text() == "".join(root.pem for root in sorted((ONE, TWO), key=lambda root: root.sha256))
    assert path.stat().st_mode & 0o777 == 0o640
    (found,) = store.find(FIRST)
    assert (found.missing, found.unwanted) == ((), (TWO.sha256,))
    converge(store, FIRST)
    path.write_text(TWO.pem + ONE.pem.replace("\n", "\r\n"))  # by hand
    assert store.find(FIRST)[0].unwanted == (TWO.sha256,)


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    store = pem_file.store(str(tmp_path / "nowhere/roots.pem"))
    assert store.find(FIRST)[0].missing == (ONE.sha256,)
    with pytest.raises(TrustAnchorError, match="cannot write .*nowhere/roots.pem. No such file or directory"):
        store.converge(FIRST)


def test_our_roots_alone(tmp_path: Path) -> None:
    converge(private_roots.store(str(tmp_path / "etc/roots.pem")), BOTH)


def test_docker(tmp_path: Path) -> None:
    store = docker.store("registry.corp.example:5000", str(tmp_path / "certs.d"))
    converge(store, BOTH)
    directory = tmp_path / "certs.d/registry.corp.example:5000"
    (directory / "client.cert").write_text("of the operator")
    assert store.find(FIRST)[0].unwanted == (TWO.sha256,)
    converge(store, FIRST)
    assert sorted(os.listdir(directory)) == ["client.cert", f"trustanchor-{ONE.sha256[:32]}.crt"]


def test_containerd(tmp_path: Path) -> None:
    converge(containerd.store("registry.corp.example", "/etc/roots.pem", str(tmp_path / "certs.d")), BOTH)
    text = (tmp_path / "certs.d/registry.corp.example/hosts.toml").read_text()
    host = "https://registry.corp.example"
    assert tomllib.loads(text) == {"server": host, "host": {host: {"ca": "/etc/roots.pem"}}}


# What `containerd config dump` says in Debian 12 (1.6.20) of registries, and what containerd 2 says.
CRI_2 = """version = 2
disabled_plugins = []
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.6"
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "PATH"
      [plugins."io.containerd.grpc.v1.cri".registry.auths]
"""
CRI_3 = """version = 3
disabled_plugins = []
[plugins.'io.containerd.cri.v1.images']
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = 'PATH'
"""
REGISTRY = "registry.corp.example:5000"


@pytest.mark.parametrize("text", [CRI_2, CRI_3])
def test_containerd_reads_what_its_configuration_says(tmp_path: Path, text: str) -> None:
    base = str(tmp_path / "certs.d")

    def why(path: str) -> str:
        return containerd.why_unread(tomllib.loads(text.replace("PATH", path)), REGISTRY, base)

    assert why(base) == why(f"{base}/") == why(f"{tmp_path}/others:{base}") == ""
    assert 'does not read it: config_path of its registries is ""; write' in why("")  # Debian 12's default
    assert "does not read it" in why("/etc/other")
    (tmp_path / f"others/{REGISTRY}").mkdir(parents=True)
    assert why(f"{tmp_path}/others:{base}") == f"containerd reads {tmp_path}/others/{REGISTRY} instead"
    assert why(f"{base}:{tmp_path}/others") == ""
    (tmp_path / "certs.d/registry.corp.example_5000_").mkdir(parents=True)
    assert why(base) == f"containerd reads {base}/registry.corp.example_5000_ instead"


def test_without_cri_nobody_but_nerdctl_pulls() -> None:
    assert containerd.why_unread({"disabled_plugins": ["cri"]}, REGISTRY, "/x") == ""
    assert "does not read it" in containerd.why_unread({}, REGISTRY, "/x")


def test_a_file_that_containerd_does_not_read_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "containerd"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = 'config dump' ] && cat {tmp_path}/dump\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    base = str(tmp_path / "certs.d")
    store = containerd.store(REGISTRY, "/etc/roots.pem", base)
    for path, state in (("", "wrong"), (base, "ok"), ("", "wrong")):
        (tmp_path / "dump").write_text(CRI_2.replace("PATH", path))
        store.converge(FIRST)
        assert [one.state for one in store.find(FIRST)] == [state]
    (tmp_path / "dump").write_text("= nonsense")
    with pytest.raises(TrustAnchorError, match="containerd's configuration cannot be read"):
        store.find(FIRST)


def test_a_context_of_step_leads_elsewhere(tmp_path: Path) -> None:
    store = step.store(str(tmp_path / ".step"), "root", "root", "")
    converge(store, BOTH)
    current = tmp_path / ".step/current-context.json"
    current.write_text('{"context": "other\\u001b"}')
    (found,) = store.find(BOTH)
    assert (found.state, found.why) == ("wrong", "step reads its context other\\x1b instead: step context remove")
    current.write_text('{"context": ""}')
    assert store.find(BOTH)[0].state == "ok"


def test_another_policy_sets_the_same(tmp_path: Path) -> None:
    store = browsers.chromium_policy("chromium", str(tmp_path / "managed/trustanchor.json"))
    converge(store, FIRST)
    (tmp_path / "managed/other.json").write_text('{"HomepageLocation": "x"}')
    (tmp_path / "managed/damaged.json").write_text("{")
    assert store.find(FIRST)[0].state == "ok"
    (tmp_path / "managed/zz").write_text('{"CACertificates": []}')
    (found,) = store.find(FIRST)
    assert (found.state, "managed/zz sets CACertificates, too" in found.why) == ("wrong", True)


def test_variables_that_systemd_does_not_give_on(drop_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later file in system.conf.d may take them away again."""
    store = environment.drop_ins(["node"], "/etc/roots.pem")
    converge(store, FIRST)
    assert (drop_ins / "services/trustanchor").exists()
    monkeypatch.setattr(environment, "_loaded", lambda: ["LANG=C", "NODE_EXTRA_CA_CERTS=/etc/other.pem"])
    (found,) = store.find(FIRST)
    assert (found.state, "systemd does not give its services NODE_EXTRA" in found.why) == ("wrong", True)
    monkeypatch.setattr(environment, "_loaded", lambda: ["NODE_EXTRA_CA_CERTS=/etc/roots.pem"])
    assert store.find(FIRST)[0].state == "ok"


def test_firefox_keeps_what_others_have(tmp_path: Path) -> None:
    path = tmp_path / "policies.json"
    others = {
        "policies": {"DisableTelemetry": True, "Certificates": {"ImportEnterpriseRoots": False, "Install": ["x"]}}
    }
    path.write_text(json.dumps(others))
    store = browsers.firefox_policy("/sources", str(path))
    converge(store, BOTH)
    converge(store, FIRST)
    others["policies"]["Certificates"]["Install"] = ["x", f"/sources/trustanchor-{ONE.sha256[:32]}.crt"]  # type: ignore[index]
    assert json.loads(path.read_text()) == others


def test_firefox_is_told_of_no_distrusted_root(tmp_path: Path) -> None:
    """Its policy names files of others, too; what is not there, or holds more, is theirs."""
    path, corp, mixed = tmp_path / "policies.json", tmp_path / "corp.pem", tmp_path / "mixed.pem"
    corp.write_text(TWO.pem)
    mixed.write_text(TWO.pem + ONE.pem)
    given = [str(corp), str(mixed), "relative.pem", f"{tmp_path}/nothing.pem"]
    path.write_text(json.dumps({"policies": {"Certificates": {"Install": given}}}))
    without = Wanted((ONE,), frozenset({TWO.sha256}), frozenset({TWO.sha256}))
    converge(browsers.firefox_policy("/sources", str(path)), without)
    installed = json.loads(path.read_text())["policies"]["Certificates"]["Install"]
    assert installed == [*given[1:], f"/sources/trustanchor-{ONE.sha256[:32]}.crt"]
    assert corp.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is not JSON"), ("[]", "is not a JSON object"), ('{"policies": []}', "'policies' is not a JSON object")],
)
def test_settings_of_others_that_are_broken_are_not_overwritten(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "policies.json"
    path.write_text(content)
    with pytest.raises(TrustAnchorError, match=message):
        browsers.firefox_policy("/sources", str(path)).find(FIRST)
    assert path.read_text() == content


def test_chromium(tmp_path: Path) -> None:
    store = browsers.chromium_policy("chromium", str(tmp_path / "managed/trustanchor.json"))
    converge(store, FIRST)
    (body,) = json.loads((tmp_path / "managed/trustanchor.json").read_text())["CACertificates"]
    wrapped = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    assert ssl.PEM_cert_to_DER_cert(wrapped) == ONE.der


def test_step(tmp_path: Path) -> None:
    path = tmp_path / "step"
    (path / "config").mkdir(parents=True)
    (path / "config/defaults.json").write_text('{"redirect-url": "", "fingerprint": "old"}')
    store = step.store(str(path), "root", "root", "https://ca.corp.example")
    converge(store, BOTH)
    assert json.loads((path / "config/defaults.json").read_text()) == {
        "redirect-url": "",
        "root": f"{path}/certs/root_ca.crt",
        "fingerprint": TWO.sha256,
        "ca-url": "https://ca.corp.example",
    }
    assert (path / "certs/root_ca.crt").read_text() == BOTH.pem


@pytest.fixture
def drop_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    calls: list[str] = []
    for name in ("SHELLS", "USERS", "SERVICES"):
        monkeypatch.setattr(environment, name, str(tmp_path / name.lower() / "trustanchor"))
    monkeypatch.setattr(environment, "_loaded", lambda: None)
    monkeypatch.setattr(environment, "_tell_systemd", lambda: calls.append("reload"))
    return tmp_path


def test_environment(drop_ins: Path) -> None:
    converge(environment.drop_ins(["node", "python"], "/etc/roots.pem"), FIRST)
    texts = {name: (drop_ins / name / "trustanchor").read_text() for name in ("shells", "users", "services")}
    pairs = ["REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt", "NODE_EXTRA_CA_CERTS=/etc/roots.pem"]
    assert texts["shells"].splitlines()[1:] == [f"export {pair}" for pair in pairs]
    assert texts["users"].splitlines()[1:] == pairs
    assert texts["services"].splitlines()[1:] == ["[Manager]", f"DefaultEnvironment={' '.join(pairs)}"]
    converge(environment.drop_ins([], "/etc/roots.pem"), FIRST)
    assert [path for path in drop_ins.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"keystore": []}, "Did you mean 'keystores'"),
        ({"browsers": ["opera"]}, "browsers has 'opera'.*firefox, chromium, chrome"),
        ({"environment": ["ruby"]}, "environment has 'ruby'"),
        ({"docker_registries": ["a/b"]}, "docker_registries has 'a/b'"),
        ({"containerd_registries": ["../x"]}, r"containerd_registries has '\.\./x'"),
        ({"files": [{"path": "relative.pem"}]}, "'relative.pem' is not an absolute path"),
        ({"files": [{"path": "/etc/../x"}]}, "is not an absolute path"),
        ({"files": [{"owner": "x"}]}, "'path' is missing"),
        ({"files": [{"path": "/a", "mode": "rw"}]}, "mode 'rw' is not a mode"),
        ({"files": [{"path": "/a"}], "keystores": [{"path": "/a"}]}, "/a is declared twice"),
        ({"keystores": [{"path": "/a", "create": "bks"}]}, "create is 'bks'.*jks, pkcs12"),
        ({"keystores": [{"path": "/a", "password": "x"}]}, "unknown key 'password'.*password_file"),
    ],
)
def test_what_cannot_be_declared(data: dict[str, Any], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        declaration.parse(data)


DECLARED = {
    "discover": False,
    "keystores": [{"path": "/etc/kafka/trust.p12", "password_file": "/etc/kafka/password", "create": "pkcs12"}],
    "nss_databases": [{"path": "/srv/nss", "owner": "ada"}],
    "browsers": ["firefox"],
    "environment": ["node"],
    "docker_registries": ["registry.corp.example:5000"],
    "containerd_registries": ["registry.corp.example"],
    "step_paths": [{"path": "/root/.step"}],
    "bundles": [{"path": "/opt/app/cacert.pem"}],
    "files": [{"path": "/etc/nginx/roots.pem", "mode": "0640"}],
}


def test_a_declaration_is_kept_as_it_was_read() -> None:
    assert declaration.parse(DECLARED).as_dict() == DECLARED
    again = declaration.parse(json.loads(json.dumps(declaration.StoreDeclaration().as_dict())))
    assert again == declaration.StoreDeclaration()


@pytest.mark.parametrize("discover", [True, False])
def test_the_systems_java_store_is_no_matter_of_discovery(
    discover: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "DEBIAN", str(tmp_path / "cacerts"))
    stores = declaration.parse({"discover": discover}).stores
    assert "java" not in [store.name for store in stores(Cache())]
    (tmp_path / "cacerts").touch()
    assert "java" in [store.name for store in stores(Cache())]


def test_the_stores_of_a_declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "DEBIAN", str(tmp_path / "none"))
    assert [store.name for store in declaration.parse(DECLARED).stores(Cache())] == [
        *("system", "roots", "java /etc/kafka/trust.p12", "file /etc/nginx/roots.pem", "bundle /opt/app/cacert.pem"),
        *("nss /srv/nss", "step /root/.step", "docker registry.corp.example:5000", "containerd registry.corp.example"),
        *("firefox policy", "environment"),
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_declaration_is_read_or_refused_in_order(data: Any) -> None:
    for key in ("files", "browsers", "x"):
        try:
            declaration.parse({key: data})
        except TrustAnchorError:
            continue


def test_discovery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JDK that shares Debian's store is not taken twice."""
    debian = tmp_path / "ssl/cacerts"
    for path in (debian, tmp_path / "jvm/a/lib/security/cacerts", tmp_path / "jvm/c/jre/lib/security/cacerts"):
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / "jvm/c/jre/lib/security/jssecacerts").touch()
    (tmp_path / "jvm/b/lib/security").mkdir(parents=True)
    (tmp_path / "jvm/b/lib/security/cacerts").symlink_to(debian)
    monkeypatch.setattr(java, "DEBIAN", str(debian))
    monkeypatch.setattr(java, "JDKS", (f"{tmp_path}/jvm/*",))
    found = [*java.debian_keystores(Cache()), *java.discover(Cache(), ())]
    assert [(store.path.removeprefix(str(tmp_path)), store.declared) for store in found] == [
        ("/ssl/cacerts", True),
        ("/jvm/a/lib/security/cacerts", False),
        ("/jvm/c/jre/lib/security/cacerts", False),
        ("/jvm/c/jre/lib/security/jssecacerts", False),  # it hides the other
    ]
