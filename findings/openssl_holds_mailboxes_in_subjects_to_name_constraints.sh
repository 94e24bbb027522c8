#!/usr/bin/env bash
# OpenSSL 4.0.3 (in cryptography 50.0.2, by pyOpenSSL 26.4.0): an e-mail address in a *subject* is held to name
# constraints of mailboxes, in a CA's own name, too, and also where there are alternative names. Others do not look there.
#
# RFC 5280, section 4.2.1.10, asks for it where a certificate has no subject alternative name. An intermediate has none,
# so `emailAddress=` in its name, which many a guide for `openssl req` fills in, makes it useless below a root that
# permits other mailboxes: every chain is refused, with "permitted subtree violation". A leaf has DNS names, so the RFC
# does not ask for it, and OpenSSL refuses it all the same. The verifier of cryptography accepts both; so do Go and Java.
#
# Seen: OpenSSL refuses both chains with error 47, cryptography's verifier accepts them; without the address both do.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyOpenSSL==26.4.0 cryptography==50.0.2
"$work/venv/bin/python" - <<'PYTHON'
import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from OpenSSL import SSL, crypto

NOW = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
ROOT_KEY, CA_KEY, LEAF_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
HOST = "web.corp.example"
MAILBOX = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "pki@corp.example")


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


def chain(ca_name, leaf_name):
    names = x509.NameConstraints([x509.DNSName("corp.example"), x509.RFC822Name("people.example")], None)
    root = signed(name("Root"), ROOT_KEY, name("Root"), ROOT_KEY, True, (names, True))
    ca = signed(ca_name, CA_KEY, name("Root"), ROOT_KEY, True)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    alternative = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    return root, ca, signed(leaf_name, LEAF_KEY, ca_name, CA_KEY, False, (purpose, False), (alternative, False))


def openssl(root, ca, leaf):
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(root))
    wrapped = [crypto.X509.from_cryptography(one) for one in (leaf, ca)]
    try:
        crypto.X509StoreContext(store, wrapped[0], wrapped[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        return error.errors[0]
    return "accepted"


def pyca(root, ca, leaf):
    try:
        PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName(HOST)).verify(leaf, [ca])
    except VerificationError as error:
        return str(error)
    return "accepted"


print(SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode())
seen = {}
for what, names in {
    "no mailbox": (name("CA"), name(HOST)),
    "in the intermediate's name": (name("CA", MAILBOX), name(HOST)),
    "in the leaf's name": (name("CA"), name(HOST, MAILBOX)),
}.items():
    made = chain(*names)
    seen[what] = (openssl(*made), pyca(*made))
    print(f"{what}: OpenSSL {seen[what][0]}, cryptography {seen[what][1]}")
assert seen == {
    "no mailbox": ("accepted", "accepted"),
    "in the intermediate's name": (47, "accepted"),
    "in the leaf's name": (47, "accepted"),
}
PYTHON
