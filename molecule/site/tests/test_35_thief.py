# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody has the intermediate's key: before anything is distrusted, no client takes a foreign name from him.

Java looks at the name constraints of an intermediate only, and not at those of the root that it trusts: what it would
take otherwise is in test_36_compatibility.py.
"""

from __future__ import annotations

import datetime as dt
import re

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from ansible_collections.trustanchor.private_ca.tests.lab import clients, estate, hosts, servers, streams
from ansible_collections.trustanchor.private_ca.tests.lab.play import STATE
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PORT, OTHER_PORT = 8443, 8444
FOREIGN, OWN = "www.foreign.example", "shop.corp.example"
REFUSED = {
    "curl": "permitted subtree violation",
    "python": "permitted subtree violation",
    "java": "name constraints check failed",
    "node": "permitted subtree violation|PERMITTED_VIOLATION",
    "go": "not authorized to sign for this name",
}


def stolen() -> ec.EllipticCurvePrivateKey:
    """The intermediate's key, as root on the CA host has it."""
    decrypt = "systemd-creds decrypt --name=password /etc/step-ca/secrets/password.cred -"
    password = hosts.output("ca1", decrypt).encode()
    key = serialization.load_pem_private_key(
        hosts.output("ca1", "cat /etc/step-ca/secrets/intermediate_ca_key").encode(), password
    )
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def forged(name: str) -> tuple[str, str]:
    """A certificate that the CA never saw, with its chain, and its key, both PEM."""
    intermediate = certificates.load_certificate((STATE / "pki/intermediates/ca1.crt").read_bytes(), "ca1.crt")
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    identifier = certificates.extension(intermediate, x509.SubjectKeyIdentifier)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(intermediate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(stolen(), hashes.SHA384())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = b"".join(certificates.to_pem(one) for one in (leaf, intermediate))
    return chain.decode(), key.private_bytes(*plain).decode()


@pytest.fixture(scope="module", autouse=True)
def names():
    """client1 takes both names for the thief's host."""
    hosts.run("client1", f"echo '{estate.address('web2')} {FOREIGN} {OWN}' >> /etc/hosts")
    yield
    hosts.run("client1", f"sed -i '/ {FOREIGN} /d' /etc/hosts")


@pytest.mark.parametrize("client", streams.CLIENTS)
def test_no_client_takes_a_foreign_name(client):
    with servers.serve("web2", PORT, *forged(FOREIGN)):
        said = streams.once("client1", f"{FOREIGN}:{PORT}", client)
    assert re.search(REFUSED[client], said), said


@pytest.mark.parametrize("client", streams.CLIENTS)
def test_a_name_of_the_estate_is_taken_until_the_root_is_distrusted(client):
    """So it is the constraint that stopped the other one."""
    with servers.serve("web2", PORT, *forged(OWN)):
        assert streams.once("client1", f"{OWN}:{PORT}", client) == "ok"


def test_every_client_that_the_product_knows_refuses_it_below_the_root_alone():
    """Each by its own verifier: OpenSSL, Java, Go, GnuTLS, NSS, rustls."""
    foreign, own = f"{FOREIGN}:{PORT}", f"{OWN}:{OTHER_PORT}"
    with (
        servers.serve("web2", PORT, *forged(FOREIGN)),
        servers.serve("web2", OTHER_PORT, *forged(OWN)),
        clients.installed("client1") as known,
    ):
        said = clients.ask("client1", [foreign, own], known, "/etc/trustanchor/roots.pem")
    assert {client.split()[0] for client in said[own]} == set(known)
    assert {client: one for client, one in said[own].items() if one != "ok"} == {}
    assert [client for client, one in said[foreign].items() if one == "ok"] == []
