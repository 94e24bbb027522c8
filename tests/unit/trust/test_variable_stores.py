# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories that the host's environment variables lead programs to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import packages
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import (
    debian,
    declaration,
    environment,
    variable_stores,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted, names_of
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.variable_stores import VariableStore
from factories import pki

MADE = pki.root("One"), pki.root("Two"), pki.root("Three")
ONE, TWO, THREE = (Root("", made.sha256, pem=made.pem) for made in MADE)
OURS = MADE[0].intermediate("Ours")
WANTED = Wanted((ONE,), frozenset({TWO.sha256}), frozenset({TWO.sha256}), names_of([ONE, TWO]))
Declare = Callable[[str, str], None]


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Write a file below the test's /etc."""
    etc = tmp_path / "etc"
    sources = [source.replace("/etc", str(etc), 1) for source in variable_stores.SOURCES]
    monkeypatch.setattr(variable_stores, "SOURCES", tuple(sources))
    monkeypatch.setattr(variable_stores, "is_roots_alone", lambda _path: True)

    def write(name: str, text: str) -> None:
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).write_text(text)

    return write


def found() -> list[VariableStore]:
    return list(variable_stores.discover(Cache(), ()))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("SSL_CERT_FILE=/a/b.pem", [("SSL_CERT_FILE", "/a/b.pem")]),
        ('export SSL_CERT_FILE="/a/b c.pem"', [("SSL_CERT_FILE", "/a/b c.pem")]),
        ("export LANG=C SSL_CERT_DIR='/a'; export PIP_CERT=/p", [("SSL_CERT_DIR", "/a"), ("PIP_CERT", "/p")]),
        (
            'DefaultEnvironment="SSL_CERT_DIR=/a b:/c" NODE_EXTRA_CA_CERTS=/n X=y',
            [("SSL_CERT_DIR", "/a b:/c"), ("NODE_EXTRA_CA_CERTS", "/n")],
        ),
        ("# SSL_CERT_FILE=/a", []),
        ("  # export SSL_CERT_FILE=/a", []),
        (";SSL_CERT_FILE=/a", []),
        ("MY_SSL_CERT_FILE=/a", []),
        ("SSL_CERT_FILES=/a", []),
        ("SSL_CERT_FILE=", [("SSL_CERT_FILE", "")]),
    ],
)
def test_what_a_line_sets(line: str, expected: list[tuple[str, str]]) -> None:
    assert list(variable_stores.assignments(line)) == expected


def test_each_source_is_looked_at_and_each_store_once(declare: Declare, tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / name).write_text(TWO.pem)
    (tmp_path / "same").symlink_to("a")
    declare("environment", f"SSL_CERT_FILE={tmp_path}/a\n")
    declare("environment.d/90-x.conf", f"REQUESTS_CA_BUNDLE={tmp_path}/b\nCURL_CA_BUNDLE={tmp_path}/same\n")
    declare("profile", f"export GIT_SSL_CAINFO={tmp_path}/c\n")
    declare("profile.d/x.sh", f"SSL_CERT_DIR={tmp_path}/d:$SSL_CERT_DIR:relative:{tmp_path}/nothing\n")
    declare("systemd/system.conf", f'[Manager]\nDefaultEnvironment="NODE_EXTRA_CA_CERTS={tmp_path}/e"\n')
    declare("systemd/system.conf.d/x.conf", f"[Manager]\nDefaultEnvironment=A=b PIP_CERT={tmp_path}/f\n")
    assert [one.name.replace(f"{tmp_path}/", "") for one in found()] == [
        *("SSL_CERT_FILE a", "REQUESTS_CA_BUNDLE b", "GIT_SSL_CAINFO c", "SSL_CERT_DIR d"),
        *("NODE_EXTRA_CA_CERTS e", "PIP_CERT f"),
    ]


def test_what_is_converged_anyway_is_not_found_again(
    declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bundle", "app.pem"):
        (tmp_path / name).write_text(ONE.pem)
    monkeypatch.setattr(debian, "BUNDLE", str(tmp_path / "bundle"))
    declare("environment", f"REQUESTS_CA_BUNDLE={tmp_path}/bundle\nSSL_CERT_FILE={tmp_path}/app.pem\n")
    names = [one.name for one in declaration.parse({"browsers": []}).stores(Cache())]
    assert f"SSL_CERT_FILE {tmp_path}/app.pem" in names
    assert not any("bundle" in name for name in names)
    declared = declaration.parse({"files": [{"path": f"{tmp_path}/app.pem"}]})
    assert not any("SSL_CERT_FILE" in one.name for one in declared.stores(Cache()))
    assert not any("SSL_CERT_FILE" in one.name for one in declaration.parse({"discover": False}).stores(Cache()))
    assert environment.KIND.discover is variable_stores.discover


def test_a_copy_of_ours_goes_and_what_somebody_else_mixed_is_named(declare: Declare, tmp_path: Path) -> None:
    certs = tmp_path / "certs"
    (certs / "below").mkdir(parents=True)
    contents = {"stray": TWO.pem, "x.0": OURS.pem + TWO.pem, "mixed": THREE.pem + TWO.pem, "other": THREE.pem}
    for name, text in contents.items():
        (certs / name).write_text(text)
    (tmp_path / "elsewhere").write_text(TWO.pem + THREE.pem)
    (certs / "link").symlink_to(tmp_path / "elsewhere")
    declare("profile.d/go.sh", f"export SSL_CERT_DIR={certs}\n")
    (store,) = found()
    (before,) = store.find(WANTED)
    assert (before.state, before.missing) == ("wrong", ())
    assert before.unwanted == tuple(sorted([TWO.sha256, OURS.sha256]))
    assert f"{certs}/mixed stays: it holds 1 more, and belongs to somebody else" in before.why
    assert "stray" not in before.why
    store.converge(WANTED)
    assert sorted(one.name for one in certs.iterdir()) == ["below", "mixed", "other"]
    assert (certs / "mixed").read_text() == contents["mixed"]
    assert (tmp_path / "elsewhere").exists()
    assert store.find(WANTED)[0].unwanted == (TWO.sha256,)
    (certs / "mixed").write_text(THREE.pem)
    assert store.find(WANTED)[0].state == "ok"


def test_what_belongs_to_a_package_stays(declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "roots.pem"
    path.write_text(TWO.pem)
    declare("environment", f"NODE_EXTRA_CA_CERTS={path}\n")
    monkeypatch.setattr(packages, "owner", lambda _path: "corp-roots")
    (store,) = found()
    store.converge(WANTED)
    assert path.exists()
    assert f"{path} stays: it belongs to the package corp-roots" in store.find(WANTED)[0].why


def test_dpkg_says_whose_a_file_is(tmp_path: Path) -> None:
    assert packages.owner("/usr/sbin/update-ca-certificates") == "ca-certificates"
    assert packages.owner("/usr/sbin/update-ca-certificate?") == ""
    assert packages.owner(str(tmp_path)) == ""


def test_nothing_is_touched_where_users_decide(
    declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text(TWO.pem)
    declare("environment", f"SSL_CERT_FILE={tmp_path}/a\n")
    monkeypatch.setattr(variable_stores, "is_roots_alone", lambda _path: False)
    (store,) = found()
    with pytest.raises(TrustAnchorError, match=r"can be changed by users other than root.*etc/environment leads"):
        store.find(WANTED)


def test_a_directory_has_a_limit(declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "certs").mkdir()
    for number in range(4):
        (tmp_path / f"certs/{number}").write_text(TWO.pem)
    declare("environment", f"SSL_CERT_DIR={tmp_path}/certs\n")
    monkeypatch.setattr(variable_stores, "MOST_FILES", 4)
    (store,) = found()
    assert store.find(WANTED)[0].unwanted == (TWO.sha256,)
    monkeypatch.setattr(variable_stores, "MOST_FILES", 3)
    with pytest.raises(TrustAnchorError, match="has more than 3 files"):
        store.find(WANTED)
