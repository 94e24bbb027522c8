#!/usr/bin/env bash
# cryptography 50.0.2 (x509.verification): what RFC 5280 lets a CA mark as critical is refused by its default policy.
#
# The extended key usage may be critical or not (section 4.2.1.12), and `openssl ca` guides often make it so; an
# alternative name should be non-critical where there is a subject, and a verifier is to accept it (4.2.1.6); inhibit
# anyPolicy must be critical in a CA (4.2.1.14). The verifier takes the profile of the CA/Browser Forum for private
# chains, too: each of the three is an error, and the message names neither the profile nor the way out (ExtensionPolicy
# with a validator of one's own). OpenSSL accepts the same chains, strict checks included; so do Go, Java and GnuTLS.
#
# Seen: OpenSSL with X509_V_FLAG_X509_STRICT accepts all; cryptography accepts the plain chain only.
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


def chain(purpose=False, alternative=False, inhibit=False):
    root = signed(name("Root"), ROOT_KEY, name("Root"), ROOT_KEY, True)
    more = [(x509.InhibitAnyPolicy(0), True)] if inhibit else []
    ca = signed(name("CA"), CA_KEY, name("Root"), ROOT_KEY, True, *more)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    return root, ca, signed(name(HOST), LEAF_KEY, name("CA"), CA_KEY, False, (server, purpose), (names, alternative))


def openssl(root, ca, leaf):
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.X509_STRICT)
    store.add_cert(crypto.X509.from_cryptography(root))
    wrapped = [crypto.X509.from_cryptography(one) for one in (leaf, ca)]
    crypto.X509StoreContext(store, wrapped[0], wrapped[1:]).verify_certificate()
    return "accepted"


def pyca(root, ca, leaf):
    try:
        PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName(HOST)).verify(leaf, [ca])
    except VerificationError as error:
        return str(error)
    return "accepted"


print(SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode())
expected = {
    "plain": "accepted",
    "purpose": "incorrect criticality",
    "alternative": "subjectAltName MUST NOT be critical when subject is nonempty",
    "inhibit": "certificate contains unaccounted-for critical extensions",
}
for what, message in expected.items():
    made = chain(**({} if what == "plain" else {what: True}))
    found = (openssl(*made), pyca(*made))
    print(f"{what}: OpenSSL {found[0]}, cryptography: {found[1]}")
    assert found[0] == "accepted" and message in found[1]
PYTHON
