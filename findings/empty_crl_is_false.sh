#!/usr/bin/env bash
# cryptography 50.0.2: a certificate revocation list without entries is false.
#
# CertificateRevocationList has a length, the number of its revoked certificates, and no truth of its own, so Python
# takes the first CRL of every CA for "nothing": `load() or default`, `if crl:` and `crl and crl.issuer` all go the
# other way for a CRL that is there, signed and valid. A certificate has no length and is always true.
#
# Seen: bool(crl) is False with no entries and True with one. Compare with `is None`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check cryptography==50.0.2
"$work/venv/bin/python" - <<'PYTHON'
import datetime as dt

import cryptography
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
now = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example Root")])


def crl(*serials: int) -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder().issuer_name(name)
    builder = builder.last_update(now).next_update(now + dt.timedelta(days=30))
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256())


empty, one = crl(), crl(4711)
print(f"cryptography {cryptography.__version__}")
print(f"no entries: bool={bool(empty)} len={len(empty)} signature valid={empty.is_signature_valid(key.public_key())}")
print(f"one entry:  bool={bool(one)} len={len(one)}")
assert empty.is_signature_valid(key.public_key())
assert not empty, "a CRL without entries is true now"
assert one
PYTHON
echo "as described"
