# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What openssl says of certificates, CRLs and requests whose makers are hostile."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import locale
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import commands, openssl
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BEGIN, END = dt.datetime(2026, 1, 9, 3, 4, 5, tzinfo=dt.UTC), dt.datetime(2060, 12, 1, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
HOSTILE = [
    "leaf CA:TRUE",
    "notBefore=never",
    "x\nnotAfter=Dec 31 23:59:59 9999 GMT",
    "x\r\nX509v3 Basic Constraints: critical\n    CA:TRUE",
    "x\u2028X509v3 Basic Constraints: critical\u2028    CA:TRUE",
    "x\x85issuer=CN=y\x0bserial=00\x0c",
    "-----END PUBLIC KEY-----",
    '"quoted", O=Other, CN=y\\',
]


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text, _validate=False)])


def spki(key: Any = KEY) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def certificate(
    subject: str = "leaf",
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    key: Any = KEY,
    issuer: str = "issuer",
) -> bytes:
    """A certificate in DER."""
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(0x4D2).not_valid_before(BEGIN).not_valid_after(END)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def alternative(*names: x509.GeneralName) -> tuple[x509.ExtensionType, bool]:
    return x509.SubjectAlternativeName(names), False


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def test_all_facts_of_one_certificate() -> None:
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    usage |= dict.fromkeys(("encipher_only", "decipher_only", "crl_sign", "key_cert_sign"), False)
    der = certificate(
        "Örg é",
        [
            (x509.BasicConstraints(ca=True, path_length=2), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, x509.ObjectIdentifier("1.2.3.4")]), True),
            (x509.KeyUsage(digital_signature=True, **usage), False),
        ],
    )
    for content in (der, pem(der), b"text before\n" + pem(der) + pem(certificate("second"))):
        facts = openssl.read_certificate(content)
        assert facts == openssl.CertificateFacts(
            subject="CN=Örg é",
            issuer="CN=issuer",
            serial=0x4D2,
            not_before=int(BEGIN.timestamp()),
            not_after=int(END.timestamp()),
            public_key_sha256=spki(),
            key_type="P-256",
            basic_constraints=openssl.Extension(True, ("CA:TRUE", "pathlen:2")),
            key_usage=openssl.Extension(False, ("Digital Signature",)),
            extended_key_usage=openssl.Extension(True, ("E-mail Protection", "1.2.3.4")),
        )
        assert facts.is_ca


@pytest.mark.parametrize("text", HOSTILE)
def test_a_subject_is_taken_for_nothing_else(text: str) -> None:
    plain = openssl.read_certificate(certificate("plain"))
    for content in (certificate(text), certificate("leaf", issuer=text)):
        facts = openssl.read_certificate(content)
        assert not facts.is_ca
        assert (facts.serial, facts.not_before, facts.not_after) == (plain.serial, plain.not_before, plain.not_after)
        assert facts.public_key_sha256 == plain.public_key_sha256
        assert (facts.subject + facts.issuer).isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_is_taken_for_nothing_else(text: str) -> None:
    """OpenSSL prints alternative names as they are, with every end of a line in them."""
    raw = text.encode("ascii", "replace").decode()
    facts = openssl.read_certificate(certificate("leaf", [alternative(x509.DNSName(raw))]))
    assert not facts.is_ca
    assert facts.basic_constraints is None


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (ec.SECP384R1(), "P-384"),
        (ec.SECP256K1(), "secp256k1"),
        (ec.BrainpoolP256R1(), "brainpoolP256r1"),
        (2048, "RSA-2048"),
        (None, "ED25519"),
    ],
)
def test_types_of_keys(key: Any, expected: str) -> None:
    if key is None:
        made: Any = ed25519.Ed25519PrivateKey.generate()
    else:
        made = rsa.generate_private_key(65537, key) if isinstance(key, int) else ec.generate_private_key(key)
    facts = openssl.read_certificate(certificate(key=made))
    assert (facts.key_type, facts.public_key_sha256) == (expected, spki(made))


@pytest.mark.parametrize(
    "damaged",
    [b"\n    CA:TRUE\nX509v3 Extended Key Usage: critical\n    E-mail Protection\n", b"\nX", b""],
)
def test_an_extension_that_cannot_be_decoded_is_refused(damaged: bytes) -> None:
    """OpenSSL prints the bytes of it."""
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.19"), damaged)
    with pytest.raises(TrustAnchorError):
        openssl.read_certificate(certificate(extensions=[(broken, False)]))


def test_names_of_a_certificate() -> None:
    given = [x509.DNSName("a.example"), x509.DNSName("*.b.example"), x509.RFC822Name("a@b.example")]
    address = x509.IPAddress(ipaddress.ip_address("10.0.0.7"))
    der = certificate("subject.example", [alternative(*given, address)])
    assert openssl.read_names(der) == openssl.read_names(pem(der)) == {"a.example", "*.b.example", "10.0.0.7"}
    assert openssl.read_names(certificate("subject.example")) == set()


@pytest.mark.parametrize("text", ["a.example, DNS:b.example", "a\nX509v3 Other:\n    DNS:b", "a, IP Address:10.0.0.7"])
def test_one_name_is_not_taken_for_two(text: str) -> None:
    der = certificate(extensions=[alternative(x509.DNSName(text))])
    for content in (der, pem(der)):
        with pytest.raises(TrustAnchorError, match="separates names"):
            openssl.read_names(content)


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_not_a_certificate_crl_or_request(content: bytes) -> None:
    for read in (openssl.read_certificate, openssl.read_names, openssl.read_crl, openssl.read_request):
        with pytest.raises(TrustAnchorError, match="this is not a "):
            read(content)


def crl(number: int | None, issuer: str = "issuer", key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(name(issuer)).last_update(BEGIN).next_update(END)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("number", [None, 0, 1, 10, 258, 2**150])
@pytest.mark.parametrize("issuer", ["issuer", "x\ncrlNumber=0x7F\nnextUpdate=NONE"])
def test_facts_of_a_crl(number: int | None, issuer: str) -> None:
    facts = openssl.read_crl(crl(number, issuer))
    assert (facts.number, facts.last_update, facts.next_update) == (
        number,
        int(BEGIN.timestamp()),
        int(END.timestamp()),
    )
    assert facts.issuer.startswith("CN=")


def test_a_crl_is_signed_by_its_issuer() -> None:
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    usage |= {"encipher_only": False, "decipher_only": False, "crl_sign": True, "key_cert_sign": True}
    authority = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (x509.KeyUsage(digital_signature=False, **usage), True),
    ]
    issuer = pem(certificate("issuer", authority)).decode()
    openssl.require_crl_signed_by(crl(1), issuer)
    with pytest.raises(TrustAnchorError, match="is not signed by"):
        openssl.require_crl_signed_by(crl(1, key=ec.generate_private_key(ec.SECP256R1())), issuer)


@pytest.mark.parametrize("subject", ["request", "x\n-----BEGIN PUBLIC KEY-----"])
def test_facts_of_a_request(subject: str) -> None:
    request = x509.CertificateSigningRequestBuilder().subject_name(name(subject)).sign(KEY, hashes.SHA256())
    facts = openssl.read_request(request.public_bytes(Encoding.PEM))
    assert facts.public_key_sha256 == spki()
    assert facts.subject.startswith("CN=")


def test_times_do_not_depend_on_the_locale() -> None:
    assert openssl.parse_time("Mar  9 03:04:05 2026 GMT", "notBefore") == 1773025445
    before = locale.setlocale(locale.LC_TIME)
    for other in ("de_DE.UTF-8", "fr_FR.UTF-8"):
        try:
            locale.setlocale(locale.LC_TIME, other)
        except locale.Error:
            continue
        assert openssl.parse_time("Oct  9 03:04:05 2026 GMT", "notBefore") == 1791515045
    locale.setlocale(locale.LC_TIME, before)
    for wrong in ("", "NONE", "Bad time value", "Foo  9 03:04:05 2026 GMT", "Mar  9 03:04:05 2026"):
        with pytest.raises(TrustAnchorError, match="notAfter is"):
            openssl.parse_time(wrong, "notAfter")


def test_the_configuration_of_the_host_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With extensions of a request in it, `-addext` fails in OpenSSL 3.0; a damaged one stops every command."""
    hostile = tmp_path / "openssl.cnf"
    hostile.write_text("[req]\nreq_extensions = v3\ndistinguished_name = dn\n[dn]\n[v3]\nsubjectAltName = DNS:other\n")
    monkeypatch.setenv("OPENSSL_CONF", str(hostile))
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"]
    subject = ["-subj", "/CN=a.example", "-addext", "subjectAltName=DNS:a.example"]
    made = openssl.run(["req", "-new", *key, *subject]).stdout
    assert openssl.read_request(made).subject == "CN=a.example"
    assert b"DNS:other" not in openssl.run(["req", "-noout", "-text"], stdin=made).stdout
    hostile.write_text("openssl_conf = missing\n[req]\n= nonsense\n")
    assert openssl.run(["version"]).stdout.startswith(b"OpenSSL 3")
    assert openssl.read_certificate(certificate()).subject == "CN=leaf"


def test_one_process_reads_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Sequence[str]] = []
    real = commands.run

    def counting(arguments: Sequence[str], *rest: Any, **more: Any) -> Any:
        calls.append(arguments)
        return real(arguments, *rest, **more)

    monkeypatch.setattr(commands, "run", counting)
    openssl.read_certificate(certificate())
    assert len(calls) == 1
