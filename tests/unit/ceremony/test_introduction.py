# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One commit to the record makes no root trusted: it is anchored outside, or a sealed ceremony made it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible_collections.trustanchor.private_ca.plugins.lookup.trust_manifest import LookupModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import introduction, seal
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind, Transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import manifest_store
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from factories import ceremonies as factory
from factories import pki
from factories.tampering import FIRST


@pytest.fixture(autouse=True)
def _third_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(factory.KEYS, "r3", pki.new_key())


pytestmark = pytest.mark.usefixtures("without_pkilint")
STRANGER = pki.root("Stranger")


def anchor(record: Path, name: str = "r1") -> list[dict[str, Any]]:
    """What the operator wrote into the inventory after the first ceremony."""
    return [{"name": name, "sha256": factory.root_sha256(record, name), "reason": "printed report of 0001"}]


def require(record: Path, *names: str, anchors: list[dict[str, Any]] | None = None) -> None:
    roots = [Root(name, factory.root_sha256(record, name)) for name in names]
    introduction.find(str(record), anchor(record) if anchors is None else anchors).require(roots)


def commit_a_root(record: Path) -> None:
    """A certificate file and some lines in trust.yml."""
    (record / "roots/evil.crt").write_text(STRANGER.pem)
    factory.list_roots(record)


def forge_a_ceremony(record: Path, sealer: pki.Authority = STRANGER) -> None:
    """The first ceremony with another root in it, sealed by that root, which is easy."""
    own = shutil.copytree(record / FIRST, record / "ceremonies/0009")
    path = own / "transcript.jsonl"
    path.unlink()
    events = [json.loads(line) for line in (record / FIRST / "transcript.jsonl").read_text().splitlines()]
    made = next(one for one in events if one["event"] == "signed" and one["data"]["act"] == "root:s1")
    made["data"]["der"] = "".join(STRANGER.pem.splitlines()[1:-1])
    log = Transcript.open(path)
    for event in events:
        log.append(EventKind(event["event"]), **event["data"])
    (own / "transcript.p7s").write_bytes(seal.seal(path.read_bytes(), sealer.certificate, sealer.key))


def test_an_anchored_root_and_those_that_its_ceremonies_made(held: Path) -> None:
    require(held, "r1", "s1")
    require(held, "s1", anchors=anchor(held, "s1"))


def test_an_anchored_root_that_has_left_the_record_has_still_sealed(record: Path) -> None:
    anchors = anchor(record)
    (record / "roots/r1.crt").unlink()
    require(record, "s1", anchors=anchors)


@pytest.mark.parametrize("forge", [lambda _record: None, forge_a_ceremony])
def test_what_is_only_in_the_record_is_refused(record: Path, forge: Callable[[Path], None]) -> None:
    commit_a_root(record)
    forge(record)
    require(record, "r1", "s1")
    with pytest.raises(TrustAnchorError, match="'evil' .*introduced by no ceremony that an anchored root has sealed"):
        require(record, "r1", "evil")
    check = introduction.find(str(record), anchor(record))
    with pytest.raises(TrustAnchorError, match="'evil'"):
        manifest_store.read_for_hosts(str(record), check)


def test_the_lookup_takes_the_anchors_of_the_inventory(record: Path) -> None:
    variables = {"pki_anchors": anchor(record)}
    (found,) = LookupModule().run([str(record)], variables)
    assert [root["name"] for root in found["trusted"]] == ["r1", "s1"]
    commit_a_root(record)
    manifest = record / "trust.yml"
    manifest.write_text(manifest.read_text().replace("staged", "trusted"))
    with pytest.raises(AnsibleLookupError, match="'evil'"):
        LookupModule().run([str(record)], variables)


def test_without_anchors_it_says_the_line(held: Path) -> None:
    """The first install; the line is for a person who has the printed report."""
    with pytest.raises(TrustAnchorError, match="pki_anchors is empty") as caught:
        require(held, "r1", anchors=[])
    line = caught.value.next_step.partition("pki_anchors: ")[2]
    (entry,) = yaml.safe_load(line.rstrip("."))
    assert (entry["name"], entry["sha256"]) == ("r1", factory.root_sha256(held, "r1"))
    require(held, "r1", "s1", anchors=[entry])


def test_an_anchor_of_another_estate_vouches_for_nothing(held: Path) -> None:
    other = [{"name": "x", "sha256": STRANGER.sha256, "reason": "another estate"}]
    with pytest.raises(TrustAnchorError, match="0001: the seal .* does not hold"):
        require(held, "s1", anchors=other)


def _cut(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _edit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Ada Lovelace", b"Eve Lovelace"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda own: (own / "transcript.p7s").unlink(), "the seal .* does not hold"),
        (lambda own: (own / "transcript.p7s").write_text("x"), "the seal .* does not hold"),
        (lambda own: _cut(own / "transcript.jsonl"), "0001 is not over"),
        (lambda own: _edit(own / "transcript.jsonl"), "not bound to the line before"),
        (lambda own: (own / "transcript.jsonl").unlink(), "0002 does not stand on a ceremony of the record"),
    ],
    ids=["no seal", "no CMS", "open", "edited", "lost"],
)
def test_a_ceremony_that_does_not_hold_introduces_nothing(
    record: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(record / FIRST)
    require(record, "r1")  # anchored
    with pytest.raises(TrustAnchorError, match=message):
        require(record, "s1")


def later(record: Path, sealed_by: str) -> None:
    """A ceremony that makes a third root."""
    act = {"act": "root", "days": 7305, "name_constraints": factory.NAMES, "name": "r3", "subject": "CN=Root R3"}
    pinned = {}
    if sealed_by != "r3":
        pinned[sealed_by] = {"sha256": factory.root_sha256(record, sealed_by), "standby": False}
    plan = json.loads(factory.plan_of("0004", 24, [act], pinned))
    key = json.loads(factory.plan_of("0004", 24, []))["keys"]["r1"]
    plan["keys"] = {name: {**key, "tokens": [f"token-{name}"]} for name in sorted({"r3", sealed_by})}
    plan["sealed_by"] = sealed_by
    if sealed_by == "s1":
        plan["roots"]["s1"]["standby"] = True
    text = json.dumps(plan, sort_keys=True).encode()
    ceremony = factory.Ceremony(record, text)
    ceremony.begin()
    for one in ceremony.plan.acts:
        ceremony.perform(one)
    ceremony.close()
    path = ceremony.directory / "transcript.jsonl"
    certificate = ceremony.context.root(sealed_by)
    (ceremony.directory / "transcript.p7s").write_bytes(
        seal.seal(path.read_bytes(), certificate, factory.KEYS[sealed_by])
    )


def test_a_root_that_a_ceremony_made_seals_the_next_one(record: Path) -> None:
    later(record, "s1")
    require(record, "r1", "s1", "r3")
    shutil.rmtree(record / "ceremonies/0003")  # the chain is broken, whatever the seal of the last one is worth
    with pytest.raises(TrustAnchorError, match="0004 does not stand on a ceremony of the record"):
        require(record, "r3")


def test_what_the_inventory_refuses_is_not_trusted_and_seals_nothing(record: Path) -> None:
    """The key of a root that a ceremony made is stolen: the thief, who can write to the record, holds a ceremony."""
    later(record, "s1")
    stolen = {**anchor(record, "s1")[0], "reason": "INC-2031", "refused": True}
    anchors = [*anchor(record), stolen]
    require(record, "r1", anchors=anchors)
    for name, message in (("s1", r"is refused by the inventory \(INC-2031\)"), ("r3", "introduced by no ceremony")):
        with pytest.raises(TrustAnchorError, match=message):
            require(record, name, anchors=anchors)
    require(record, "r3", anchors=[*anchors, *anchor(record, "r3")])


def test_a_root_that_is_refused_vouches_for_no_other(held: Path) -> None:
    """The first root is stolen: what it sealed proves nothing any more, and the standby has a line of its own."""
    stolen = {**anchor(held)[0], "refused": True}
    with pytest.raises(TrustAnchorError, match="'s1' .*introduced by no ceremony"):
        require(held, "s1", anchors=[stolen])
    require(held, "s1", anchors=[stolen, *anchor(held, "s1")])


def test_a_new_root_that_seals_itself_is_refused(record: Path) -> None:
    later(record, "r3")
    with pytest.raises(TrustAnchorError, match="0004: the seal .* does not hold"):
        require(record, "r3")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({}, "not a list"),
        ("r1", "not a list"),
        (["r1"], "not a mapping"),
        ([{"name": "r1", "sha256": "12", "reason": "x"}], "not a SHA-256"),
        ([{"name": "r1", "sha256": STRANGER.sha256}], "'reason' is missing"),
        ([{"name": "r1", "sha256": STRANGER.sha256, "reason": " "}], "not empty"),
        ([{"name": "r1", "sha256": STRANGER.sha256, "why": "x"}], "unknown key"),
        ([{"name": "r1", "sha256": STRANGER.sha256, "reason": "x", "refused": "yes"}], "'refused' is 'yes'"),
        (2 * [{"name": "r1", "sha256": STRANGER.sha256, "reason": "x"}], "a fingerprint twice"),
    ],
)
def test_anchors_are_read_strictly(option: object, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        introduction.find("pki", option)
