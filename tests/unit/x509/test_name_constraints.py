# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.name_constraints import (
    permits,
    require_permitted,
)
from factories.pki import profiled as make

CASES = [
    ("corp.example", True),
    ("a.b.corp.example", True),
    ("A.CORP.example.", True),
    ("*.corp.example", True),
    ("evilcorp.example", False),
    ("corp.example.evil", False),
    ("secret.corp.example", False),
    ("a.secret.corp.example", False),
    ("example", False),
    ("10.1.2.3", True),
    ("10.9.0.1", False),
    ("192.0.2.1", False),
    ("::1", False),
    ("[::1]", False),
]


@pytest.mark.parametrize(("name", "expected"), CASES)
def test_names(name: str, expected: bool) -> None:
    constraints = {
        "permitted_dns": ["corp.example"],
        "excluded_dns": ["secret.corp.example"],
        "permitted_ip": ["10.0.0.0/8"],
        "excluded_ip": ["10.9.0.0/16"],
    }
    assert permits(make.root(name_constraints=constraints), name) is expected


def test_without_constraints_all_is_permitted() -> None:
    free = make.root(name_constraints=None, unconstrained=True)
    assert permits(free, "www.example.org")
    assert permits(free, "2001:db8::1")


def test_by_default_no_address_is_permitted() -> None:
    assert not permits(make.root(), "10.0.0.1")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["corp.example", "*.web.corp.example", "10.1.2.3", "www.secret.corp.example"], "not permit 'www.secret.corp"),
        (["*.corp.example"], "spans secret.corp.example, which the name constraints of '.*' exclude: .*Go and"),
        (["*.secret.corp.example"], "do not permit"),
        (["10.9.0.1"], "do not permit '10.9.0.1'"),
        (["*.b.corp.example"], r"spans a.b.corp.example"),
    ],
)
def test_names_that_are_refused(names: list[str], message: str) -> None:
    constraints = {
        "permitted_dns": ["corp.example"],
        "excluded_dns": ["secret.corp.example", "a.b.corp.example"],
        "permitted_ip": ["10.0.0.0/8"],
        "excluded_ip": ["10.9.0.0/16"],
    }
    with pytest.raises(TrustAnchorError, match=message):
        require_permitted(make.root(name_constraints=constraints), names)


@pytest.mark.parametrize("names", [["corp.example", "*.web.corp.example", "*.secret.corp.example.corp.example"], []])
def test_names_that_all_clients_accept(names: list[str]) -> None:
    constraints = {"permitted_dns": ["corp.example"], "excluded_dns": ["secret.corp.example"]}
    require_permitted(make.root(name_constraints=constraints), names)
    require_permitted(make.root(name_constraints=None, unconstrained=True), ["*.example.org", "::1"])
