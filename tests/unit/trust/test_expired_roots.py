# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trusted root that has expired is left out and told; nothing else waits for it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import acceptance
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent.acceptance import Offer
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.state import HostState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.convergence import (
    ManifestChange,
    plan,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.transitions import Exceptions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, pem_file
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.declaration import StoreDeclaration
from factories import accounts, pki
from factories.manifests import sign, signer

R1, BAD = pki.root("R1"), pki.root("Bad")
OLD = pki.root("Old", start=pki.NOW - 9 * pki.DAY, end=pki.NOW - pki.DAY)
LISTED = (
    Root("r1", R1.sha256, "trusted", R1.pem),
    Root("old", OLD.sha256, "trusted", OLD.pem),
    Root("bad", BAD.sha256, "distrusted"),
)
MANIFEST = Manifest(7, LISTED)


def test_a_push_distrusts_what_is_to_be_distrusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)
    store = tmp_path / "roots.pem"
    store.write_text(BAD.pem + OLD.pem)
    monkeypatch.setattr(state, "PATH", str(tmp_path / "state/trust.json"))
    monkeypatch.setattr(debian, "require", lambda: None)
    monkeypatch.setattr(StoreDeclaration, "stores", lambda _self, _cache: [pem_file.store(str(store))])
    outcome, host = push.push(push.parse(MANIFEST.for_hosts()), StoreDeclaration())
    assert outcome.failure() is None
    assert store.read_text() == R1.pem
    assert [one for one in outcome.warnings if "root 'old' has expired" in one]
    assert [root.sha256 for root in host.roots] == [R1.sha256]
    push.parse(MANIFEST.for_hosts()).check(host)  # the same manifest is still the same one


def test_a_pull_takes_the_others_up() -> None:
    host = HostState(roots=[Root("", R1.sha256, pem=R1.pem)])
    content = SignedManifest(R1.sha256[:32], 7, pki.NOW, pki.NOW + 9 * pki.DAY, LISTED)
    decision = acceptance.decide([Offer("http://pki/trust.p7m", sign(content, signer(R1)))], host, pki.NOW)
    assert decision.accepted, decision.refused
    decision.accepted.note(host)
    assert [root.sha256 for root in host.roots] == [R1.sha256]
    assert host.distrusted == [BAD.sha256]
    assert "root 'old' has expired" in decision.accepted.assigned.warnings[0]


def change(record: Path, **states: str) -> Manifest:
    asked = ManifestChange(states, (), "", (), Exceptions(dt.timedelta(hours=25)))
    return plan(record / "trust.yml", (), asked, pki.NOW).after


def test_it_may_be_distrusted_without_steps_and_proofs(tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    for name, root in (("r1", R1), ("old", OLD)):
        (tmp_path / f"roots/{name}.crt").write_text(root.pem)
    (tmp_path / "trust.yml").write_bytes(MANIFEST.to_yaml())
    assert change(tmp_path, old="distrusted").named("old").state == "distrusted"
    with pytest.raises(TrustAnchorError, match="'r1' is trusted and cannot become distrusted"):
        change(tmp_path, r1="distrusted")
    with pytest.raises(TrustAnchorError, match="no trusted root would remain"):
        change(tmp_path, r1="retiring")  # the other one has expired
