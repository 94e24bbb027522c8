# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan limits where nothing is declared, and that what was signed before that is left as it is."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan import planning
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import (
    document,
    dump,
    parse_plan,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.model import Plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from factories.declared import HOUR, NOW, Estate

CLOSED = {
    "permitted_dns": ["corp.example"],
    "permitted_ip": ["10.0.0.0/8", "::/128"],
    "permitted_email": ["invalid"],
    "permitted_uri": ["invalid"],
}


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


def act(plan: Plan, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document(plan)["acts"] if one["act"] == kind)
    return found


def former(plan: Plan) -> Plan:
    """The plan as it was drafted before plans closed what is not declared."""
    values = copy.deepcopy(document(plan))
    for one in values["acts"]:
        if one["act"] == "root":
            one["name_constraints"] = {"permitted_dns": ["corp.example"], "permitted_ip": ["10.0.0.0/8"]}
        if one["act"] == "intermediate":
            del one["name_constraints"], one["extended_key_usage"]
    return parse_plan(dump(values), "ceremony.yml")


def certificate(estate: Estate, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((estate.record / name).read_bytes())


def has(one: x509.Certificate, kind: type[x509.ExtensionType]) -> bool:
    return any(isinstance(extension.value, kind) for extension in one.extensions)


def test_the_plan_says_what_nobody_declared(estate: Estate) -> None:
    plan = estate.planned()
    assert act(plan, "root")["name_constraints"] == CLOSED
    assert act(plan, "intermediate")["name_constraints"] == CLOSED
    assert act(plan, "intermediate")["extended_key_usage"] == ["server_auth", "client_auth"]
    assert b"permitted_email" in plan.text  # for those who review it


def test_an_intermediate_limits_itself(estate: Estate) -> None:
    estate.perform(estate.planned())
    signed = certificate(estate, "intermediates/ca1.crt")
    assert list(signed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]
    root = certificate(estate, "roots/r1.crt")
    names = [one.extensions.get_extension_for_class(x509.NameConstraints) for one in (signed, root)]
    assert names[0].value == names[1].value
    assert names[0].critical


def test_an_intermediate_may_say_otherwise(estate: Estate) -> None:
    estate.options["intermediates"][0].update(extended_key_usage=["any"], unconstrained=True)
    plan = estate.planned()
    assert act(plan, "intermediate")["extended_key_usage"] == ["any"]  # a reviewer sees it
    assert act(plan, "intermediate")["unconstrained"] is True
    estate.perform(plan)
    signed = certificate(estate, "intermediates/ca1.crt")
    assert not has(signed, x509.ExtendedKeyUsage)
    assert not has(signed, x509.NameConstraints)
    assert estate.plan(NOW + HOUR).state == planning.NOTHING


def test_an_intermediate_narrower_than_its_root(estate: Estate) -> None:
    estate.options["intermediates"][0]["name_constraints"] = {
        "permitted_dns": ["web.corp.example"],
        "permitted_ip": ["10.1.0.0/16"],
    }
    plan = estate.planned()
    assert act(plan, "intermediate")["name_constraints"]["permitted_email"] == ["invalid"]
    estate.perform(plan)
    assert estate.plan(NOW + HOUR).state == planning.NOTHING


@pytest.mark.parametrize(
    ("wider", "named"),
    [
        ({"permitted_dns": ["example"]}, "example"),
        ({"permitted_ip": ["10.0.0.0/7"]}, "10.0.0.0/7"),
        ({"permitted_ip": ["2001:db8::/32"]}, "2001:db8::/32"),
        ({"permitted_email": ["corp.example"]}, "corp.example"),
        ({"permitted_uri": [".corp.example"]}, ".corp.example"),
    ],
)
def test_an_intermediate_wider_than_its_root_is_refused(estate: Estate, wider: dict[str, Any], named: str) -> None:
    estate.options["intermediates"][0]["name_constraints"] = {"permitted_dns": ["corp.example"], **wider}
    with pytest.raises(TrustAnchorError, match=f"'ca1' permits {named}, and its root does not"):
        estate.plan()


@pytest.mark.parametrize("key", ["roots", "intermediates"])
def test_constraints_that_leave_nothing(estate: Estate, key: str) -> None:
    """Said by the plan, and not on the day on which the CA refuses to sign."""
    for entry in estate.options[key]:
        entry["name_constraints"] = {"permitted_dns": ["corp.example"], "excluded_dns": ["corp.example"]}
    with pytest.raises(TrustAnchorError, match="permits corp.example, and an excluded subtree .* takes it back"):
        estate.plan()


def test_a_root_that_excludes_what_its_intermediate_permits(estate: Estate) -> None:
    for root in estate.options["roots"]:
        root["name_constraints"] = {"permitted_dns": ["corp.example"], "excluded_dns": ["web.corp.example"]}
    estate.options["intermediates"][0]["name_constraints"] = {"permitted_dns": ["www.web.corp.example"]}
    with pytest.raises(TrustAnchorError, match="'ca1' permits www.web.corp.example, and an excluded subtree"):
        estate.plan()


@pytest.mark.parametrize(
    ("purposes", "message"),
    [(["server"], "has 'server'"), (["any", "server_auth"], "has 'any'"), (["server_auth"] * 2, "each once")],
)
def test_purposes_that_are_refused(estate: Estate, purposes: list[str], message: str) -> None:
    estate.options["intermediates"][0]["extended_key_usage"] = purposes
    with pytest.raises(TrustAnchorError, match=message):
        estate.plan()


def test_a_former_plan_still_means_what_it_meant(estate: Estate) -> None:
    estate.perform(former(estate.planned()))
    names = certificate(estate, "roots/r1.crt").extensions.get_extension_for_class(x509.NameConstraints).value
    assert [str(one.value) for one in names.permitted_subtrees or []] == ["corp.example", "10.0.0.0/8"]
    assert names.excluded_subtrees is None
    intermediate = certificate(estate, "intermediates/ca1.crt")
    assert not has(intermediate, x509.ExtendedKeyUsage)
    assert not has(intermediate, x509.NameConstraints)


def test_what_was_signed_by_a_former_plan_is_left_alone(estate: Estate) -> None:
    estate.perform(former(estate.planned()))
    assert estate.plan(NOW + HOUR).state == planning.NOTHING


def test_the_next_intermediate_under_a_former_root_is_limited(estate: Estate) -> None:
    estate.perform(former(estate.planned()))
    estate.request("ca1", "CN=Test Intermediate CA1")
    plan = estate.planned(NOW + HOUR)
    assert act(plan, "intermediate")["name_constraints"] == CLOSED
    estate.perform(plan)
    assert has(certificate(estate, "intermediates/ca1.crt"), x509.ExtendedKeyUsage)
    assert estate.plan(NOW + 2 * HOUR).state == planning.NOTHING


def test_a_declaration_that_a_former_root_does_not_meet_is_told(estate: Estate) -> None:
    estate.perform(former(estate.planned()))
    for root in estate.options["roots"]:
        root["name_constraints"] = {**root["name_constraints"], "permitted_email": ["corp.example"]}
    with pytest.raises(TrustAnchorError, match="exists and differs from what is planned.*e-mail corp.example"):
        estate.plan(NOW + HOUR)
