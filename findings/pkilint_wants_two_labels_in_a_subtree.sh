#!/usr/bin/env bash
# pkilint 0.13.3: a subtree of one label in the name constraints of a CA, such as `internal`, is an ERROR.
#
# A private PKI is often constrained to a top-level domain of its own; ICANN has reserved `internal` for just that. RFC
# 5280, section 4.2.1.10, takes any host name or domain in a subtree of dNSName, rfc822Name and URIs, of one label too.
# lint_pkix_cert checks subtrees by the syntax of names in certificates, with two labels or more, and says that domain
# name, e-mail address and URI are invalid; with `corp.internal` it says nothing.
#
# Seen: three findings of severity ERROR for `internal`, one at each subtree; none for `corp.internal`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pkilint==0.13.3 cryptography==50.0.2
"$work/venv/bin/python" - "$work" <<'PYTHON'
import datetime as dt
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
now = dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example Root")])
KINDS = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier)
usage = dict.fromkeys(
    ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
     "encipher_only", "decipher_only"), False,
)
start = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
start = start.serial_number(x509.random_serial_number())
start = start.not_valid_before(now).not_valid_after(now + dt.timedelta(days=3650))
identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
for subtree in ("internal", "corp.internal"):
    builder = start
    for extension, critical in (
        (x509.BasicConstraints(True, None), True),
        (x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), True),
        (identifier, False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
        (x509.NameConstraints([kind(subtree) for kind in KINDS], None), True),
    ):
        builder = builder.add_extension(extension, critical)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    with open(f"{sys.argv[1]}/{subtree}.pem", "wb") as handle:
        handle.write(pem)
PYTHON
for subtree in internal corp.internal; do # the number of findings is the exit code
    "$work/venv/bin/lint_pkix_cert" lint --severity NOTICE --format JSON "$work/$subtree.pem" \
        > "$work/$subtree.json" || true
done
"$work/venv/bin/python" - "$work" <<'PYTHON'
import json
import sys


def found(subtree):
    with open(f"{sys.argv[1]}/{subtree}.json") as handle:
        results = json.load(handle)["results"]
    return sorted(
        (result["node_path"].rpartition(".")[2], one["severity"], one["code"])
        for result in results
        for one in result["finding_descriptions"]
    )


print("internal:", *found("internal"), sep="\n  ")
print("corp.internal:", *found("corp.internal"))
assert found("internal") == [
    ("dNSName", "ERROR", "pkix.invalid_domain_name_syntax"),
    ("rfc822Name", "ERROR", "pkix.invalid_email_address_syntax"),
    ("uniformResourceIdentifier", "ERROR", "pkix.invalid_uri_syntax"),
]
assert found("corp.internal") == []
PYTHON
