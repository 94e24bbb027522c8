# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests signed by the real library and verified by the real openssl program, as hosts do it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils import strict_yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signed, signing
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.anchors import Anchor
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import (
    SignedManifest,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from cryptography.x509.oid import ExtendedKeyUsageOID
from factories import pki
from factories.manifests import sign, signer
from hypothesis import given
from hypothesis import strategies as st

R1, R2, STRANGER = pki.root("R1"), pki.root("R2"), pki.root("Stranger")
MANIFEST = SignedManifest(
    id=R1.sha256[:32],
    sequence=7,
    not_before=pki.NOW,
    not_after=pki.NOW + dt.timedelta(days=30),
    roots=(
        Root("r1", R1.sha256, "trusted", R1.pem),
        Root("r2", R2.sha256, "retiring", R2.pem),
        Root("r0", "ab" * 32, "distrusted"),
    ),
)
UNDER_R1 = signer(R1)
SIGNED = sign(MANIFEST, UNDER_R1)
SPAN = signing.Span(dt.timedelta(days=30), dt.timedelta(days=15))
ALL = Introductions(Path(), tuple(Anchor("any", root.sha256, "a test") for root in (R1, R2, STRANGER)))


def test_what_was_signed_is_read() -> None:
    assert signed.verify(SIGNED, R2.pem + R1.pem) == MANIFEST
    assert signed.read_unverified(SIGNED) == MANIFEST
    assert [root.name for root in MANIFEST.trusted] == ["r1", "r2"]
    assert MANIFEST.distrusted == ["ab" * 32]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sign(MANIFEST, signer(STRANGER)), "unable to get local issuer certificate"),
        (sign(MANIFEST, signer(R1.intermediate())), "certificate chain too long"),
        (
            sign(MANIFEST, signer(R1, purpose=ExtendedKeyUsageOID.SERVER_AUTH)),
            "unsuitable certificate purpose|unsupported certificate purpose",
        ),
        (sign(MANIFEST, signer(R1, purpose=None)), "only purpose must be signing messages"),
        (sign(MANIFEST, signer(R1, purpose=None, ca=True)), "only purpose must be signing messages"),
        (sign(MANIFEST, signer(R1, end=pki.NOW - pki.HOUR)), "certificate has expired"),
        (sign(MANIFEST, signer(R1, start=pki.NOW + pki.HOUR)), "certificate is not yet valid"),
        (b"", "no valid signature"),
        (b"garbage", "no valid signature"),
        (SIGNED[: len(SIGNED) // 2], "no valid signature"),
        (SIGNED.replace(b'"sequence": 7', b'"sequence": 8'), "no valid signature"),
    ],
    ids=[
        "stranger",
        "intermediate",
        "service",
        "no purpose",
        "authority",
        "expired",
        "early",
        "empty",
        "garbage",
        "truncated",
        "altered",
    ],
)
def test_what_a_host_refuses(content: bytes, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        signed.verify(content, R1.pem + R2.pem)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_changed_byte_changes_what_is_read(at: int, difference: int) -> None:
    changed = bytearray(SIGNED)
    changed[at] ^= difference
    try:
        found = signed.verify(bytes(changed), R1.pem)
    except TrustAnchorError:
        return
    assert found == MANIFEST  # OpenSSL overlooks some bytes of the envelope, never of the content


def document(**changes: Any) -> bytes:
    """The JSON document with other values."""
    return json.dumps({**json.loads(MANIFEST.to_json()), **changes}).encode()


ROOT = json.loads(MANIFEST.to_json())["roots"][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b'{"a": 1, "a": 2}', "a key occurs twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[" * 100000, "is not JSON"),
        (b"[]", "not a mapping"),
        (document(version=2), "version 2, written by a later version.*Bring the collection up to date"),
        (document(refused_signers="all"), "'refused_signers' is not a list"),
        (document(refused_signers=["12"]), "not a SHA-256 fingerprint"),
        (document(endorsements=["x"]), "endorsement is str, not a mapping"),
        (document(sequence=0), "a whole number from 1"),
        (document(sequence=None), "'sequence' is missing"),
        (document(id=""), "'id' is ''"),
        (document(not_before="soon"), "'not_before' is 'soon'"),
        (document(not_after="2020-01-01T00:00:00Z"), "ends before it begins"),
        (document(roots={}), "'roots' is not a list"),
        (document(roots=[]), "no trusted root"),
        (document(roots=[{**ROOT, "state": "staged"}]), "state is 'staged'"),
        (document(roots=[{**ROOT, "certificate": ""}]), "'certificate' is ''"),
        (document(roots=[{**ROOT, "sha256": "12"}]), "not a SHA-256 fingerprint"),
        (document(roots=[ROOT, ROOT]), "lists a name twice"),
        (document(roots=[ROOT, {**ROOT, "name": "again"}]), "lists a sha256 twice"),
        (document(roots=[{**ROOT, "state": "distrusted"}]), "no trusted root"),
    ],
)
def test_strict_reading(content: bytes, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        signed.parse(content)


KEYS = st.sampled_from(["version", "id", "sequence", "not_before", "not_after", "roots", "x"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_any_document_is_read_or_refused_in_order(content: Any) -> None:
    with pytest.raises(TrustAnchorError):
        signed.parse(json.dumps(content).encode())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A public record with r1 and r2 trusted, r3 staged, and a signer below r1."""
    entries = []
    for name, root, state in (("r1", R1, "trusted"), ("r2", R2, "retiring"), ("r3", STRANGER, "staged")):
        (tmp_path / "roots").mkdir(exist_ok=True)
        (tmp_path / f"roots/{name}.crt").write_text(root.pem)
        entries.append({"name": name, "sha256": root.sha256, "state": state})
    (tmp_path / "trust.yml").write_bytes(strict_yaml.dump({"version": 1, "sequence": 3, "roots": entries}))
    (tmp_path / "signers").mkdir()
    (tmp_path / "signers/manifest1.crt").write_text(pki.pem(UNDER_R1.certificate))
    return tmp_path


def plan(directory: Path, now: dt.datetime = pki.NOW, key: Any = UNDER_R1.key) -> signing.Signing:
    return signing.plan(str(directory), key, now, SPAN, ALL)


def test_a_record_is_signed_once(directory: Path) -> None:
    first = plan(directory)
    assert first.reason == "there is no signed manifest"
    assert [root.name for root in first.manifest.roots] == ["r1", "r2"]
    (directory / "trust.p7m").write_bytes(first.sign(UNDER_R1.key))
    assert plan(directory).reason == ""
    assert plan(directory, pki.NOW + dt.timedelta(days=14)).reason == ""


def test_it_is_signed_again_in_time_and_when_it_changed(directory: Path) -> None:
    (directory / "trust.p7m").write_bytes(plan(directory).sign(UNDER_R1.key))
    assert "is valid until" in plan(directory, pki.NOW + dt.timedelta(days=16)).reason
    changed = (directory / "trust.yml").read_text().replace("retiring", "trusted").replace("sequence: 3", "sequence: 4")
    (directory / "trust.yml").write_text(changed)
    assert "at sequence 3" in plan(directory).reason


def test_it_is_not_valid_for_longer_than_its_signer(directory: Path) -> None:
    short = signer(R1, end=pki.NOW + dt.timedelta(days=3))
    (directory / "signers/manifest1.crt").write_text(pki.pem(short.certificate))
    planned = plan(directory, key=short.key)
    assert planned.manifest.not_after == pki.NOW + dt.timedelta(days=3)
    (directory / "trust.p7m").write_bytes(planned.sign(short.key))
    assert plan(directory, key=short.key).reason == ""  # signing again would not make it longer


def test_damaged_or_foreign_is_replaced(directory: Path) -> None:
    for content in (b"garbage", sign(MANIFEST, signer(STRANGER))):
        (directory / "trust.p7m").write_bytes(content)
        assert "no valid signature" in plan(directory).reason


@pytest.mark.parametrize(
    ("authority", "end", "message"),
    [
        (STRANGER, pki.NOW + pki.DAY, "not issued by a root that hosts trust.*trusted are: r1, r2"),
        (R1, pki.NOW - pki.HOUR, "the manifest signer has expired"),
    ],
)
def test_a_signer_that_hosts_would_refuse(
    directory: Path, authority: pki.Authority, end: dt.datetime, message: str
) -> None:
    wrong = signer(authority, end=end)
    (directory / "signers/manifest1.crt").write_text(pki.pem(wrong.certificate))
    with pytest.raises(TrustAnchorError, match=message):
        plan(directory, key=wrong.key)


@pytest.mark.parametrize("names", [("manifest1", "manifest2"), ("manifest2", "manifest1")])
def test_of_several_certificates_of_a_key_the_one_that_ends_last_signs(directory: Path, names: tuple[str, str]) -> None:
    soon, late = (signer(R1, end=pki.NOW + days * pki.DAY, key=UNDER_R1.key) for days in (200, 400))
    for name, one in zip(names, (soon, late), strict=True):
        (directory / f"signers/{name}.crt").write_text(pki.pem(one.certificate))
    assert plan(directory).signer == late.certificate


def test_what_a_host_would_refuse_is_not_signed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_content: bytes) -> Any:
        raise TrustAnchorError("hosts refuse it")

    monkeypatch.setattr(signed, "parse", refuse)
    with pytest.raises(TrustAnchorError, match="hosts refuse it"):
        plan(directory)


def test_another_key(directory: Path) -> None:
    with pytest.raises(TrustAnchorError, match="no manifest signer of the record has this key"):
        plan(directory, key=pki.new_key())


def test_a_key_is_not_repeated() -> None:
    secret = pki.key_pem(pki.new_key())
    assert signing.load_key(secret)
    broken = secret.replace("\n-----END", "AAAA\n-----END")
    for text in ("", broken, R1.pem):
        with pytest.raises(TrustAnchorError, match="key of the manifest signer cannot be read") as caught:
            signing.load_key(text)
        assert secret.splitlines()[1] not in str(caught.value)


def test_openssl_alone_prints_it(tmp_path: Path) -> None:
    """What the guide tells people to run."""
    for name, content in (("trust.p7m", SIGNED), ("roots.pem", R1.pem.encode())):
        (tmp_path / name).write_bytes(content)
    command = "openssl cms -verify -binary -inform DER -in trust.p7m -CAfile roots.pem -no-CApath -no-CAstore"
    said = subprocess.run(
        [*command.split(), "-purpose", "smimesign", "-verify_depth", "0"], cwd=tmp_path, capture_output=True, check=True
    )
    assert json.loads(said.stdout)["sequence"] == 7


def test_a_new_root_is_introduced_by_an_old_one(directory: Path) -> None:
    """Hosts verify with what the manifest before had; the key has certificates below both."""
    (directory / "trust.p7m").write_bytes(plan(directory).sign(UNDER_R1.key))
    key = UNDER_R1.key
    third = signer(STRANGER, end=pki.NOW + 700 * pki.DAY, key=key)
    (directory / "signers/manifest3.crt").write_text(pki.pem(third.certificate))
    changed = (directory / "trust.yml").read_text().replace("state: staged", "state: trusted")
    (directory / "trust.yml").write_text(changed.replace("sequence: 3", "sequence: 4"))
    planned = plan(directory)
    assert planned.signer == UNDER_R1.certificate
    signed.verify(planned.sign(key), R1.pem)
    (directory / "signers/manifest1.crt").unlink()
    with pytest.raises(TrustAnchorError, match="hosts that pull do not know the root of this manifest signer yet"):
        plan(directory)


def test_an_expired_root_is_told_and_stops_no_signature(directory: Path) -> None:
    old = pki.root("Old", start=pki.NOW - 9 * pki.DAY, end=pki.NOW - pki.DAY)
    (directory / "roots/r2.crt").write_text(old.pem)
    (directory / "trust.yml").write_text((directory / "trust.yml").read_text().replace(R2.sha256, old.sha256))
    anchors = (*ALL.anchors, Anchor("old", old.sha256, "a test"))
    planned = signing.plan(str(directory), UNDER_R1.key, pki.NOW, SPAN, Introductions(Path(), anchors))
    assert [one for one in planned.problems if "root 'r2' has expired" in one and "Make it distrusted" in one]
    assert signed.verify(planned.sign(UNDER_R1.key), R1.pem).sequence == 3
    (directory / "signers/manifest1.crt").write_text(pki.pem(signer(old, key=UNDER_R1.key).certificate))
    with pytest.raises(TrustAnchorError, match="not issued by a root that hosts trust.*trusted are: r1;"):
        signing.plan(str(directory), UNDER_R1.key, pki.NOW, SPAN, Introductions(Path(), anchors))


def test_what_is_planned_is_what_hosts_read(directory: Path) -> None:
    """Its times are whole seconds."""
    planned = plan(directory, pki.NOW + dt.timedelta(milliseconds=1500))
    assert signed.verify(planned.sign(UNDER_R1.key), R1.pem) == planned.manifest
    assert planned.manifest.not_before == pki.NOW + dt.timedelta(seconds=1)
