# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots that programs bring themselves: looked into, told as not ours, and never changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import convergence, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import bundles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import variable_stores as variables
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.bundles import Bundle
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from factories.trust_host import ONE, THREE, TWO, make_host, run


def converged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certifi: Path) -> convergence.ConvergenceOutcome:
    host = make_host(tmp_path, monkeypatch)
    run(host, [ONE, TWO])
    host.others = [Bundle(str(certifi))]
    outcome = convergence.converge([ONE], {TWO.sha256}, host.declaration, state.load())
    assert outcome.failure() is None
    return outcome


def test_certifi_without_our_roots_is_told_and_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certifi = tmp_path / "cacert.pem"
    certifi.write_text(THREE.pem)
    outcome = converged(tmp_path, monkeypatch, certifi)
    (found,) = (one for one in outcome.reported if one.path == str(certifi))
    assert (found.state, found.missing, found.unwanted) == ("ok", (), ())
    (told,) = (one for one in outcome.warnings if str(certifi) in one)
    assert "not ours: the program lacks 1 of our roots" in told
    assert "REQUESTS_CA_BUNDLE" in told
    assert certifi.read_text() == THREE.pem


def test_with_our_roots_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certifi = tmp_path / "cacert.pem"
    certifi.write_text(THREE.pem + ONE.pem)
    assert [one for one in converged(tmp_path, monkeypatch, certifi).warnings if str(certifi) in one] == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", True),
        ("# UV_SYSTEM_CERTS=true", True),
        ("UV_SYSTEM_CERTS=", True),
        ("OUR_UV_SYSTEM_CERTS=true", True),
        ("UV_SYSTEM_CERTS=true", False),
        ("export UV_NATIVE_TLS='true'", False),
        ('DefaultEnvironment="SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"', False),
    ],
)
def test_uv_is_told_where_nothing_leads_it_to_the_systems_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: bool
) -> None:
    (tmp_path / "environment").write_text(f"A=b\n{line}\n")
    monkeypatch.setattr(variables, "SOURCES", (str(tmp_path / "environment"),))
    monkeypatch.setattr(bundles, "_UV_DIRECTORIES", str(tmp_path))
    assert list(bundles.KIND.discover(Cache(), ())) == []
    (tmp_path / "uv").touch(mode=0o755)
    found = list(bundles.KIND.discover(Cache(), ()))
    assert bool(found) == told
    host = make_host(tmp_path, monkeypatch)
    host.others = [*found]
    outcome = convergence.converge([ONE], (), host.declaration, state.load())
    assert outcome.failure() is None
    assert ("uv: not ours: its roots are built into it. Set UV_SYSTEM_CERTS=true" in "".join(outcome.warnings)) == told
