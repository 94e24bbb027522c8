# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA whose chain forbids what it is to issue is refused before any host is touched."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import inputs
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.constraint_set import closed
from factories.pki import NOW
from factories.pki import profiled as make

NAMES = {"permitted_dns": ["corp.example"]}
PEOPLE = {**NAMES, "permitted_email": ["corp.example"], "permitted_uri": ["idp.example"]}
KEY = make.new_key()
OIDC = {
    "type": "OIDC",
    "name": "people",
    "clientID": "ca",
    "domains": ["corp.example"],
    "configurationEndpoint": "https://idp.example/.well-known/openid-configuration",
}
OWN_TEMPLATE = {**OIDC, "options": {"x509": {"template": "{}"}}}


def check(provisioner: dict[str, Any], above: dict[str, Any], own: dict[str, Any], *purposes: str) -> None:
    """Check a CA with these constraints in its root and in its intermediate."""
    root = make.root(NOW, name_constraints=closed(above))
    more = {"extended_key_usage": purposes or ["server_auth", "client_auth"]}
    intermediate = make.intermediate(root, KEY, NOW, name_constraints=closed(own), **more)
    root_pem, own_pem = (certificates.to_pem(one).decode() for one in (root, intermediate))
    settings = {"address": ":443", "dnsNames": ["ca.corp.example"], "authority": {"provisioners": [provisioner]}}
    inputs.check(inputs.Inputs(settings, root_pem, certificates.fingerprint(root), own_pem), NOW)


ACME = {"type": "ACME", "name": "acme"}


@pytest.mark.parametrize(("provisioner", "names"), [(ACME, NAMES), (OIDC, PEOPLE), (OWN_TEMPLATE, NAMES)])
def test_good(provisioner: dict[str, Any], names: dict[str, Any]) -> None:
    check(provisioner, names, names)


@pytest.mark.parametrize(
    ("above", "own", "excluded"),
    [
        (NAMES, NAMES, "https://idp.example/"),
        (PEOPLE, NAMES, "https://idp.example/"),
        ({**PEOPLE, "permitted_uri": ["other.example"]}, PEOPLE, "https://idp.example/"),
        (PEOPLE, {**PEOPLE, "permitted_email": ["example.org"]}, "somebody@corp.example"),
    ],
)
def test_people_for_whom_step_ca_could_sign_nothing(above: Any, own: Any, excluded: str) -> None:
    with pytest.raises(TrustAnchorError, match=f"provisioner people: .* exclude '{excluded}'.*permitted_email"):
        check(OIDC, above, own)


def test_an_intermediate_that_is_not_for_servers() -> None:
    with pytest.raises(TrustAnchorError, match="lacks serverAuth.*server_auth in extended_key_usage"):
        check(ACME, NAMES, NAMES, "client_auth")
