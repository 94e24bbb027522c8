# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients get: right bytes, types and caching; nothing else; and the CA's CRL while the CA is away."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import scene
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signed
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lab import hosts

CHAIN = "/etc/service-certificates/web/current/fullchain.pem"
CACHE = "/var/cache/trustanchor-publication"
KINDS = {
    "root-r1.crt": ("application/pkix-cert", 604800),
    "root-s1.crt": ("application/pkix-cert", 604800),
    "ca1.crt": ("application/pkix-cert", 3600),
    "root-r1.crl": ("application/pkix-crl", 300),
    "root-s1.crl": ("application/pkix-crl", 300),
    "ca1.crl": ("application/pkix-crl", 60),
    "roots.pem": ("application/x-pem-file", 300),
    "trust.p7m": ("application/pkcs7-mime", 60),
}
FILES = [name for name in KINDS if name != "ca1.crl"]


def der(path: str) -> bytes:
    """A certificate of the record."""
    return x509.load_pem_x509_certificate((scene.RECORD / path).read_bytes()).public_bytes(Encoding.DER)


def expire_cache() -> None:
    """Let what nginx keeps of the CA's CRL be too old: byte 8 to 15 of the file are the end of its time."""
    hosts.run(
        "web1",
        f"for file in $(find {CACHE} -type f); do"
        " printf '\\1\\0\\0\\0\\0\\0\\0\\0' | dd of=$file bs=1 seek=8 conv=notrunc status=none; done",
    )


@pytest.mark.parametrize("name", KINDS)
def test_type_and_caching(name: str) -> None:
    got = scene.ask(f"/{name}")
    media_type, max_age = KINDS[name]
    assert got.status == 200
    assert got.headers["content-type"] == media_type
    assert got.headers["cache-control"] == f"public, max-age={max_age}"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["server"] == "nginx"
    assert "expires" not in got.headers
    assert "content-disposition" not in got.headers
    assert int(got.headers["content-length"]) == len(got.body) > 0
    head = scene.ask(f"/{name}", "HEAD")
    assert (head.status, head.body) == (200, b"")
    same = ("content-type", "content-length", "cache-control", "etag", "last-modified")
    assert [head.headers.get(one) for one in same] == [got.headers.get(one) for one in same]


def test_content_is_the_records() -> None:
    assert scene.ask("/root-r1.crt").body == der("roots/r1.crt")
    assert scene.ask("/root-s1.crt").body == der("roots/s1.crt")
    assert scene.ask("/ca1.crt").body == der("intermediates/ca1.crt")
    for name in ("r1", "s1"):
        assert scene.ask(f"/root-{name}.crl").body == (scene.RECORD / f"crls/{name}.crl").read_bytes()
    roots = scene.ask("/roots.pem").body
    assert {one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(roots)} == {
        der("roots/r1.crt"),
        der("roots/s1.crt"),
    }
    manifest = signed.verify(scene.ask("/trust.p7m").body, roots.decode())
    assert {one.name for one in manifest.trusted} == {"r1", "s1"}


@pytest.mark.parametrize("name", FILES)
def test_conditional_requests(name: str) -> None:
    got = scene.ask(f"/{name}")
    for header, value in (("If-None-Match", got.headers["etag"]), ("If-Modified-Since", got.headers["last-modified"])):
        again = scene.ask(f"/{name}", headers={header: value})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["cache-control"] == got.headers["cache-control"]
    assert scene.ask(f"/{name}", headers={"If-None-Match": '"another"'}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "TRACE"])
@pytest.mark.parametrize("path", ["/root-r1.crl", "/ca1.crl", "/"])
def test_only_reading(method: str, path: str) -> None:
    got = scene.ask(path, method)
    assert got.status == 405
    assert got.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/index.html",
        "/.configuration",
        "/root-r1.crl/",
        "/root-r1",
        "/roots/r1.crt",
        "/trust.yml",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/root-r1.crt%00.html",
    ],
)
def test_nothing_else(path: str) -> None:
    got = scene.ask(path)
    assert got.status in (400, 404)
    assert b"root-r1" not in got.body
    assert not re.search(rb"nginx/\d", got.body)


def test_a_query_makes_no_difference() -> None:
    assert scene.ask("/ca1.crl?pem=true").body == scene.ask("/ca1.crl").body


def test_openssl_builds_and_checks_the_chain_from_what_is_published() -> None:
    """Only the leaf and the trust store are at hand; the rest comes from the URLs that certificates name."""
    leaf = hosts.output("web1", f"cat {CHAIN}").partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----"
    hosts.run("client1", "rm -rf /tmp/aia && mkdir /tmp/aia && cat > /tmp/aia/leaf.pem", leaf)
    steps = """
        cd /tmp/aia
        names() { openssl x509 -in "$1" -noout -ext "$2" | sed -n 's/.*URI:\\(http.*\\)/\\1/p'; }
        curl -sSfO http://pki.corp.example/ca1.crt
        openssl x509 -inform DER -in ca1.crt -out intermediate.pem
        test "$(names leaf.pem crlDistributionPoints)" = http://pki.corp.example/ca1.crl
        test "$(names intermediate.pem crlDistributionPoints)" = http://pki.corp.example/root-r1.crl
        test "$(names intermediate.pem authorityInfoAccess)" = http://pki.corp.example/root-r1.crt
        curl -sSf "$(names leaf.pem crlDistributionPoints)" | openssl crl -inform DER -out crls.pem
        curl -sSf "$(names intermediate.pem crlDistributionPoints)" | openssl crl -inform DER >> crls.pem
        curl -sSf "$(names intermediate.pem authorityInfoAccess)" | openssl x509 -inform DER -out issuer.pem
        openssl verify -no-CApath -CAfile /etc/ssl/certs/ca-certificates.crt -untrusted intermediate.pem \
            -CRLfile crls.pem -crl_check_all leaf.pem
        openssl verify -no-CApath -CAfile issuer.pem -untrusted intermediate.pem -crl_download -crl_check leaf.pem
    """
    said = hosts.output("client1", f"set -e; {steps}")
    assert said.splitlines() == ["leaf.pem: OK", "leaf.pem: OK"]


@pytest.fixture
def ca_stopped() -> Iterator[bytes]:
    """Stop step-ca when nginx has its CRL; gives that CRL."""
    crl = scene.ask("/ca1.crl").body
    hosts.run("ca1", "systemctl stop step-ca.service")
    expire_cache()
    yield crl
    hosts.run("ca1", "systemctl start step-ca.service")
    hosts.await_true(lambda: scene.ask("/ca1.crl").headers["x-cache-status"] != "STALE", 30, "the CA is back")


def test_the_crl_stays_while_the_ca_is_away(ca_stopped: bytes) -> None:
    got = scene.ask("/ca1.crl")
    assert (got.status, got.headers["x-cache-status"]) == (200, "STALE")
    assert got.body == ca_stopped
    assert got.headers["content-type"] == "application/pkix-crl"
    assert got.headers["cache-control"] == "public, max-age=60"
    content, said = scene.watch()
    assert content, said


def test_the_crl_stays_without_dns_too(ca_stopped: bytes) -> None:
    """A CA that is being rebuilt may have no name."""
    hosts.run("web1", f"sed -i 's/resolver [0-9.]* /resolver 127.0.0.9 /' {scene.CONFIGURATION}")
    try:
        hosts.run("web1", "systemctl restart nginx.service")
        got = scene.ask("/ca1.crl")
        assert (got.status, got.headers["x-cache-status"]) == (200, "STALE")
        assert got.body == ca_stopped
    finally:
        scene.published()


def test_a_revocation_is_seen() -> None:
    """The CA makes a new CRL at once (generateOnRevoke); clients have it when nginx's copy is a minute old."""
    before = x509.load_der_x509_crl(scene.ask("/ca1.crl").body)
    serial = scene.revoke_one()
    assert before.get_revoked_certificate_by_serial_number(serial) is None
    expire_cache()
    after = x509.load_der_x509_crl(scene.ask("/ca1.crl").body)
    assert after.get_revoked_certificate_by_serial_number(serial) is not None


def test_no_client_ever_gets_half_a_file(tmp_path: Path) -> None:
    """Two CRLs of different sizes take turns under requests without a pause."""
    record = scene.Record(tmp_path / "pki")
    crls = {record.write_crl(1)}
    scene.published(record.path)
    seen: set[bytes] = set()
    faults: list[object] = []
    end = threading.Event()

    def read() -> None:
        while not end.is_set():
            try:
                got = scene.ask("/root-t1.crl")
            except OSError as error:
                faults.append(error)
                continue
            seen.add(got.body)
            if got.status != 200:
                faults.append(got)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in (2, 3, 4):
            crls.add(record.write_crl(number, revoked=number * 3000))
            scene.published(record.path)
    finally:
        end.set()
        thread.join()
        scene.published()
    assert faults == []
    assert seen == crls
