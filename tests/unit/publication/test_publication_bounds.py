# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends now has ended, and what ends in a second has not: each kind of file that is published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import collection
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from factories import manifests, pki
from factories.publication_record import URL, Record, crl

Put = Callable[[Record, dt.datetime], None]
SECOND = dt.timedelta(seconds=1)


def intermediate(record: Record, end: dt.datetime) -> None:
    pem = record.roots["r1"].intermediate("Intermediate 2", end=end).pem
    record.write("intermediates/ca2.crt", pem.encode())


def revocations(record: Record, end: dt.datetime) -> None:
    record.write("crls/r1.crl", crl(record.roots["r1"], end=end))


def manifest(record: Record, end: dt.datetime) -> None:
    roots = tuple(Root(name, one.sha256, "trusted", one.pem) for name, one in record.roots.items())
    content = SignedManifest("ab" * 16, 1, pki.NOW - pki.DAY, end, roots)
    record.write("trust.p7m", manifests.sign(content, manifests.signer(record.roots["r1"])))


@pytest.mark.parametrize(
    ("put", "name"), [(intermediate, "ca2.crt"), (revocations, "root-r1.crl"), (manifest, "trust.p7m")]
)
@pytest.mark.parametrize(("left", "published"), [(SECOND, True), (dt.timedelta(0), False), (-SECOND, False)])
def test_to_the_second(tmp_path: Path, put: Put, name: str, left: dt.timedelta, published: bool) -> None:
    record = Record(tmp_path)
    put(record, pki.NOW + left)
    known = Introductions(record.home, record.anchors())
    try:
        found = {one.name for one in collection.collect(record.home, URL, pki.NOW, known).artifacts}
    except TrustAnchorError:
        found = set()
    assert (name in found) is published


@pytest.mark.parametrize(("left", "listed"), [(SECOND, True), (dt.timedelta(0), False), (-SECOND, False)])
def test_roots_in_the_bundle_to_the_second(tmp_path: Path, left: dt.timedelta, listed: bool) -> None:
    record = Record(tmp_path)
    record.roots["s1"] = pki.root("Root s1", start=pki.NOW - pki.DAY, end=pki.NOW + left)
    record.write("roots/s1.crt", record.roots["s1"].pem.encode())
    record.write("crls/s1.crl", crl(record.roots["s1"]))
    record.write_manifest()
    found = collection.collect(record.home, URL, pki.NOW, Introductions(record.home, record.anchors()))
    (bundle,) = (one.content.decode() for one in found.artifacts if one.kind == "bundle")
    assert (record.roots["s1"].pem in bundle, record.roots["r1"].pem in bundle) == (listed, True)
    assert any("root 's1' has expired and is not in" in text for text in found.warnings) is not listed
