# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publication takes no root that nothing but the record vouches for, and no manifest that hosts must not believe."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import collection
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import (
    Manifest,
    RefusedSigner,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import spki_sha256
from factories import manifests, pki
from factories.publication_record import URL, Record, crl


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def collected(record: Record, known: tuple[str, ...] = ("r1", "s1")) -> collection.Collection:
    anchors = tuple(one for one in record.anchors() if one.name in known)
    return collection.collect(record.home, URL, pki.NOW, Introductions(record.home, anchors))


def add_stranger(record: Record) -> None:
    record.roots["evil"] = pki.root("Evil")
    record.write("roots/evil.crt", record.roots["evil"].pem.encode())
    record.write("crls/evil.crl", crl(record.roots["evil"]))


def left_out(found: collection.Collection) -> str:
    """What is said of what is not published."""
    return "; ".join(str(one) for one in found.faults)


@pytest.mark.parametrize("state", ["trusted", "staged", "distrusted", ""])
def test_a_root_that_somebody_committed_is_left_out_alone(record: Record, state: str) -> None:
    """Without a manifest too, in which every root would be trusted."""
    add_stranger(record)
    if state:
        record.write_manifest(2, evil=state)
    else:
        (record.home / "trust.yml").unlink()
    found = collected(record)
    content = {one.name: one.content for one in found.artifacts}
    assert "root-r1.crt" in content
    assert not content.keys() & {"root-evil.crt", "root-evil.crl"}
    assert record.roots["evil"].pem.encode() not in content["roots.pem"]
    assert ("'evil'" in left_out(found)) is (state != "distrusted")


def test_an_expired_root_is_not_in_the_bundle(record: Record) -> None:
    old = pki.root("Root s1", start=pki.NOW - 9 * pki.DAY, end=pki.NOW - pki.DAY)
    record.roots["s1"] = old
    record.write("roots/s1.crt", old.pem.encode())
    record.write("crls/s1.crl", crl(old))
    record.write_manifest(2)
    found = collected(record)
    (bundle,) = (one.content for one in found.artifacts if one.kind == "bundle")
    assert bundle == record.roots["r1"].pem.encode()
    assert any("root 's1' has expired" in one for one in found.warnings)


@pytest.mark.parametrize(("left", "published"), [(1, True), (0, False)])
def test_to_the_second(record: Record, left: int, published: bool) -> None:
    end = pki.NOW + dt.timedelta(seconds=left)
    record.roots["s1"] = pki.root("Root s1", start=pki.NOW - 9 * pki.DAY, end=end)
    record.write("roots/s1.crt", record.roots["s1"].pem.encode())
    record.write_manifest(2)
    (bundle,) = (one.content for one in collected(record).artifacts if one.kind == "bundle")
    assert (record.roots["s1"].pem.encode() in bundle) is published


def message(record: Record, signer: pki.Leaf, start: dt.datetime = pki.NOW) -> bytes:
    roots = tuple(Root(name, one.sha256, "trusted", one.pem) for name, one in record.roots.items())
    return manifests.sign(SignedManifest("ab" * 16, 1, start, start + 9 * pki.DAY, roots), signer)


def test_a_manifest_from_the_future_is_not_published(record: Record) -> None:
    signer = manifests.signer(record.roots["r1"])
    record.write("trust.p7m", message(record, signer, pki.NOW + pki.HOUR))
    found = collected(record)
    assert "trust.p7m" not in {one.name for one in found.artifacts}
    assert "future" in left_out(found)


def test_a_manifest_by_a_refused_signer_is_not_published(record: Record) -> None:
    signer = manifests.signer(record.roots["r1"])
    record.write("trust.p7m", message(record, signer))
    assert "trust.p7m" in {one.name for one in collected(record).artifacts}
    refused = RefusedSigner("m1", spki_sha256(signer.key.public_key()), pki.NOW.replace(microsecond=0), "INC-1")
    roots = tuple(Root(name, one.sha256) for name, one in record.roots.items())
    record.write("trust.yml", Manifest(2, roots, "ab" * 16, (refused,)).to_yaml())
    found = collected(record)
    assert "trust.p7m" not in {one.name for one in found.artifacts}
    assert "which is refused" in left_out(found)
