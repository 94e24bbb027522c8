#!/usr/bin/env bash
# A wildcard directly below a top-level domain, `*.internal`: OpenSSL (Python 3's ssl) finds no match for `web.internal`,
# cryptography 50.0.2 (x509.verification) does.
#
# Private estates often live directly below one label; ICANN has reserved `internal` for them. OpenSSL wants two dots
# behind the star, whatever the domain, and says no more than "Hostname mismatch"; so do curl, Node.js and GnuTLS. RFC
# 9525, section 6.3, has no such rule, and cryptography, Go and Java accept the certificate. One label more, and all do.
#
# Seen: `*.internal` is refused by Python's ssl and accepted by cryptography; `*.corp.internal` is accepted by both.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check cryptography==50.0.2
"$work/venv/bin/python" - "$work" <<'PYTHON'
import datetime as dt
import ssl
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

NOW = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
ROOT_KEY, LEAF_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def name(common_name, *more):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name), *more])


def signed(subject, key, issuer, issuer_key, ca, *extensions):
    usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW - dt.timedelta(days=1)).not_valid_after(NOW + dt.timedelta(days=30))
    for extension, critical in (
        (x509.BasicConstraints(ca, None), True),
        (usage, True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        *([] if key is issuer_key else [(identifier, False)]),
        *extensions,
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def python(root, leaf, host):
    """A handshake in memory."""
    path = f"{sys.argv[1]}/leaf.pem"
    with open(path, "wb") as file:
        file.write(leaf.public_bytes(serialization.Encoding.PEM))
        plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write(LEAF_KEY.private_bytes(*plain))
    serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    serving.load_cert_chain(path)
    asking.load_verify_locations(cadata=root.public_bytes(serialization.Encoding.PEM).decode())
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(back, there, server_hostname=host)
    server = serving.wrap_bio(there, back, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
    return "accepted"


def pyca(root, leaf, host):
    try:
        PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName(host)).verify(leaf, [])
    except VerificationError as error:
        return str(error)
    return "accepted"


print(ssl.OPENSSL_VERSION)
for domain, expected in (("internal", False), ("corp.internal", True)):
    root = signed(name("Root"), ROOT_KEY, name("Root"), ROOT_KEY, True)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    star = x509.SubjectAlternativeName([x509.DNSName(f"*.{domain}")])
    leaf = signed(name("web"), LEAF_KEY, name("Root"), ROOT_KEY, False, (server, False), (star, False))
    found = (python(root, leaf, f"web.{domain}"), pyca(root, leaf, f"web.{domain}"))
    print(f"*.{domain}: Python {found[0]!r}, cryptography {found[1]!r}")
    assert (found[0] == "accepted") is expected and found[1] == "accepted"
    assert expected or "Hostname mismatch" in found[0]
PYTHON
