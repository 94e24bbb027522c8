# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host refuses of a push, and what it says of its services."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import settings
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import leaves
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.push import AssignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.state import HostState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.pem import Root
from factories import pki
from factories.service_host import SETTINGS

ONE, TWO = (Root(made.sha256, made.pem) for made in (pki.root("One"), pki.root("Two")))


@pytest.fixture
def host() -> HostState:
    """A host that was told sequence 5 of estate a."""
    state = HostState()
    AssignedManifest("a", 5, [ONE], ["ab" * 32]).note(state)
    return state


@pytest.mark.parametrize(
    "told",
    [
        AssignedManifest("a", 5, [ONE], ["ab" * 32]),
        AssignedManifest("a", 6, [TWO], []),
        AssignedManifest("b", 1, [TWO], []),  # moved to another estate
        AssignedManifest("", 0, [TWO], []),  # nobody says
    ],
)
def test_what_is_taken(host: HostState, told: AssignedManifest) -> None:
    told.check(host)
    told.note(host)
    assert [root["pem"] for root in host.roots] == [root.pem for root in told.roots]
    assert host.manifest["sequence"] == told.sequence or not told.sequence


def test_a_push_without_sequence_rolls_nothing_back(host: HostState) -> None:
    AssignedManifest("", 0, [TWO], []).note(host)
    with pytest.raises(TrustAnchorError, match="this host was told 5 before"):
        AssignedManifest("a", 4, [ONE], []).check(host)


def test_an_override_takes_the_place_of_what_a_thief_said(host: HostState) -> None:
    AssignedManifest("a", 2**31, [TWO], []).note(host)
    mine = AssignedManifest("a", 6, [ONE], [])
    with pytest.raises(TrustAnchorError, match="told by a thief, override"):
        mine.check(host)
    mine.check(host, override=True)
    mine.note(host)
    assert host.manifest["sequence"] == 6


def test_the_end_of_what_was_signed_outlives_a_push(host: HostState) -> None:
    """Else a host that is pushed to once would not notice that nobody lets it have a manifest any more."""
    host.manifest |= {"not_after": 1000.0, "contact": 5.0, "signed": "ab"}
    AssignedManifest("a", 6, [ONE], []).note(host)
    assert (host.manifest["not_after"], host.manifest["contact"]) == (1000.0, 5.0)
    assert "signed" not in host.manifest
    AssignedManifest("b", 1, [ONE], []).note(host)
    assert "not_after" not in host.manifest


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (AssignedManifest("a", 4, [ONE], []), "sequence 4, this host was told 5 before.*git pull"),
        (AssignedManifest("a", 5, [TWO], ["ab" * 32]), "two trust manifests of sequence 5 with different roots"),
        (AssignedManifest("a", 5, [ONE], []), "two trust manifests of sequence 5 with different roots"),
    ],
)
def test_what_is_refused(host: HostState, told: AssignedManifest, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        told.check(host)


def test_the_order_of_roots_does_not_matter() -> None:
    state = HostState()
    AssignedManifest("a", 5, [ONE, TWO], []).note(state)
    AssignedManifest("a", 5, [TWO, ONE], []).check(state)


def test_services_and_their_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "BASE", str(tmp_path / "certificates"))
    assert leaves.measure() == []
    for name in ("web", "pending", "broken"):
        (tmp_path / "certificates" / name).mkdir(parents=True)
        (tmp_path / "certificates" / name / "settings.json").write_bytes(SETTINGS.dump())
    (tmp_path / "certificates/web/current").mkdir()
    (tmp_path / "certificates/broken/current").mkdir()
    (tmp_path / "certificates/broken/settings.json").write_text("{")
    broken, web = leaves.measure()
    assert (broken.name, broken.root) == ("broken", "")
    assert web.name == "web"
    assert len(web.root) == 64
