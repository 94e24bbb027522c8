#!/usr/bin/env bash
# OpenJDK 17.0.15, OpenSSL 3.0.19: keytool drops the certificates of a PKCS#12 store that it does not list.
#
# Java trusts a certificate in PKCS#12 only when its bag has the attribute 2.16.840.1.113894.746875.1.1, which
# `keytool -importcert` sets, and `openssl pkcs12 -export -nokeys` does not (OpenSSL 3.5 has `-jdktrust` for it). The
# store is empty to Java, without a word; and when keytool changes it, what was not listed is written no more: programs
# that read the file with OpenSSL lose their roots by the import of another one.
#
# Seen: openssl finds one certificate before, keytool none; after the import of another one openssl finds that one alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for name in one two; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -out "$name.pem" \
        -subj "/CN=$name" -days 30 2>/dev/null
done
openssl pkcs12 -export -nokeys -in one.pem -out store.p12 -passout pass:changeit

subjects() { openssl pkcs12 -in store.p12 -nokeys -passin pass:changeit | sed -n 's/^subject=//p' | tr -d ' '; }

echo "openssl before: $(subjects)"
keytool -list -keystore store.p12 -storepass changeit 2>&1 | grep contains
[ "$(subjects)" = "CN=one" ]
keytool -importcert -noprompt -alias two -file two.pem -keystore store.p12 -storepass changeit 2>/dev/null
echo "openssl after:  $(subjects)"
[ "$(subjects)" = "CN=two" ]
