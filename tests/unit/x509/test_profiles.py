# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import constraint_set, profiles
from cryptography import x509
from factories.pki import profiled as make
from hypothesis import given
from hypothesis import strategies as st

KEYS = (
    "subject",
    "days",
    "path_length",
    "name_constraints",
    "unconstrained",
    "crl_urls",
    "issuer_urls",
    "renew_before_days",
)
VALUE = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=3)
CONSTRAINTS = st.dictionaries(
    st.sampled_from(["permitted_dns", "permitted_ip", "excluded_dns", "excluded_ip", "x"]), VALUE
)
PROFILE = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), VALUE | CONSTRAINTS)


@given(PROFILE, st.sampled_from([profiles.parse_root, profiles.parse_intermediate, profiles.parse_crl]))
def test_any_mapping_gives_a_profile_or_an_explained_error(data: object, parse: object) -> None:
    try:
        parse(data)  # type: ignore[operator]
    except TrustAnchorError as error:
        assert error.what


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": None}, "'subject' is missing"),
        ({"subject": "Test Root"}, "not a distinguished name"),
        ({"subject": "O=Test"}, "has no CN"),
        ({"subject": "CN=x,C=Switzerland"}, "not a distinguished name"),
        ({"days": 20000}, "whole number"),
        ({"path_length": 0}, "whole number"),
        ({"name_constraints": None}, "has no name constraints"),
        ({"name_constraints": {}}, "permits no DNS domain"),
        ({"name_constraints": {"permitted_dns": [".corp.example"]}}, "without leading dot"),
        ({"name_constraints": {"permitted_dns": ["*.corp.example"]}}, "wildcard"),
        (
            {"name_constraints": {"permitted_dns": ["corp.example"], "permitted_ip": ["10.0.0.1/8"]}},
            "host bits",
        ),
        ({"name_constraints": {"permited_dns": ["corp.example"]}}, "Did you mean 'permitted_dns'"),
    ],
)
def test_refused_roots(change: dict[str, object], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        profiles.parse_root({**make.ROOT, **change})


@pytest.mark.parametrize(
    "url",
    [
        "https://pki.corp.example/r.crl",
        "ldap://x/y",
        "http://",
        "http://[::1",
        "http://pki/a b",
        "http://pkí/",
    ],
)
def test_only_plain_http_urls(url: str) -> None:
    with pytest.raises(TrustAnchorError, match="plain http URL"):
        profiles.parse_intermediate({"crl_urls": [url]})


def test_an_intermediate_lives_at_most_five_years() -> None:
    with pytest.raises(TrustAnchorError, match="from 1 to 1826"):
        profiles.parse_intermediate({"days": 1827})


def test_a_crl_lives_at_most_a_year() -> None:
    with pytest.raises(TrustAnchorError, match="from 1 to 365"):
        profiles.parse_crl({"days": 366})


def test_without_permitted_addresses_all_are_excluded() -> None:
    constraints = constraint_set.ConstraintSet(permitted_dns=("corp.example",)).extension()
    assert [str(one.value) for one in constraints.excluded_subtrees or []] == ["0.0.0.0/0", "::/0"]


def test_permitted_addresses_lift_that() -> None:
    parsed = profiles.parse_root(
        {**make.ROOT, "name_constraints": {"permitted_dns": ["corp.example"], "permitted_ip": ["10.0.0.0/8"]}}
    )
    assert parsed.constraints is not None
    assert parsed.constraints.extension().excluded_subtrees is None


def test_subject_is_in_the_order_of_the_directory() -> None:
    name = profiles.parse_subject("CN=Root,O=Test,C=CH")
    assert [one.oid for one in name] == [
        x509.NameOID.COUNTRY_NAME,
        x509.NameOID.ORGANIZATION_NAME,
        x509.NameOID.COMMON_NAME,
    ]
