# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends now has ended, and what ends in a second has not: each kind of file that is published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import collection
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SKEW, SignedManifest
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


def manifest(record: Record, end: dt.datetime, begin: dt.datetime = pki.NOW - pki.DAY) -> None:
    roots = tuple(Root(name, one.sha256, "trusted", one.pem) for name, one in record.roots.items())
    content = SignedManifest("ab" * 16, 1, begin, end, roots)
    record.write("trust.p7m", manifests.sign(content, manifests.signer(record.roots["r1"])))


@pytest.mark.parametrize(
    ("put", "name"), [(intermediate, "ca2.crt"), (revocations, "root-r1.crl"), (manifest, "trust.p7m")]
)
@pytest.mark.parametrize(("left", "published"), [(SECOND, True), (dt.timedelta(0), False), (-SECOND, False)])
def test_to_the_second(tmp_path: Path, put: Put, name: str, left: dt.timedelta, published: bool) -> None:
    record = Record(tmp_path)
    put(record, pki.NOW + left)
    assert is_published(record, name) is published


def future_revocations(record: Record, begin: dt.datetime) -> None:
    record.write("crls/r1.crl", crl(record.roots["r1"], begin=begin))


def future_manifest(record: Record, begin: dt.datetime) -> None:
    """Clocks of hosts may differ by a little, and they know it."""
    manifest(record, pki.NOW + pki.DAY, begin + SKEW)


@pytest.mark.parametrize(("put", "name"), [(future_revocations, "root-r1.crl"), (future_manifest, "trust.p7m")])
@pytest.mark.parametrize(("ahead", "published"), [(SECOND, False), (dt.timedelta(0), True), (-SECOND, True)])
def test_from_which_second(tmp_path: Path, put: Put, name: str, ahead: dt.timedelta, published: bool) -> None:
    record = Record(tmp_path)
    put(record, pki.NOW + ahead)
    assert is_published(record, name) is published


def is_published(record: Record, name: str) -> bool:
    known = Introductions(record.home, record.anchors())
    return name in {one.name for one in collection.collect(record.home, URL, pki.NOW, known).artifacts}
