# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which manifest signers a record has, and what refusing some of them makes of its manifest."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signers
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest, RefusedSigner
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signers import Refusal
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import spki_sha256
from factories import pki
from factories.manifests import signer

SECOND = dt.timedelta(seconds=1)
NOW = pki.NOW.replace(microsecond=0)
ROOTS = {state: pki.root(state) for state in ("staged", "trusted", "retiring", "distrusted")}
STRANGER = pki.root("stranger")
A, B, C = (signer(ROOTS["trusted"]) for _number in range(3))
KEYS = {name: spki_sha256(one.key.public_key()) for name, one in (("a", A), ("b", B), ("c", C))}
MANIFEST = Manifest(7, tuple(Root(state, root.sha256, state) for state, root in ROOTS.items()))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record with a root in each state, and the signers a, b and c."""
    (tmp_path / "roots").mkdir()
    for state, root in ROOTS.items():
        (tmp_path / f"roots/{state}.crt").write_text(root.pem)
    (tmp_path / "signers/archive").mkdir(parents=True)
    for name, one in (("c", C), ("a", A), ("b", B), ("archive/old", signer(ROOTS["trusted"]))):
        put(tmp_path, name, one)
    return tmp_path


def put(record: Path, name: str, one: pki.Leaf) -> None:
    (record / f"signers/{name}.crt").write_text(pki.pem(one.certificate))


def only(record: Path, **listed: pki.Leaf) -> Path:
    """The record with these signers, and no others."""
    for path in (record / "signers").glob("*.crt"):
        path.unlink()
    for name, one in listed.items():
        put(record, name, one)
    return record


def refuse(record: Path, *names: str, manifest: Manifest = MANIFEST, incident: str = "") -> Manifest:
    return signers.refuse(manifest, record, Refusal(names, incident), NOW)


def test_the_signers_in_their_places(record: Path) -> None:
    assert [one.serial_number for one in signers.certificates(record)] == [
        one.certificate.serial_number for one in (A, B, C)
    ]
    assert signers.certificates(record / "roots") == []


def test_what_refusing_makes_of_a_manifest(record: Path) -> None:
    """Those of before stay, the new ones come behind them by name, all of the same moment in whole seconds."""
    before = signers.refuse(MANIFEST, record, Refusal(["c"], "INC-0"), NOW - pki.DAY)
    after = signers.refuse(before, record, Refusal(["b", "a"], "INC-1"), NOW + dt.timedelta(microseconds=5))
    assert (before.sequence, after.sequence, after.roots) == (8, 9, MANIFEST.roots)
    assert after.refused_signers == (
        RefusedSigner("c", KEYS["c"], NOW - pki.DAY, "INC-0"),
        RefusedSigner("a", KEYS["a"], NOW, "INC-1"),
        RefusedSigner("b", KEYS["b"], NOW, "INC-1"),
    )


def test_nothing_new_is_no_change(record: Path) -> None:
    assert signers.refuse(MANIFEST, record, Refusal(), NOW) is MANIFEST
    once = refuse(record, "a")
    assert refuse(record, "a", manifest=once) is once
    twice = refuse(record, "a", "b", manifest=once)
    assert [one.name for one in twice.refused_signers] == ["a", "b"]
    put(record, "again", signer(ROOTS["trusted"], key=A.key))
    assert refuse(record, "again", manifest=twice) is twice  # the key is what is refused


def test_one_must_remain_but_in_an_incident(record: Path) -> None:
    """Neither one of those that are refused now, nor one of before."""
    two = refuse(record, "a", "b")
    assert two.sequence == 8
    for before, names in ((MANIFEST, "abc"), (two, "c"), (two, "ac"), (refuse(record, "a"), "bc")):
        with pytest.raises(TrustAnchorError, match="no manifest signer would remain that hosts believe"):
            refuse(record, *names, manifest=before)
        assert refuse(record, *names, manifest=before, incident="INC-1").sequence == before.sequence + 1


@pytest.mark.parametrize("state", ["trusted", "retiring"])
def test_one_that_hosts_believe_remains(record: Path, state: str) -> None:
    only(record, a=A, other=signer(ROOTS[state], end=NOW + SECOND))
    assert refuse(record, "a").sequence == 8


@pytest.mark.parametrize(
    "other",
    [
        signer(ROOTS["staged"]),
        signer(ROOTS["distrusted"]),
        signer(STRANGER),
        signer(ROOTS["trusted"], end=NOW),
        signer(ROOTS["trusted"], end=NOW - SECOND),
        signer(ROOTS["trusted"], key=A.key),
    ],
    ids=["staged", "distrusted", "stranger", "ends now", "has ended", "same key"],
)
def test_one_that_hosts_do_not_believe_is_none(record: Path, other: pki.Leaf) -> None:
    only(record, a=A, other=other)
    with pytest.raises(TrustAnchorError, match="no manifest signer would remain that hosts believe"):
        refuse(record, "a")


def test_a_signer_that_the_record_does_not_have(record: Path) -> None:
    for name in ("x", "archive"):
        with pytest.raises(TrustAnchorError, match=f"the record has no manifest signer '{name}'.*signers/{name}.crt"):
            refuse(record, "a", name, incident="INC-1")


def test_what_is_no_certificate(record: Path) -> None:
    (record / "signers/b.crt").write_text("")
    with pytest.raises(TrustAnchorError, match=r"signers/b\.crt"):
        signers.certificates(record)
    with pytest.raises(TrustAnchorError, match=r"signers/b\.crt"):
        refuse(record, "b", incident="INC-1")


@pytest.mark.parametrize(("left", "soon"), [(-SECOND, True), (SECOND, False), (dt.timedelta(), False)])
def test_when_a_successor_has_to_be_planned(left: dt.timedelta, soon: bool) -> None:
    notice = 9 * pki.DAY
    one = signer(ROOTS["trusted"], end=NOW + notice + left)
    assert signers.ends_soon(one.certificate, NOW, notice) is soon
