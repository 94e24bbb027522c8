# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import ipaddress

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.chains import check_chain
from cryptography import x509
from factories import pki
from factories.pki import profiled as make

ROOT = make.root(pki.FIXED_NOW - dt.timedelta(days=10))
KEY = make.new_key()
INTERMEDIATE = make.intermediate(ROOT, KEY, pki.FIXED_NOW - dt.timedelta(days=5), days=100)
LEAF = make.leaf(INTERMEDIATE, KEY, [x509.DNSName("www.corp.example")])
HOUR = dt.timedelta(hours=1)


def test_a_chain_holds_whatever_else_is_at_hand() -> None:
    other = make.intermediate(ROOT, make.new_key())
    assert check_chain(LEAF, [other, INTERMEDIATE, ROOT], ROOT, pki.FIXED_NOW + HOUR) == [LEAF, INTERMEDIATE, ROOT]
    assert check_chain(INTERMEDIATE, [], ROOT, pki.FIXED_NOW) == [INTERMEDIATE, ROOT]


def test_missing_intermediate() -> None:
    with pytest.raises(TrustAnchorError, match="was not issued by"):
        check_chain(LEAF, [], ROOT, pki.FIXED_NOW + HOUR)


def test_root_of_the_same_name_with_another_signature() -> None:
    imposter = make.root(pki.FIXED_NOW, subject="CN=Other Root")
    with pytest.raises(TrustAnchorError, match="was not issued by"):
        check_chain(LEAF, [INTERMEDIATE], imposter, pki.FIXED_NOW + HOUR)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (pki.FIXED_NOW + dt.timedelta(days=2), "has expired"),
        (pki.FIXED_NOW - dt.timedelta(days=1), "is not yet valid"),
        (pki.FIXED_NOW + dt.timedelta(days=200), "has expired"),
    ],
)
def test_dates(at: dt.datetime, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        check_chain(LEAF, [INTERMEDIATE], ROOT, at)


def test_a_leaf_is_not_an_issuer() -> None:
    signer = make.new_key()
    host = make.leaf(ROOT, make.ROOT_KEY, [x509.DNSName("a.corp.example")])
    forged = make.leaf(host, signer, [x509.DNSName("b.corp.example")])
    with pytest.raises(TrustAnchorError, match="was not issued by"):
        check_chain(forged, [host], ROOT, pki.FIXED_NOW + HOUR)


def test_path_length() -> None:
    lower_key = make.new_key()
    lower = make.intermediate(ROOT, lower_key, subject="CN=Lower")
    below = (
        x509.CertificateBuilder()
        .subject_name(lower.subject)
        .issuer_name(INTERMEDIATE.subject)
        .public_key(lower_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(pki.FIXED_NOW)
        .not_valid_after(pki.FIXED_NOW + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(KEY, INTERMEDIATE.signature_hash_algorithm)  # type: ignore[arg-type]
    )
    with pytest.raises(TrustAnchorError, match="path below 'CN=Test Intermediate'.* is too long"):
        check_chain(below, [INTERMEDIATE], ROOT, pki.FIXED_NOW + HOUR)


@pytest.mark.parametrize("name", [x509.DNSName("www.example.org"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))])
def test_names_outside_of_the_constraints(name: x509.GeneralName) -> None:
    stray = make.leaf(INTERMEDIATE, KEY, [name])
    with pytest.raises(TrustAnchorError, match="does not permit that name"):
        check_chain(stray, [INTERMEDIATE], ROOT, pki.FIXED_NOW + HOUR)
