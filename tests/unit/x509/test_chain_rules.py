# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of a path by itself (RFC 5280 section 6.1): what breaks it, and what just holds."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import fingerprint
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.chains import check_chain
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from factories import pki

START, END = pki.FIXED_NOW - pki.DAY, pki.FIXED_NOW + 30 * pki.DAY


@dataclass(frozen=True)
class Ca:
    """A CA certificate and its key."""

    certificate: x509.Certificate
    key: pki.PrivateKey


def usage(cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, cert_sign, False, False, False)


def ca(
    name: str,
    issuer: Ca | None = None,
    *,
    path_length: int | None = None,
    is_ca: bool = True,
    key_usage: x509.KeyUsage | None = None,
    permitted: tuple[x509.GeneralName, ...] = (),
    start: dt.datetime = START,
    end: dt.datetime = END,
) -> Ca:
    key = pki.new_key()
    above = issuer.certificate.subject if issuer else pki.name(name)
    builder = pki.bare(pki.name(name), above, key.public_key(), start, end)
    builder = builder.add_extension(x509.BasicConstraints(is_ca, path_length), critical=True)
    if key_usage:
        builder = builder.add_extension(key_usage, critical=True)
    if permitted:
        builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    return Ca(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def leaf(issuer: Ca, *names: str, subject: str = "leaf", start: dt.datetime = START) -> x509.Certificate:
    found = x509.Name([]) if not subject else pki.name(subject)
    builder = pki.bare(found, issuer.certificate.subject, pki.new_key().public_key(), start, END)
    if names:
        san = x509.SubjectAlternativeName([pki.general_name(name) for name in names])
        builder = builder.add_extension(san, critical=not subject)
    return builder.sign(issuer.key, hashes.SHA256())


def refusal(certificate: x509.Certificate, issuers: list[Ca], root: Ca, at: dt.datetime = pki.FIXED_NOW) -> str:
    """Why a chain is refused; empty: it holds, and the path is whole."""
    try:
        path = check_chain(certificate, [one.certificate for one in reversed(issuers)], root.certificate, at)
    except TrustAnchorError as error:
        return str(error)
    assert path == [certificate, *(one.certificate for one in issuers), root.certificate]
    return ""


@pytest.mark.parametrize(
    ("lengths", "refused"),
    [
        # Of the root, of what is below it, and so on down to the issuer of a leaf.
        ((None, None, None), ""),
        ((2, 1, 0), ""),
        ((1, 1, 0), "the path below 'CN=0'"),
        ((2, 0, 0), "the path below 'CN=1'"),
        ((2, 1, None), ""),
        ((0, 0), "the path below 'CN=0'"),
        ((1, 0), ""),
        ((0,), ""),
    ],
)
def test_how_many_cas_may_follow(lengths: tuple[int | None, ...], refused: str) -> None:
    line: list[Ca] = []
    for index, length in enumerate(lengths):
        line.append(ca(str(index), line[-1] if line else None, path_length=length))
    root, *below = line
    found = refusal(leaf(line[-1]), below[::-1], root)
    assert bool(found) == bool(refused) and found.startswith(refused)
    if refused:
        assert "is too long" in found and "CA certificate(s) follow" in found


def test_a_ca_at_the_end_counts_itself() -> None:
    """An intermediate that is checked by itself needs room above, as it does when it has leaves."""
    root = ca("root", path_length=0)
    assert refusal(leaf(root), [], root) == ""
    assert "is too long: its path length is 0, and 1 CA" in refusal(ca("lower", root).certificate, [], root)


def test_a_ca_that_its_own_name_issued_does_not_count() -> None:
    """RFC 5280 section 4.2.1.9: a new key under the old name."""
    root = ca("same", path_length=0)
    renewed = ca("same", root, path_length=0)
    assert refusal(leaf(renewed), [renewed], root) == ""


@pytest.mark.parametrize("where", ["root", "between"])
def test_each_issuer_must_be_a_ca_that_may_sign(where: str) -> None:
    def refused(is_ca: bool = True, key_usage: x509.KeyUsage | None = None) -> str:
        root = ca("root", is_ca=is_ca, key_usage=key_usage) if where == "root" else ca("root")
        between = ca("between", root) if where == "root" else ca("between", root, is_ca=is_ca, key_usage=key_usage)
        return refusal(leaf(between), [between], root)

    assert refused() == refused(key_usage=usage(cert_sign=True)) == ""
    assert f"'CN={where}'" in refused(is_ca=False) and "is not a CA" in refused(is_ca=False)
    assert "may not sign certificates" in refused(key_usage=usage(cert_sign=False))


def test_what_is_at_the_end_needs_no_right_to_sign() -> None:
    root = ca("root")
    assert refusal(ca("end", root, is_ca=False, key_usage=usage(cert_sign=False)).certificate, [], root) == ""


SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("at", "refused"),
    [
        (START - SECOND, "is not yet valid"),
        (START, ""),
        (END, ""),
        (END + SECOND, "has expired"),
    ],
)
@pytest.mark.parametrize("longer", ["leaf", "between", "root"])
def test_each_must_be_valid_to_the_second(at: dt.datetime, refused: str, longer: str) -> None:
    """All others live for years."""
    years = 999 * pki.DAY

    def made(name: str, issuer: Ca | None = None) -> Ca:
        more = dt.timedelta() if name == longer else years
        return ca(name, issuer, start=START - more, end=END + more)

    root = made("root")
    between = made("between", root)
    end = leaf(between) if longer == "leaf" else made("end", between).certificate
    found = refusal(end, [between], root, at)
    assert bool(found) == bool(refused) and refused in found
    assert not found or f"'CN={longer}'" in found


@pytest.mark.parametrize("where", ["root", "between"])
def test_names_are_asked_of_each_issuer(where: str) -> None:
    trees = (x509.DNSName("corp.example"), x509.IPAddress(ipaddress.ip_network("10.0.0.0/8")))
    root = ca("root", permitted=trees if where == "root" else ())
    between = ca("between", root, permitted=trees if where == "between" else ())
    for names in (("a.corp.example",), ("10.1.2.3",), ("a.corp.example", "10.1.2.3"), ()):
        assert refusal(leaf(between, *names), [between], root) == ""
    for name in ("a.example", "192.0.2.1"):
        found = refusal(leaf(between, "a.corp.example", "10.1.2.3", name), [between], root)
        assert f"carries '{name}'" in found and f"'CN={where}'" in found and "does not permit" in found


def test_what_was_at_hand_is_told() -> None:
    root, other, stranger = ca("root"), ca("other"), ca("stranger")
    lost = leaf(stranger, "a.example", subject="")
    with pytest.raises(TrustAnchorError) as caught:
        check_chain(lost, [other.certificate], root.certificate, pki.FIXED_NOW)
    text = str(caught.value)
    assert text.startswith("'(empty subject)' (serial") and "its issuer is CN=stranger" in text
    for one in (root, other):
        assert f"'{one.certificate.subject.rfc4514_string()}'" in text
        assert f"sha256 {fingerprint(one.certificate)[:16]}" in text


def test_two_that_certify_each_other_end_the_search() -> None:
    """Neither is tried a second time."""
    one, two = ca("one"), ca("two")
    around = Ca(
        pki.bare(two.certificate.subject, one.certificate.subject, two.key.public_key(), START, END)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(one.key, hashes.SHA256()),
        two.key,
    )
    back = Ca(
        pki.bare(one.certificate.subject, two.certificate.subject, one.key.public_key(), START, END)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(two.key, hashes.SHA256()),
        one.key,
    )
    assert "was not issued by" in refusal(leaf(around), [around, back], ca("root"))
