# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import config, settings, validation
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from hypothesis import given
from hypothesis import strategies as st

JWK = {"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "kid": "c", "use": "sig", "alg": "ES256"}
LAYOUT = Layout(base="/srv/ca")
ACME = {"type": "ACME", "name": "acme"}
SETTINGS: dict[str, Any] = {
    "address": ":443",
    "dnsNames": ["ca.corp.example", "10.0.0.1"],
    "authority": {"provisioners": [ACME], "policy": {"x509": {"allow": {"dns": ["*.corp.example"]}}}},
}
OWN_TEMPLATE = {"x509": {"templateFile": "/srv/ca/templates/leaf.tpl"}}


def composed(*provisioners: dict[str, Any], **authority: Any) -> dict[str, Any]:
    declared = {**SETTINGS, "authority": {"provisioners": list(provisioners), **authority}}
    found: dict[str, Any] = config.compose(declared, JWK, LAYOUT)["authority"]
    return found


def test_paths_and_canary_are_added_and_the_whole_is_a_good_configuration() -> None:
    found = config.compose(SETTINGS, JWK, LAYOUT)
    validation.check(found)
    assert (found["root"], found["crt"], found["key"]) == (
        "/srv/ca/certs/root_ca.crt",
        "/srv/ca/certs/intermediate_ca.crt",
        "/srv/ca/secrets/intermediate_ca_key",
    )
    assert [provisioner["name"] for provisioner in found["authority"]["provisioners"]] == ["acme", "canary"]


def test_the_canary_is_of_no_use_to_a_thief() -> None:
    canary = config.canary_provisioner(JWK, "ca.corp.example")
    assert canary["key"] == JWK
    assert canary["claims"] == {
        "minTLSCertDuration": "5m",
        "maxTLSCertDuration": "5m",
        "defaultTLSCertDuration": "5m",
        "disableRenewal": True,
    }
    template = json.loads(canary["options"]["x509"]["template"])
    assert template["extKeyUsage"] == ["clientAuth"]
    assert template["sans"] == [{"type": "dns", "value": "ca.corp.example"}], "whatever name is asked for"


@pytest.mark.parametrize("kind", ["AWS", "GCP", "Azure", "K8sSA", "OIDC", "SSHPOP"])
def test_provisioners_that_take_names_another_way_keep_their_own_template(kind: str) -> None:
    declared = {**SETTINGS, "authority": {"provisioners": [{"type": kind, "name": "one"}]}}
    assert config.compose(declared, JWK, LAYOUT)["authority"]["provisioners"][0] == {"type": kind, "name": "one"}


def test_free_form_credentials_are_not_public() -> None:
    shown = config.public(
        {
            "kms": {"type": "pkcs11", "uri": "pkcs11:token=T?pin-value=1234"},
            "monitoring": {"type": "newrelic", "name": "ca", "key": "licence"},
            "authority": {"config": {"secretID": "approle"}, "certificateIssuer": {"password": "x"}},
            "key": "/etc/step-ca/secrets/intermediate_ca_key",
        }
    )
    text = json.dumps(shown)
    assert not [secret for secret in ("1234", "licence", "approle") if secret in text]
    assert shown["kms"]["uri"] == "pkcs11:token=T"
    assert shown["key"] == "/etc/step-ca/secrets/intermediate_ca_key"


def test_the_declared_settings_are_not_changed() -> None:
    before = copy.deepcopy(SETTINGS)
    config.compose(SETTINGS, JWK, LAYOUT)
    assert before == SETTINGS


@pytest.mark.parametrize("authority", [{}, {"authority": {}}, {"authority": {"provisioners": []}}])
def test_no_provisioners_of_its_own(authority: dict[str, Any]) -> None:
    found = config.compose({"address": ":443", "dnsNames": ["ca"], **authority}, JWK, LAYOUT)
    assert [provisioner["name"] for provisioner in found["authority"]["provisioners"]] == ["canary"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, OWN_TEMPLATE),
        ({}, OWN_TEMPLATE),
        ({"webhooks": []}, {"webhooks": [], **OWN_TEMPLATE}),
        ({"x509": {"template": "{}"}}, {"x509": {"template": "{}"}}),
        ({"x509": {"templateFile": "/other"}}, {"x509": {"templateFile": "/other"}}),
    ],
)
def test_the_leaf_template_is_for_those_that_have_none(options: Any, expected: dict[str, Any]) -> None:
    provisioner = dict(ACME) if options is None else {**ACME, "options": options}
    assert composed(provisioner)["provisioners"][0]["options"] == expected


@pytest.mark.parametrize("kind", ["SSHPOP", "OIDC"])
def test_these_get_no_leaf_template(kind: str) -> None:
    """One makes no X.509 certificates, the other makes them from what the identity provider says."""
    assert "options" not in composed({"type": kind, "name": "x"})["provisioners"][0]


def test_own_names_are_allowed_once() -> None:
    policy = {"x509": {"allow": {"dns": ["*.corp.example", "ca.corp.example"]}}}
    allow = composed(policy=policy)["policy"]["x509"]["allow"]
    assert allow["dns"] == ["*.corp.example", "ca.corp.example"]
    assert allow["ip"] == ["10.0.0.1"]


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"x509": {}},
        {"x509": {"allow": {}}},
        {"x509": {"allow": {"dns": []}}},
        {"x509": {"deny": {"dns": ["*.bad.example"]}}},
    ],
)
def test_without_an_allow_list_none_is_made(policy: dict[str, Any]) -> None:
    """An allow list with nothing but the CA's own names would shut everybody else out."""
    assert composed(policy=policy)["policy"] == policy


@given(st.permutations(sorted(SETTINGS)))
def test_the_same_settings_give_the_same_bytes(order: list[str]) -> None:
    first = config.render(config.compose(SETTINGS, JWK, LAYOUT))
    shuffled = {key: SETTINGS[key] for key in order}
    assert config.render(config.compose(shuffled, JWK, LAYOUT)) == first
    assert json.loads(first)["address"] == ":443"


def test_public_hides_every_secret_at_any_depth() -> None:
    secrets = dict.fromkeys(settings.SECRET_NAMES, "hunter2")
    found = config.public({**secrets, "a": {**secrets, "b": [secrets, [secrets]]}, "address": ":443"})
    assert "hunter2" not in json.dumps(found)
    assert found["address"] == ":443"
    assert found["a"]["b"][0]["clientSecret"] == "(not shown)"


def test_public_shows_that_a_secret_is_empty() -> None:
    assert config.public({"clientSecret": ""}) == {"clientSecret": ""}


def test_defaults_of_the_step_cli() -> None:
    assert json.loads(config.defaults("https://ca.corp.example", "ab" * 32, LAYOUT)) == {
        "ca-url": "https://ca.corp.example",
        "ca-config": "/srv/ca/config/ca.json",
        "fingerprint": "ab" * 32,
        "root": "/srv/ca/certs/root_ca.crt",
    }


@pytest.mark.parametrize(
    ("names", "declared", "expected"),
    [
        (["10.0.0.1", "ca.corp.example", "ca"], {}, "ca.corp.example"),
        (["ca.corp.example"], {"commonName": "Example CA"}, "Example CA"),
        (["10.0.0.1", "fd00::1"], {}, None),
        (["a" * 60 + ".example"], {}, None),
    ],
)
def test_the_common_name_of_the_servers_certificate(
    names: list[str], declared: dict[str, str], expected: str | None
) -> None:
    """step-ca's own, "Step Online CA", is for GnuTLS a name that name constraints do not permit."""
    found = config.compose({**SETTINGS, **declared, "dnsNames": names}, JWK, LAYOUT)
    assert found.get("commonName") == expected
