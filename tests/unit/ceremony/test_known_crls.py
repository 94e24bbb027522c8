# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which CRLs a record knows of a root: from files and from transcripts, with all that can be wrong about either."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts import crl_history
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind, Transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.builders import Revoked
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from factories import pki

KEY, OTHER = pki.new_key(), pki.new_key()
PUBLIC = KEY.public_key()
REASON = x509.ReasonFlags


def crl(number: int, *revoked: Revoked, key: Any = KEY) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(pki.name("r1"))
    builder = builder.last_update(pki.FIXED_NOW).next_update(pki.FIXED_NOW + pki.DAY)
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(one.date)
        if one.reason is not REASON.unspecified:
            entry = entry.add_extension(x509.CRLReason(one.reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def put(record: Path, name: str, content: bytes) -> None:
    path = record / "crls" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def signed(record: Path, ceremony: str, der: bytes | str, act: str = "crl:r1", written: bool = True) -> Path:
    """A ceremony that signed a CRL and, as a rule, wrote it."""
    path = record / "ceremonies" / ceremony / "transcript.jsonl"
    path.parent.mkdir(parents=True)
    log = Transcript.open(path, lambda: pki.FIXED_NOW)
    log.append(EventKind.OPENED)
    text = der if isinstance(der, str) else base64.b64encode(der).decode()
    log.append(EventKind.SIGNED, act=act, der=text)
    if written:
        log.append(EventKind.WRITTEN, act=act)
    return path


def known(record: Path, root: str = "r1", key: Any = PUBLIC) -> list[tuple[int, str, bool]]:
    return [(one.number, one.source, one.published) for one in crl_history.known_crls(record, root, key)]


def test_nothing_is_known_of_a_new_root(tmp_path: Path) -> None:
    assert known(tmp_path) == []
    assert crl_history.newest_crl(tmp_path, "r1", PUBLIC) is None


def test_files_in_their_place_and_in_the_archive(tmp_path: Path) -> None:
    put(tmp_path, "r1.crl", crl(3))
    for name, number in (("r1-1.crl", 1), ("r1-2.crl", 2)):
        put(tmp_path, f"archive/{name}", crl(number))
    expected = [(1, "crls/archive/r1-1.crl", True), (2, "crls/archive/r1-2.crl", True), (3, "crls/r1.crl", True)]
    assert known(tmp_path) == expected


@pytest.mark.parametrize("name", ["r10-1.crl", "r1-old-1.crl", "xr1-1.crl", "r1-1.crl.bak", "r1-.crl", "r1-x.crl"])
def test_files_of_other_roots_are_not_its(tmp_path: Path, name: str) -> None:
    """A root may be called r1-old."""
    put(tmp_path, f"archive/{name}", crl(1, key=OTHER))
    assert known(tmp_path) == []


def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    put(tmp_path, "archive/rx1-1.crl", crl(1, key=OTHER))
    assert known(tmp_path, root="r.1") == []


@pytest.mark.parametrize("name", ["r1.crl", "archive/r1-7.crl"])
def test_a_file_by_another_key(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, crl(7, key=OTHER))
    with pytest.raises(TrustAnchorError, match=f"crls/{name} is not signed by 'r1'. its number cannot be trusted"):
        known(tmp_path)
    assert known(tmp_path, key=None) == [(7, f"crls/{name}", True)]  # the root's certificate is lost


def test_a_file_that_is_no_crl(tmp_path: Path) -> None:
    put(tmp_path, "r1.crl", b"garbage")
    with pytest.raises(TrustAnchorError, match="crls/r1.crl holds no DER-encoded CRL"):
        known(tmp_path)


def test_transcripts_know_what_was_signed(tmp_path: Path) -> None:
    signed(tmp_path, "0002", crl(2), written=False)
    signed(tmp_path, "0001", crl(1))
    signed(tmp_path, "0003", crl(9), act="crl:s1")
    first, second = (f"ceremonies/{number}/transcript.jsonl" for number in ("0001", "0002"))
    assert known(tmp_path) == [(1, first, True), (2, second, False)]


def test_a_signature_by_a_wrong_token_is_worth_nothing(tmp_path: Path) -> None:
    signed(tmp_path, "0001", crl(1, key=OTHER))
    assert known(tmp_path) == []
    assert known(tmp_path, key=None) == [(1, "ceremonies/0001/transcript.jsonl", True)]


def test_what_another_act_wrote_does_not_publish_it(tmp_path: Path) -> None:
    path = signed(tmp_path, "0001", crl(1), written=False)
    log = Transcript.open(path, lambda: pki.FIXED_NOW)
    log.append(EventKind.WRITTEN, act="root:r1")
    assert known(tmp_path) == [(1, "ceremonies/0001/transcript.jsonl", False)]


def test_a_torn_last_line_is_not_an_event(tmp_path: Path) -> None:
    path = signed(tmp_path, "0001", crl(1))
    path.write_bytes(path.read_bytes() + b'{"data":{"act":"crl:r1"')
    assert [number for number, _source, _published in known(tmp_path)] == [1]


def test_a_transcript_that_was_changed(tmp_path: Path) -> None:
    path = signed(tmp_path, "0001", crl(1))
    path.write_bytes(path.read_bytes().replace(b"signed", b"signet", 1))
    with pytest.raises(TrustAnchorError, match="ceremonies/0001/transcript.jsonl"):
        known(tmp_path)


@pytest.mark.parametrize("text", ["*", "AAAA=A", "A"])
def test_what_was_signed_is_not_base64(tmp_path: Path, text: str) -> None:
    signed(tmp_path, "0001", text)
    with pytest.raises(TrustAnchorError, match="0001/transcript.jsonl: what was signed is not Base64"):
        known(tmp_path)


@pytest.mark.parametrize(
    ("in_place", "published", "message"),
    [
        (None, True, "^crls/r1.crl is absent, but ceremonies/0005/transcript.jsonl has number 5"),
        (4, True, "^crls/r1.crl is number 4, but ceremonies/0005/transcript.jsonl has number 5"),
        (5, True, ""),
        (6, True, ""),
        (4, False, ""),
        (None, False, ""),
    ],
)
def test_the_last_published_one_must_be_in_its_place(
    tmp_path: Path, in_place: int | None, published: bool, message: str
) -> None:
    """What was signed and never written binds nobody to a file, but its number is known."""
    signed(tmp_path, "0005", crl(5), written=published)
    if in_place is not None:
        put(tmp_path, "r1.crl", crl(in_place))
    if message:
        with pytest.raises(TrustAnchorError, match=message):
            crl_history.newest_crl(tmp_path, "r1", PUBLIC)
        return
    newest = crl_history.newest_crl(tmp_path, "r1", PUBLIC)
    number = newest.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number if newest is not None else 0
    assert number == max(5, in_place or 0)


ONE = Revoked(1, REASON.unspecified, pki.FIXED_NOW)
TWO = Revoked(2, REASON.key_compromise, pki.FIXED_NOW - dt.timedelta(days=1))


def parsed(*revoked: Revoked) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(crl(1, *revoked))


def test_entries_of_a_crl() -> None:
    assert crl_history.revocations(parsed(ONE, TWO)) == {1: ONE, 2: TWO}
    assert crl_history.revocations(parsed()) == {}


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        ({1: ONE, 2: TWO}, []),
        ({1: ONE, 2: TWO, 3: Revoked(3, REASON.superseded, pki.FIXED_NOW)}, []),
        ({1: ONE}, [TWO]),
        ({}, [ONE, TWO]),
        ({1: ONE, 2: Revoked(2, REASON.superseded, TWO.date)}, [TWO]),
        ({1: ONE, 2: Revoked(2, TWO.reason, pki.FIXED_NOW)}, [TWO]),
    ],
)
def test_what_a_successor_dropped(after: dict[int, Revoked], lost: list[Revoked]) -> None:
    assert crl_history.dropped(parsed(ONE, TWO), after) == lost
