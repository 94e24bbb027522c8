# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody declared is refused below a CA: by openssl, and by our own reading of it."""

from __future__ import annotations

import datetime as dt
import ipaddress
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.chains import check_chain
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.constraint_set import (
    ConstraintSet,
    closed,
    parse_constraints,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.name_constraints import permits_name
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from factories.pki import DAY, NOW
from factories.pki import profiled as make

DECLARED = {"permitted_dns": ["corp.example"], "permitted_ip": ["10.0.0.0/8"]}
PEOPLE = {**DECLARED, "permitted_email": ["corp.example"], "permitted_uri": [".corp.example", "login.example"]}
KEY, LEAF_KEY = make.new_key(), make.new_key()
TLS = ["server_auth", "client_auth"]


def dns(text: str) -> x509.GeneralName:
    return x509.DNSName(text)


def ip(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(text))


def email(text: str) -> x509.GeneralName:
    return x509.RFC822Name(text)


def uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


CASES = [
    (DECLARED, dns("www.corp.example"), True),
    (DECLARED, dns("*.corp.example"), True),
    (DECLARED, dns("www.example.org"), False),
    (DECLARED, ip("10.1.2.3"), True),
    (DECLARED, ip("192.0.2.1"), False),
    (DECLARED, ip("2001:db8::1"), False),
    (DECLARED, ip("::"), True),  # the address that nobody has
    (DECLARED, email("ada@corp.example"), False),
    (DECLARED, email("ada@example.org"), False),
    (DECLARED, uri("https://www.corp.example/"), False),
    (DECLARED, uri("https://example.org/"), False),
    (DECLARED, uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), False),
    (DECLARED, uri("https://10.1.2.3/"), False),
    (PEOPLE, email("ada@corp.example"), True),
    (PEOPLE, email("ada@CORP.example"), True),
    (PEOPLE, email("ada@mail.corp.example"), False),
    (PEOPLE, email("ada@notcorp.example"), False),
    (PEOPLE, uri("https://a.b.corp.example/ada"), True),
    (PEOPLE, uri("https://corp.example/ada"), False),
    (PEOPLE, uri("https://login.example:8443/ada"), True),
    (PEOPLE, uri("https://www.login.example/ada"), False),
    ({**DECLARED, "permitted_email": ["ada@corp.example"]}, email("ada@corp.example"), True),
    ({**DECLARED, "permitted_email": ["ada@corp.example"]}, email("grace@corp.example"), False),
    ({**DECLARED, "permitted_email": [".corp.example"]}, email("ada@mail.corp.example"), True),
    ({**DECLARED, "permitted_email": [".corp.example"]}, email("ada@corp.example"), False),
    ({**PEOPLE, "excluded_email": ["eve@corp.example"]}, email("eve@corp.example"), False),
    ({**PEOPLE, "excluded_uri": ["x.corp.example"]}, uri("https://x.corp.example/"), False),
    ({"permitted_dns": ["corp.example"]}, ip("10.1.2.3"), False),
    ({"permitted_dns": ["corp.example"], "excluded_ip": ["10.9.0.0/16"]}, ip("192.0.2.1"), False),
    ({"permitted_dns": ["corp.example"], "permitted_ip": ["2001:db8::/32"]}, ip("10.1.2.3"), False),
]


def root(declared: dict[str, Any]) -> x509.Certificate:
    return make.root(NOW, name_constraints=closed(declared))


def leaf(issuer: x509.Certificate, *names: x509.GeneralName, usage: Any = None) -> x509.Certificate:
    """A leaf without a common name, as strict verifiers want it."""
    usage = usage or ExtendedKeyUsageOID.SERVER_AUTH
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(LEAF_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(KEY.public_key()), critical=False)
    )
    return builder.sign(KEY, hashes.SHA384())


def openssl_accepts(path: list[x509.Certificate], directory: Path, purpose: str = "sslserver") -> bool:
    files = [directory / name for name in ("leaf.pem", "intermediate.pem", "root.pem")]
    for file, one in zip(files, path, strict=True):
        file.write_bytes(certificates.to_pem(one))
    moment = str(int((NOW + dt.timedelta(hours=1)).timestamp()))
    command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-purpose", purpose, "-attime", moment]
    files_given = ["-CAfile", str(files[2]), "-untrusted", str(files[1]), str(files[0])]
    return subprocess.run([*command, *files_given], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("declared", "name", "accepted"), CASES)
def test_openssl_and_we_read_a_root_alike(
    declared: dict[str, Any], name: x509.GeneralName, accepted: bool, tmp_path: Path
) -> None:
    above = root(declared)
    intermediate = make.intermediate(above, KEY, NOW)
    one = leaf(intermediate, name)
    assert permits_name(above, name) is accepted
    assert openssl_accepts([one, intermediate, above], tmp_path) is accepted
    if accepted:
        check_chain(one, [intermediate], above, NOW)
    else:
        with pytest.raises(TrustAnchorError, match="does not permit that name"):
            check_chain(one, [intermediate], above, NOW)


@pytest.mark.parametrize("name", [email("ada@corp.example"), uri("https://evil.example/"), dns("evil.example")])
def test_the_intermediate_alone_refuses_it_too(name: x509.GeneralName, tmp_path: Path) -> None:
    """As for Java, which does not look at a root's constraints."""
    above = make.root(NOW, name_constraints=None, unconstrained=True)
    intermediate = make.intermediate(above, KEY, NOW, name_constraints=closed(DECLARED), extended_key_usage=TLS)
    assert not openssl_accepts([leaf(intermediate, name), intermediate, above], tmp_path)
    assert openssl_accepts([leaf(intermediate, dns("www.corp.example")), intermediate, above], tmp_path)


@pytest.mark.parametrize(("purposes", "accepted"), [(TLS, False), (["any"], True), (["email_protection"], True)])
def test_the_purposes_of_an_intermediate_hold_below_it(purposes: list[str], accepted: bool, tmp_path: Path) -> None:
    above = root(PEOPLE)
    intermediate = make.intermediate(above, KEY, NOW, extended_key_usage=purposes)
    one = leaf(intermediate, email("ada@corp.example"), usage=ExtendedKeyUsageOID.EMAIL_PROTECTION)
    assert openssl_accepts([one, intermediate, above], tmp_path, "smimesign") is accepted


@pytest.mark.parametrize(
    ("declared", "more"),
    [
        ({}, {"excluded_ip": ["0.0.0.0/0", "::/0"]}),
        ({"permitted_ip": ["10.0.0.0/8"]}, {"permitted_ip": ["10.0.0.0/8", "::/128"]}),
        ({"permitted_ip": ["2001:db8::/32"]}, {"permitted_ip": ["2001:db8::/32", "0.0.0.0/32"]}),
        ({"permitted_ip": ["10.0.0.0/8", "2001:db8::/32"]}, {}),
        ({"excluded_ip": ["10.0.0.0/8"]}, {"permitted_ip": ["0.0.0.0/32", "::/128"]}),
        ({"permitted_email": ["corp.example"]}, {"permitted_email": ["corp.example"]}),
    ],
)
def test_what_is_added(declared: dict[str, Any], more: dict[str, Any]) -> None:
    nobody = {"permitted_email": ["invalid"], "permitted_uri": ["invalid"]}
    found = closed({"permitted_dns": ["corp.example"], **declared})
    addresses = {} if "permitted_ip" in found else {"excluded_ip": ["0.0.0.0/0", "::/0"]}
    assert found == {"permitted_dns": ["corp.example"], **nobody, **declared, **addresses, **more}
    assert closed(found) == found


@pytest.mark.parametrize("declared", [None, "corp.example", ["x"]])
def test_what_is_no_mapping_is_left_to_the_parser(declared: object) -> None:
    assert closed(declared) is declared


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("permitted_email", "ada@", "mailbox, a host"),
        ("permitted_email", "@corp.example", "mailbox, a host"),
        ("permitted_email", "", "list of texts"),
        ("permitted_email", "ada@.corp.example", "mailbox, a host"),
        ("permitted_email", "Ada <ada@corp.example>", "mailbox, a host"),
        ("permitted_uri", "https://corp.example", "without scheme and path"),
        ("permitted_uri", "corp.example/x", "without scheme and path"),
        ("excluded_uri", "*.corp.example", "without scheme and path"),
        ("permitted_dns", ".corp.example", "without leading dot"),
        ("permitted_name", "x", "unknown key"),
    ],
)
def test_refused_subtrees(key: str, value: str, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        parse_constraints({"permitted_dns": ["corp.example"], key: [value]}, "root 'r1'")


def test_the_extension_is_read_back() -> None:
    every = {
        "permitted_dns": ["corp.example"],
        "permitted_ip": ["10.0.0.0/8", "::/128"],
        "permitted_email": ["Ada@corp.example"],
        "permitted_uri": [".corp.example"],
        "excluded_dns": ["x.corp.example"],
        "excluded_ip": ["10.9.0.0/16"],
        "excluded_email": ["eve@corp.example"],
        "excluded_uri": ["x.corp.example"],
    }
    parsed = parse_constraints(every, "root 'r1'")
    assert parsed is not None
    assert parsed.dump() == every
    assert ConstraintSet.of(parsed.extension()) == parsed


@pytest.mark.parametrize("declared", [{}, {"permitted_ip": ["10.0.0.0/8"]}, {"excluded_dns": ["corp.example"]}])
def test_without_a_permitted_domain_every_name_would_be(declared: dict[str, Any]) -> None:
    with pytest.raises(TrustAnchorError, match="root 'r1': name_constraints permits no DNS domain"):
        parse_constraints(declared, "root 'r1'")


ABOVE = {
    "permitted_dns": ["corp.example", "corp.test"],
    "permitted_ip": ["10.0.0.0/8", "fd00::/8"],
    "permitted_email": [".corp.example", "corp.test"],
    "permitted_uri": [".corp.example", "idp.test"],
}


@pytest.mark.parametrize(
    ("own", "beyond"),
    [
        ({}, []),
        ({"permitted_dns": ["a.corp.example", "corp.test"]}, []),
        ({"permitted_dns": ["corp.test", "example", "xcorp.test"]}, ["example", "xcorp.test"]),
        ({"permitted_ip": ["10.1.0.0/16", "fd01::/16"]}, []),
        ({"permitted_ip": ["11.0.0.0/8", "fc00::/7"]}, ["11.0.0.0/8", "fc00::/7"]),
        ({"permitted_email": ["ada@corp.test", "corp.test", "a.corp.example", "ada@a.corp.example"]}, []),
        ({"permitted_email": ["corp.example", ".corp.test"]}, ["corp.example", ".corp.test"]),
        ({"permitted_uri": [".a.corp.example", "a.corp.example", "idp.test"]}, []),
        ({"permitted_uri": ["x.idp.test", "corp.example"]}, ["x.idp.test", "corp.example"]),
    ],
)
def test_what_is_permitted_beyond_another_one(own: dict[str, list[str]], beyond: list[str]) -> None:
    """Whoever may have one of the names above; what stands for nobody is nothing."""
    mine, theirs = (parse_constraints(closed(one), "x") for one in ({"permitted_dns": ["corp.test"], **own}, ABOVE))
    assert mine is not None and theirs is not None
    assert mine.beyond(theirs) == beyond
    assert theirs.beyond(theirs) == []


@pytest.mark.parametrize(
    ("own", "above", "dead"),
    [
        ({}, {}, []),
        ({"excluded_dns": ["secret.corp.test"]}, {}, []),
        ({"excluded_dns": ["corp.test"]}, {}, ["corp.test"]),
        ({"excluded_dns": ["test"]}, {}, ["corp.test"]),
        ({}, {"excluded_dns": ["corp.test"]}, ["corp.test"]),
        ({"permitted_ip": ["10.1.0.0/16", "10.2.0.0/16"], "excluded_ip": ["10.1.0.0/16"]}, {}, ["10.1.0.0/16"]),
        ({"permitted_ip": ["10.1.0.0/16"]}, {"excluded_ip": ["10.0.0.0/8"]}, ["10.1.0.0/16"]),
        ({"permitted_email": ["ada@corp.test"]}, {"excluded_email": ["corp.test"]}, ["ada@corp.test"]),
        ({"permitted_uri": [".a.corp.test"]}, {"excluded_uri": [".corp.test"]}, [".a.corp.test"]),
    ],
)
def test_what_is_permitted_and_taken_back(
    own: dict[str, list[str]], above: dict[str, list[str]], dead: list[str]
) -> None:
    both = {"permitted_dns": ["corp.test"], "permitted_ip": ["10.0.0.0/8"]}
    mine, theirs = (parse_constraints(closed({**both, **one}), "x") for one in (own, above))
    assert mine is not None and theirs is not None
    assert mine.dead(theirs) == dead
    assert mine.dead() == (mine.dead(theirs) if not above else [])
