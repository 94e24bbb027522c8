# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a removed root that somebody else has made, in all kinds of stores of one host, by one run."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import convergence, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import docker, jks, variable_stores
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.java import PASSWORD, Keystore
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.variable_stores import VariableStore
from factories.trust_host import FOUR, ONE, THREE, TWO, make_host, run


@pytest.mark.parametrize("why", ["distrusted", "left the manifest"])
def test_all_are_found_ours_go_and_the_rest_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    host = make_host(tmp_path, monkeypatch)
    monkeypatch.setattr(variable_stores, "is_roots_alone", lambda _path: True)
    distrusted = {TWO.sha256} if why == "distrusted" else set[str]()
    run(host, [ONE, TWO, FOUR])
    certs, loose, mixed = tmp_path / "certs", host.home / "certs/corp", tmp_path / "mixed.pem"
    hidden, registry = tmp_path / "jssecacerts", tmp_path / "docker/r.corp.example"
    for directory in (certs, registry):
        directory.mkdir(parents=True)
    strays = [loose, certs / "corp.pem", certs / "0a1b2c3d.0", registry / "ca.crt"]
    for path in strays:
        path.write_text(TWO.pem)
    mixed.write_text(TWO.pem + THREE.pem)
    aliases = [jks.Entry(alias, 0, TWO.der) for alias in (b"corp", b"debian:corp.pem")]
    hidden.write_bytes(jks.write(aliases, PASSWORD))
    host.others = [
        Keystore(str(hidden), "java hidden", Cache()),
        VariableStore(str(certs), "SSL_CERT_DIR", "/etc/environment"),
        VariableStore(str(mixed), "REQUESTS_CA_BUNDLE", "/etc/profile.d/x.sh"),
        docker.store("r.corp.example", str(registry.parent)),
    ]
    outcome = convergence.converge([ONE, FOUR], distrusted, host.declaration, state.load())
    assert outcome.failure() is None
    before = {one.name for one in outcome.plan.listed if TWO.sha256 in one.unwanted}
    assert {"system directory", "java hidden", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "docker r.corp.example"} <= before
    assert [path for path in strays if path.exists()] == []
    assert {one.sha256 for one in jks.read(hidden.read_bytes(), "", PASSWORD)} == {ONE.sha256, FOUR.sha256}
    assert {one.name for one in outcome.after.listed if one.state != "ok"} == {"REQUESTS_CA_BUNDLE"}
    assert mixed.read_text() == TWO.pem + THREE.pem
    assert f"{mixed} stays: it holds 1 more" in "".join(outcome.warnings)
