# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host refuses of a push, and what it says of its services."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import settings
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import leaves, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.push import (
    AssignedManifest,
    digest,
    parse,
    push,
    told,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host.state import HostState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, pem_file
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.declaration import StoreDeclaration
from factories import accounts, pki
from factories.service_host import SETTINGS

ONE, TWO = (Root("", made.sha256, pem=made.pem) for made in (pki.root("One"), pki.root("Two")))


@pytest.fixture
def host() -> HostState:
    """A host that was told sequence 5 of estate a."""
    found = HostState()
    AssignedManifest("a", 5, [ONE], ["ab" * 32]).note(found)
    return found


@pytest.mark.parametrize(
    "assigned",
    [
        AssignedManifest("a", 5, [ONE], ["ab" * 32]),
        AssignedManifest("a", 6, [TWO], []),
        AssignedManifest("b", 1, [TWO], []),  # moved to another estate
        AssignedManifest("", 0, [TWO], []),  # nobody says
    ],
)
def test_what_is_taken(host: HostState, assigned: AssignedManifest) -> None:
    assigned.check(host)
    assigned.note(host)
    assert host.roots == list(assigned.trusted)
    assert host.manifest["sequence"] == assigned.sequence or not assigned.sequence


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


def test_what_was_distrusted_is_remembered(host: HostState) -> None:
    """When no manifest names it any more, too. Only a push that trusts the root again takes it off the list."""
    gone = "ab" * 32
    assert (host.distrusted, host.ever_distrusted) == ([gone], [gone])
    AssignedManifest("a", 6, [ONE], [TWO.sha256]).note(host)
    assert (host.distrusted, host.ever_distrusted) == ([TWO.sha256], sorted([gone, TWO.sha256]))
    AssignedManifest("a", 7, [ONE], []).note(host)
    assert (host.distrusted, host.ever_distrusted) == ([], sorted([gone, TWO.sha256]))
    AssignedManifest("a", 8, [ONE, TWO], []).note(host)
    assert (host.distrusted, host.ever_distrusted) == ([], [gone])
    AssignedManifest("a", 9, [ONE], ["cd" * 32]).note(host, override=True)
    assert (host.distrusted, host.ever_distrusted) == (["cd" * 32], ["cd" * 32])


def test_what_a_former_version_was_told_to_distrust_is_remembered() -> None:
    """It kept no list of all that it ever was told."""
    host = HostState(distrusted=["ab" * 32])
    AssignedManifest("a", 6, [ONE], ["cd" * 32]).note(host)
    assert host.ever_distrusted == ["ab" * 32, "cd" * 32]


def test_refused_signers_are_added_to(host: HostState) -> None:
    for number, refused in enumerate((["2"], ["1", "3"], [])):
        AssignedManifest("a", 6 + number, [ONE], [], refused).note(host)
    assert host.refused_signers == ["1", "2", "3"]
    AssignedManifest("a", 9, [ONE], [], ["3"]).note(host, override=True)
    assert host.refused_signers == ["3"]


@pytest.mark.parametrize(
    ("assigned", "message"),
    [
        (AssignedManifest("a", 4, [ONE], []), "sequence 4, this host was told 5 before.*git pull"),
        (AssignedManifest("a", 5, [TWO], ["ab" * 32]), "two trust manifests of sequence 5 with different roots"),
        (AssignedManifest("a", 5, [ONE], []), "two trust manifests of sequence 5 with different roots"),
    ],
)
def test_what_is_refused(host: HostState, assigned: AssignedManifest, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        assigned.check(host)


def test_the_order_of_roots_does_not_matter() -> None:
    found = HostState()
    AssignedManifest("a", 5, [ONE, TWO], []).note(found)
    AssignedManifest("a", 5, [TWO, ONE], []).check(found)


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


def option(**changes: str) -> dict[str, object]:
    """The option `manifest` of a module with one root."""
    return {"id": "a", "sequence": 6, "trusted": [{"name": "r1", "sha256": ONE.sha256, "pem": ONE.pem, **changes}]}


def test_the_option_of_modules() -> None:
    found = parse({**option(), "distrusted": [TWO.sha256.upper()]})
    assert (found.id, found.sequence, found.distrusted) == ("a", 6, (TWO.sha256,))
    assert [(root.name, root.sha256) for root in found.trusted] == [("r1", ONE.sha256)]


def test_who_has_no_manifest_gives_certificates() -> None:
    found = parse({"trusted": [{"pem": ONE.pem}]})
    assert (found.id, found.sequence, found.distrusted) == ("", 0, ())
    assert [root.sha256 for root in found.trusted] == [ONE.sha256]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pem": TWO.pem}, f"root 'r1' of the trust manifest has fingerprint {TWO.sha256}.*{ONE.sha256} is declared"),
        ({"pem": TWO.pem, "name": ""}, r"manifest\.trusted\[0\] has fingerprint"),
        ({"sha256": "ab"}, "not a SHA-256 fingerprint"),
        ({"pem": ONE.pem + TWO.pem}, "exactly one certificate"),
    ],
)
def test_a_root_that_is_not_the_declared_one_is_refused(changes: dict[str, str], message: str) -> None:
    """Somebody changed it on its way: the controller's check does not see that."""
    with pytest.raises(TrustAnchorError, match=message):
        parse(option(**changes))


def test_a_push_and_its_check_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)
    monkeypatch.setattr(state, "PATH", str(tmp_path / "state/trust.json"))
    monkeypatch.setattr(debian, "require", lambda: None)
    monkeypatch.setattr(debian, "distributed", set)
    path = tmp_path / "roots.pem"
    monkeypatch.setattr(StoreDeclaration, "stores", lambda _self, _cache: [pem_file.store(str(path))])
    outcome, host_state = push(parse(option()), StoreDeclaration(), check=True)
    assert (outcome.plan.changed, host_state.manifest, list(tmp_path.iterdir())) == (True, {}, [])
    outcome, host_state = push(parse(option()), StoreDeclaration())
    assert (outcome.plan.changed, host_state.manifest["sequence"], path.read_text()) == (True, 6, ONE.pem)
    assert state.load().as_dict() == host_state.as_dict()
    assert not push(parse(option()), StoreDeclaration())[0].plan.changed
    for check in (True, False):
        with pytest.raises(TrustAnchorError, match="this host was told 6 before"):
            push(parse({**option(), "sequence": 5}), StoreDeclaration(), check=check)
    assert push(parse({**option(), "sequence": 5}), StoreDeclaration(), override=True)[1].manifest["sequence"] == 5


@pytest.fixture
def pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of a host that was pushed sequence 9."""
    accounts.as_current_user(monkeypatch)
    monkeypatch.setattr(state, "PATH", str(tmp_path / "state/trust.json"))
    monkeypatch.setattr(debian, "require", lambda: None)
    monkeypatch.setattr(debian, "distributed", set)
    monkeypatch.setattr(StoreDeclaration, "stores", lambda _self, _cache: [pem_file.store(str(tmp_path / "roots.pem"))])
    push(parse({**option(), "sequence": 9}), StoreDeclaration())
    return Path(state.PATH)


def test_an_unknown_key_makes_no_host_forget_its_sequence(pushed: Path) -> None:
    pushed.write_text(json.dumps({**json.loads(pushed.read_text()), "colour": "red"}))
    with pytest.raises(TrustAnchorError, match="sequence 3, this host was told 9 before"):
        push(parse({**option(), "sequence": 3}), StoreDeclaration())
    push(parse({**option(), "sequence": 10}), StoreDeclaration())
    assert json.loads(pushed.read_text())["colour"] == "red"


@pytest.mark.parametrize("change", [{"version": 2}, {"roots": 5}, {"manifest": {"id": "a"}}, {"known": {}}])
def test_a_state_that_cannot_be_read_lets_no_older_manifest_in(pushed: Path, change: dict[str, object]) -> None:
    pushed.write_text(json.dumps({**json.loads(pushed.read_text()), **change}))
    before = pushed.read_bytes()
    for override in (False, True):
        with pytest.raises(TrustAnchorError, match=r"trust\.json"):
            push(parse({**option(), "sequence": 3}), StoreDeclaration(), override=override)
    assert pushed.read_bytes() == before
    assert {path.name for path in pushed.parent.iterdir()} == {"trust.json", ".lock"}


def test_a_damaged_state_is_replaced_by_override_and_kept(pushed: Path) -> None:
    pushed.write_text("{")
    found = push(parse({**option(), "sequence": 3}), StoreDeclaration(), override=True, forget=True)[1]
    assert found.manifest["sequence"] == 3
    (kept,) = pushed.parent.glob("trust.json.damaged-*")
    assert kept.read_text() == "{"
    pushed.write_text('{"version": 2}')
    with pytest.raises(TrustAnchorError, match="later version"):  # there is no way past that one
        push(parse({**option(), "sequence": 3}), StoreDeclaration(), override=True, forget=True)
    assert pushed.read_text() == '{"version": 2}'


@pytest.mark.parametrize(("trusted", "same"), [([{"pem": ONE.pem}], True), ([{"pem": TWO.pem}], False), ([], False)])
def test_the_digest_of_what_a_host_is_told(trusted: list[dict[str, str]], *, same: bool) -> None:
    found = told({"trusted": trusted, "distrusted": ["ab" * 32]})
    assert (found == digest([ONE.sha256], ["ab" * 32])) is same
    assert told({"trusted": [{"pem": "none"}]}) == ""
    assert told({"trusted": [{"pem": "", "sha256": ONE.sha256}]}) == digest([ONE.sha256], [])


def test_a_distrusted_root_is_remembered_until_it_is_trusted_again(host: HostState) -> None:
    """A manifest that no longer lists it must not let it come back unnoticed."""
    AssignedManifest("a", 6, [ONE], ["cd" * 32]).note(host)
    assert (host.distrusted, host.ever_distrusted) == (["cd" * 32], ["ab" * 32, "cd" * 32])
    AssignedManifest("a", 7, [ONE], [TWO.sha256]).note(host)
    assert host.ever_distrusted == sorted(["ab" * 32, "cd" * 32, TWO.sha256])
    AssignedManifest("a", 8, [ONE, TWO], []).note(host)
    assert (host.distrusted, host.ever_distrusted) == ([], ["ab" * 32, "cd" * 32])
    AssignedManifest("a", 9, [ONE], ["ef" * 32]).note(host, override=True)
    assert host.ever_distrusted == ["ef" * 32]


def test_refused_signers_are_only_added_to_but_by_override(host: HostState) -> None:
    AssignedManifest("a", 6, [ONE], [], ["11" * 32]).note(host)
    AssignedManifest("a", 7, [ONE], [], ["22" * 32]).note(host)
    assert host.refused_signers == ["11" * 32, "22" * 32]
    AssignedManifest("a", 8, [ONE], [], ["33" * 32]).note(host, override=True)
    assert host.refused_signers == ["33" * 32]


def test_the_digest_of_a_manifest_is_the_same_in_every_version() -> None:
    """Hosts keep it, and compare it with what a later version says."""
    lines = b"+aa\n+bb\n-cc\n!dd\n"
    assert digest(["bb", "aa"], ["cc"], ["dd"]) == hashlib.sha256(lines).hexdigest()
