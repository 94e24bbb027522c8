# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real clients accept the certificates, and the certificates say what they must."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import play
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

PUBLICATION = "http://pki.corp.example/root-r1"
CHAIN = "/etc/service-certificates/web/current/fullchain.pem"
SYSTEM_STORE = "/etc/ssl/certs/ca-certificates.crt"


@pytest.fixture(scope="module")
def root():
    return certificates.load_certificate(estate.root().encode(), "root")


@pytest.fixture(scope="module")
def chain():
    """Chain of web1, as it is served to everybody."""
    pem = hosts.output("web1", f"cat {CHAIN}").encode()
    return certificates.load_bundle(pem, "chain of web1")


@pytest.fixture(scope="module")
def crl():
    """What step-ca serves, fetched by its plain-HTTP URL."""
    url = "http://ca.corp.example:8080/1.0/crl"
    encoded = hosts.output("client1", f"curl -sSf {url} | base64 -w0")
    return x509.load_der_x509_crl(base64.b64decode(encoded))


@pytest.mark.parametrize("service", ["ca", "web1", "web2"])
def test_curl(service):
    assert hosts.run("client1", f"curl -sS https://{service}.corp.example/health", check=False).returncode == 0


def test_python_and_java():
    done = play(limit="client1")
    table = [line.split() for line in done.output.splitlines() if ".corp.example:443" in line]
    shown = {row[0]: row[-3:] for row in table if row[-1] == "ok"}
    assert done.rc == 0, done.output
    assert shown == {f"{name}.corp.example:443": ["ok", "ok", "ok"] for name in ("ca", "web1", "web2")}


def test_openssl():
    command = "openssl s_client -connect web1.corp.example:443 -servername web1.corp.example"
    check = f"-verify_return_error -verify_hostname web1.corp.example -CAfile {SYSTEM_STORE} </dev/null"
    assert "Verify return code: 0 (ok)" in hosts.output("client1", f"{command} {check}")


def test_openssl_refuses_without_the_root():
    command = "openssl s_client -connect web1.corp.example:443 -servername web1.corp.example"
    nothing = "-verify_return_error -no-CAfile -no-CApath -no-CAstore </dev/null"
    assert hosts.run("client1", f"{command} {nothing}", check=False).returncode != 0


def test_step_cli():
    root = "--root /etc/step-ca/certs/root_ca.crt"
    assert hosts.output("ca1", f"step ca health --ca-url https://ca.corp.example {root}") == "ok"
    verify = "step certificate verify https://web1.corp.example --roots /etc/step-ca/certs/root_ca.crt"
    assert hosts.run("ca1", verify, check=False).returncode == 0


def test_root_profile(root):
    key, basic = root.public_key(), certificates.extension(root, x509.BasicConstraints)
    constraints = root.extensions.get_extension_for_class(x509.NameConstraints)
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp384r1"
    assert basic.ca and basic.path_length == 1
    assert constraints.critical
    assert "corp.example" in [name.value for name in constraints.value.permitted_subtrees]


def test_intermediate_profile(chain):
    intermediate = chain[1]
    points = certificates.extension(intermediate, x509.CRLDistributionPoints)
    access = certificates.extension(intermediate, x509.AuthorityInformationAccess)
    basic = certificates.extension(intermediate, x509.BasicConstraints)
    assert basic.ca and basic.path_length == 0
    assert [name.value for point in points for name in point.full_name] == [f"{PUBLICATION}.crl"]
    assert [one.access_location.value for one in access] == [f"{PUBLICATION}.crt"]


def test_leaf_names_the_crl_that_is_served(chain, crl):
    points = certificates.extension(chain[0], x509.CRLDistributionPoints)
    scope = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    named = [name.value for point in points for name in point.full_name]
    assert named == [name.value for name in scope.full_name]


def test_openssl_checks_the_leaf_against_the_crl():
    verify = f"openssl verify -crl_check -crl_download -CAfile /etc/ssl/certs/ca-certificates.crt -untrusted {CHAIN}"
    assert hosts.run("web1", f"{verify} {CHAIN}", check=False).returncode == 0
