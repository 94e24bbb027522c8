# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA refuses what it must refuse: foreign names, stolen tokens."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import converge, play
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "token.corp.example"
CURRENT = "/etc/service-certificates/web/current"


def mint(names, request_sha256, key=None):
    """A token of the enrolment provisioner."""
    root_sha256 = certificates.fingerprint(certificates.load_certificate(estate.root().encode(), "root"))
    audience = f"{estate.CA_URL}/1.0/sign"
    return tokens.mint(key or estate.enrolment_key(), "enrolment", audience, names, root_sha256, request_sha256)


def test_token_is_good_for_its_request():
    assert len(estate.issue(estate.client(), [NAME])) == 2


def test_token_is_refused_for_another_request():
    _key, _pem, digest = estate.request([NAME])
    _other_key, other_pem, _other_digest = estate.request([NAME])
    with pytest.raises(TrustAnchorError, match="answered 40[13]"):
        estate.client().sign(other_pem, mint([NAME], digest))


def test_token_is_refused_twice():
    _key, pem, digest = estate.request([NAME])
    token = mint([NAME], digest)
    assert len(estate.client().sign(pem, token)) == 2
    with pytest.raises(TrustAnchorError, match="answered 401"):
        estate.client().sign(pem, token)


def test_token_of_another_key_is_refused():
    _key, pem, digest = estate.request([NAME])
    with pytest.raises(TrustAnchorError, match="answered 401"):
        estate.client().sign(pem, mint([NAME], digest, ec.generate_private_key(ec.SECP256R1())))


@pytest.mark.parametrize("name", ["www.example.net", "corp.example.net", "deep.web1.corp.example"])
def test_foreign_name_is_refused(name):
    with pytest.raises(TrustAnchorError, match="answered 40[0-9]"):
        estate.issue(estate.client(), [name])


def test_foreign_name_does_not_hide_behind_a_good_one():
    with pytest.raises(TrustAnchorError, match="answered 40[0-9]"):
        estate.issue(estate.client(), [NAME, "www.example.net"])


ADDRESS, LONG = "10.77.1.1", f"{'a' * 60}.corp.example"


@pytest.mark.parametrize(
    ("names", "common_name"),
    [
        ([ADDRESS], ""),
        ([ADDRESS, NAME], NAME),
        ([LONG], ""),
        ([LONG, NAME], NAME),
        (["xn--bcher-kva.corp.example"], "xn--bcher-kva.corp.example"),
        ([f"n{number}.corp.example" for number in range(100)], "n0.corp.example"),
    ],
    ids=["address", "address first", "long", "long first", "IDN", "100"],
)
def test_what_the_template_makes_of_names(names, common_name):
    """The subject is empty where it would be an address, and alternative names are critical then."""
    leaf = estate.issue(estate.client(), names)[0]
    assert [str(one.value) for one in leaf.subject] == ([common_name] if common_name else [])
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert {str(one.value) for one in found.value} == set(names)
    assert found.critical is (not common_name)


def test_a_request_cannot_have_another_common_name_than_its_token():
    _key, pem, digest = estate.request([NAME])
    with pytest.raises(TrustAnchorError, match="answered 40[13]"):
        estate.client().sign(pem, mint(["other.corp.example", NAME], digest))


@pytest.mark.parametrize("name", ["my_web.corp.example", "web-.corp.example"])
def test_a_name_that_some_client_does_not_read_is_refused_with_the_reason(name):
    with pytest.raises(TrustAnchorError, match="answered 400.*is not a name of a host that all clients read"):
        estate.issue(estate.client(), [name])


def test_play_with_a_foreign_name_fails_and_the_old_certificate_stays():
    before = hosts.output("web1", f"sha256sum {CURRENT}/key.pem {CURRENT}/fullchain.pem")
    wanted = {"service_certificate_list": [{"name": "web", "names": ["www.example.net"]}]}
    try:
        refused = play(limit="web1", variables=wanted)
        assert refused.rc != 0
        assert "do not permit 'www.example.net'" in refused.failure("web1")
        assert hosts.output("web1", f"sha256sum {CURRENT}/key.pem {CURRENT}/fullchain.pem") == before
        assert hosts.run("client1", "curl -sS https://web1.corp.example/", check=False).returncode == 0
    finally:
        converge(limit="web1")
