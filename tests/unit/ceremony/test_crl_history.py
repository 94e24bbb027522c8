# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A revocation is never dropped, wherever the CRL that has it went; a signer of manifests is never revoked by CRL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts import crl_history
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.crls import crl_number
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from factories import ceremonies as factory
from factories.ceremony_host import CeremonyHost

NUMBER_2 = "crls/archive/r1-2.crl"


@pytest.fixture(scope="module")
def revoked(tmp_path_factory: pytest.TempPathFactory) -> CeremonyHost:
    """A machine on which the second CRL has revoked the intermediate."""
    host = CeremonyHost(
        tmp_path_factory.mktemp("host"), ["root:r1", "intermediate:ca1", "manifest_signer:m1", "crl:r1"]
    )
    host.plan["pkilint"] = "optional"
    host.hold()
    next_crl(host, 2, [{"certificate": "intermediates/ca1.crt", "reason": "key_compromise"}])
    host.hold()
    return host


def next_crl(host: CeremonyHost, number: int, entries: list[dict[str, Any]]) -> None:
    root = x509.load_pem_x509_certificate((host.home / "roots/r1.crt").read_bytes())
    pin = hashlib.sha256(root.public_bytes(Encoding.DER)).hexdigest()
    act = {"act": "crl", "issuer": "r1", "number": number, "days": 365, "revoked": entries}
    host.plan.update(name=f"{number:04}", roots={"r1": {"sha256": pin}}, acts=[act])


def moved(home: Path) -> None:
    (home / "crls/r1.crl").rename(home / NUMBER_2)


def older(home: Path) -> None:
    (home / "crls/r1.crl").write_bytes((home / "crls/archive/r1-1.crl").read_bytes())


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda home: None, "does not have the entry .* key_compromise .* crls/r1.crl has it|a revocation is final"),
        (lambda home: (home / "crls/r1.crl").unlink(), "crls/r1.crl is absent, but ceremonies/0002/.* has number 2"),
        (moved, "crls/r1.crl is absent, but .* number 2"),
        (older, "crls/r1.crl is number 1, but .* number 2"),
    ],
)
def test_no_plan_drops_a_revocation(revoked: CeremonyHost, tamper: Callable[[Path], object], message: str) -> None:
    kept = (revoked.home / "crls/r1.crl").read_bytes()
    next_crl(revoked, 3, [])
    try:
        tamper(revoked.home)
        with pytest.raises(TrustAnchorError, match=message):
            revoked.state()
    finally:
        (revoked.home / NUMBER_2).unlink(missing_ok=True)
        (revoked.home / "crls/r1.crl").write_bytes(kept)


def test_a_rehearsal_keeps_what_was_revoked_in_earnest(revoked: CeremonyHost) -> None:
    next_crl(revoked, 3, [])
    revoked.rehearsal = True
    try:
        with pytest.raises(TrustAnchorError, match="a revocation is final"):
            revoked.state()
    finally:
        revoked.rehearsal = False


def test_a_number_is_used_once(revoked: CeremonyHost) -> None:
    """Number 2 was signed; its file was put away and another number 2 planned."""
    kept = (revoked.home / "crls/r1.crl").read_bytes()
    older(revoked.home)
    next_crl(revoked, 2, [{"serial": "ab12"}])
    revoked.plan["name"] = "0009"
    try:
        with pytest.raises(TrustAnchorError, match="another CRL with the number 2"):
            revoked.state()
    finally:
        (revoked.home / "crls/r1.crl").write_bytes(kept)


@pytest.mark.parametrize("by_serial", [False, True])
def test_a_manifest_signer_is_not_revoked_by_crl(revoked: CeremonyHost, by_serial: bool) -> None:
    pem = (revoked.home / "signers/m1.crt").read_bytes()
    serial = x509.load_pem_x509_certificate(pem).serial_number
    entry = {"serial": f"{serial:x}"} if by_serial else {"certificate": "signers/m1.crt"}
    next_crl(revoked, 3, [entry])
    with pytest.raises(TrustAnchorError, match="is not a CA.*let hosts accept the trust manifest"):
        revoked.state()


def test_the_newest_of_a_record(tmp_path: Path) -> None:
    factory.hold_all(tmp_path)
    key = factory.KEYS["r1"].public_key()
    known = crl_history.known_crls(tmp_path, "r1", key)
    assert [(one.number, one.published) for one in known] == [(1, True), (1, True), (2, True), (2, True)]
    newest = crl_history.newest_crl(tmp_path, "r1", key)
    assert newest is not None and crl_number(newest) == 2
    assert crl_history.newest_crl(tmp_path, "r9", key) is None
    other = tmp_path / "crls/archive/r1-7.crl"
    other.write_bytes((tmp_path / "crls/s1.crl").read_bytes())
    with pytest.raises(TrustAnchorError, match="archive/r1-7.crl is not signed by 'r1'"):
        crl_history.newest_crl(tmp_path, "r1", key)
