# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import inputs
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
from factories import pki
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = pki.root()
INTERMEDIATE = ROOT.intermediate()
JWK = {"type": "JWK", "name": "enrolment", "key": {"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}}
ACME = {"type": "ACME", "name": "acme"}
OIDC = {"type": "OIDC", "name": "people", "clientID": "ca", "configurationEndpoint": "https://idp.example/.well-known"}
GOOGLE = {**OIDC, "configurationEndpoint": "https://accounts.google.com/.well-known/openid-configuration"}
SETTINGS: dict[str, Any] = {
    "address": ":443",
    "dnsNames": ["ca.corp.example"],
    "authority": {"provisioners": [JWK, ACME]},
}


def declared(
    root: pki.Authority = ROOT,
    intermediate: str | None = None,
    root_sha256: str = "",
    networks: tuple[str, ...] = (),
    **settings: Any,
) -> inputs.Inputs:
    signer = INTERMEDIATE.pem if intermediate is None else intermediate
    return inputs.Inputs({**SETTINGS, **settings}, root.pem, root_sha256 or root.sha256, signer, networks)


def refused(message: str, given_inputs: inputs.Inputs, planning: bool = False) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        inputs.check(given_inputs, pki.NOW, planning)


def provisioners(*found: Any) -> dict[str, Any]:
    return {"authority": {"provisioners": list(found)}}


def test_good_inputs_give_the_facts_for_the_host() -> None:
    facts = inputs.check(declared(insecureAddress=":80"), pki.NOW)
    assert facts == {
        "ports": [443, 80],
        "key_sha256": certificates.spki_sha256(INTERMEDIATE.key.public_key()),
    }


LASTING_ROOT = pki.root(end=pki.NOW + 3000 * pki.DAY)


def claims(longest: str) -> dict[str, Any]:
    return {"authority": {"provisioners": [JWK, {**ACME, "claims": {"maxTLSCertDuration": longest}}]}}


@pytest.mark.parametrize(
    ("left", "settings", "told"),
    [
        (91, {}, False),
        (89, {}, True),
        (-1, {}, True),
        (300, claims("2160h"), False),
        (300, claims("8760h"), True),
        (300, {"authority": {"claims": {"maxTLSCertDuration": "8760h"}}}, True),
        (366, claims("8760h"), False),
    ],
)
def test_an_intermediate_that_ends_before_what_it_issues_or_before_its_remedy(
    left: int, settings: dict[str, Any], told: bool
) -> None:
    """step-ca does not shorten certificates."""
    signed = LASTING_ROOT.intermediate(end=pki.NOW + left * pki.DAY)
    said = inputs.warnings(declared(LASTING_ROOT, signed.pem, **settings), pki.NOW)
    assert bool(said) is told
    assert all("The intermediate CN=Test Intermediate ends at " in one for one in said)
    assert inputs.warnings(declared(LASTING_ROOT, "", **settings), pki.NOW) == []


@pytest.mark.parametrize(("left", "told"), [(729, True), (731, False)])
def test_a_root_needs_a_successor_in_time(left: int, told: bool) -> None:
    root = pki.root(end=pki.NOW + left * pki.DAY)
    said = inputs.warnings(declared(root, root.intermediate(end=pki.NOW + 200 * pki.DAY).pem), pki.NOW)
    assert bool(said) is told
    assert all("Plan its successor" in one for one in said)


def test_a_fingerprint_may_be_written_as_people_do() -> None:
    digits = ROOT.sha256.upper()
    written = ":".join(digits[at : at + 2] for at in range(0, 64, 2))
    inputs.check(declared(root_sha256=written), pki.NOW)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adress": ":443"}, "unknown key 'adress'.*Did you mean 'address'"),
        ({"address": "443 "}, "'443 ' is not a listen address"),
        ({"dnsNames": []}, "'dnsNames' is missing or empty"),
        ({"dnsNames": "ca.corp.example"}, "dnsNames must be a list"),
        ({"password": "hunter2"}, "'password' holds a secret"),
        (provisioners({**ACME, "type": ["ACME", "JWK"]}), "exactly one type"),
        (provisioners({**ACME, "name": "canary"}), "a provisioner is called 'canary'.*taken by the role's own check"),
        (provisioners({**GOOGLE, "groups": ["admins"]}), "provisioner people: 'groups' cannot work with Google"),
        ({"authority": []}, "authority must be a mapping"),
        ({"authority": {"provisioners": 5}}, "provisioners must be a list"),
        ({"authority": {"policy": []}}, "policy must be a mapping"),
        ({"authority": {"policy": {"x509": {"allow": {"dns": "*.corp.example"}}}}}, "dns must be a list"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    refused(message, declared(**settings))


@pytest.mark.parametrize("provisioner", [GOOGLE, {**GOOGLE, "groups": []}, {**OIDC, "groups": ["admins"]}])
def test_oidc_that_works(provisioner: dict[str, Any]) -> None:
    inputs.check(declared(**provisioners(provisioner)), pki.NOW)


def test_a_bad_client_network() -> None:
    refused("client network 'corp' is not a network", declared(networks=("corp",)))


def test_the_root_is_not_the_declared_one() -> None:
    refused("has fingerprint [0-9a-f]{64}.*is declared.*Compare with the ceremony", declared(root_sha256="ab" * 32))
    refused("'abc' is not a SHA-256 fingerprint", declared(root_sha256="abc"))


@pytest.mark.parametrize("text", ["", "garbage", pki.key_pem(pki.new_key()), ROOT.pem + pki.root().pem])
def test_what_is_not_a_root(text: str) -> None:
    refused("the root certificate holds", inputs.Inputs(SETTINGS, text, ROOT.sha256, INTERMEDIATE.pem))


def test_a_chain_to_another_root() -> None:
    refused("'CN=Test Intermediate'.*was not issued by 'CN=Test Root'", declared(root=pki.root()))
    refused("was not issued by 'CN=Other Root'", declared(root=pki.root("Other Root")))


EXPIRED = {"start": pki.NOW - 9 * pki.DAY, "end": pki.NOW - pki.DAY}
FUTURE = {"start": pki.NOW + pki.DAY, "end": pki.NOW + 9 * pki.DAY}


@pytest.mark.parametrize(("dates", "message"), [(EXPIRED, "has expired"), (FUTURE, "is not yet valid")])
def test_dates(dates: dict[str, Any], message: str) -> None:
    refused(f"'CN=Test Root'.*{message}", declared(root=pki.root(**dates)))
    refused(f"'CN=Late'.*{message}", declared(intermediate=ROOT.intermediate("Late", **dates).pem))


def test_the_intermediate_is_a_leaf() -> None:
    refused(
        "CN=a.corp.example is not a CA certificate",
        declared(intermediate=pki.pem(ROOT.leaf("a.corp.example").certificate)),
    )
    refused("'CN=Plain|CN=Plain is not a CA", declared(intermediate=ROOT.intermediate("Plain", ca=False).pem))


def test_the_root_is_not_a_ca() -> None:
    refused("CN=Test Root lacks the key usage keyCertSign", declared(root=pki.root(ca=False)))


def test_key_usage_for_crls() -> None:
    without = ROOT.intermediate(crl_sign=False).pem
    refused("CN=Test Intermediate lacks the key usage cRLSign", declared(intermediate=without, crl={"enabled": True}))
    inputs.check(declared(intermediate=without, crl={"enabled": False}), pki.NOW)
    inputs.check(declared(crl={"enabled": True}), pki.NOW)
    # What the root signs at ceremonies is no matter of the CA's.
    root = pki.root(crl_sign=False)
    inputs.check(declared(root, root.intermediate().pem, crl={"enabled": True}), pki.NOW)


@pytest.mark.parametrize("text", ["garbage", pki.key_pem(pki.new_key()), INTERMEDIATE.pem + pki.key_pem(pki.new_key())])
def test_what_is_not_an_intermediate(text: str) -> None:
    refused("the intermediate certificate holds", declared(intermediate=text))


def test_name_constraints_exclude_the_cas_own_name() -> None:
    message = "the name constraints of CN={} exclude the CA's own name ca.corp.example"
    narrow = pki.root("Narrow Root", permitted_dns=["other.example"])
    refused(message.format("Narrow Root"), declared(root=narrow, intermediate=narrow.intermediate().pem))
    signer = ROOT.intermediate("Narrow", permitted_dns=["other.example"]).pem
    refused(message.format("Narrow"), declared(intermediate=signer))
    inputs.check(declared(intermediate=ROOT.intermediate(permitted_dns=["corp.example"]).pem), pki.NOW)


def test_no_intermediate_yet() -> None:
    refused("no intermediate certificate yet.*request_intermediate", declared(intermediate=" \n"))
    with pytest.raises(TrustAnchorError, match="no intermediate certificate yet"):
        inputs.check(declared(intermediate=""), pki.NOW)  # a real run is what is meant where nothing is said
    assert inputs.check(declared(intermediate=""), pki.NOW, planning=True) == {"ports": [443], "key_sha256": ""}


def test_a_plan_without_an_intermediate_still_checks_the_rest() -> None:
    narrow = pki.root("Narrow Root", permitted_dns=["other.example"])
    refused("exclude the CA's own name", declared(root=narrow, intermediate=""), planning=True)
    refused("unknown key 'adress'", declared(intermediate="", adress=":443"), planning=True)


def test_a_plan_with_an_intermediate_checks_it() -> None:
    refused("was not issued by", declared(root=pki.root()), planning=True)


def test_a_bundle_has_the_signer_first() -> None:
    middle = ROOT.intermediate("Middle")
    lower = middle.intermediate("Lower")
    facts = inputs.check(declared(intermediate=pki.pem(*lower.above)), pki.NOW)
    assert facts["key_sha256"] == certificates.spki_sha256(lower.key.public_key())
    refused("'CN=Lower'.*was not issued by", declared(intermediate=lower.pem))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
KEYS = ["address", "dnsNames", "authority", "insecureAddress", "crl", "db", "provisioners"]


@settings(suppress_health_check=[HealthCheck.too_slow])  # how fast the machine is proves nothing
@given(
    st.dictionaries(st.sampled_from(KEYS), JSON),
    st.dictionaries(st.sampled_from(["provisioners", "policy", "claims"]), JSON),
)
def test_any_settings_are_accepted_or_refused_in_order(any_settings: dict[str, Any], authority: dict[str, Any]) -> None:
    for broken in (any_settings, {**any_settings, "authority": authority}):
        try:
            inputs.check(declared(**broken), pki.NOW)
        except TrustAnchorError as error:
            assert error.what


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_any_texts_are_refused_in_order(root: str, sha256: str, intermediate: str) -> None:
    refused(".", inputs.Inputs(SETTINGS, root, sha256, intermediate))
