# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan with every kind of act, as plain values that a test may spoil."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import (
    dump,
    parse_plan,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.model import Plan

START = dt.datetime(2026, 11, 24, 6, tzinfo=dt.UTC)
NAMES = {"permitted_dns": ["corp.example"], "permitted_ip": ["10.0.0.0/8"]}
URLS = {
    "crl_urls": ["http://pki.corp.example/root-r1.crl"],
    "issuer_urls": ["http://pki.corp.example/root-r1.crt"],
}


def key(*tokens: str, **changes: Any) -> dict[str, Any]:
    """A key of a plan."""
    policies = {"pin_policy": "always", "touch_policy": "always"}
    return {"tokens": list(tokens), "algorithm": "ec-p384", "origin": "generated"} | policies | changes


def root(name: str, standby: bool = False, path_length: int = 1) -> dict[str, Any]:
    """An act that makes a root."""
    return {
        "act": "root",
        "name": name,
        "standby": standby,
        "subject": f"CN=Test Root {name.upper()},O=Test",
        "days": 7305,
        "path_length": path_length,
        "name_constraints": copy.deepcopy(NAMES),
    }


FULL: dict[str, Any] = {
    "version": 1,
    "name": "0001",
    "title": "First roots of Corp Example",
    "window": {"start": "2026-11-24T06:00:00Z", "end": "2026-11-25T06:00:00Z"},
    "people": [{"name": "Ada Lovelace", "role": "operator"}, {"name": "Grace Hopper", "role": "witness"}],
    "pkilint": "required",
    "sealed_by": "r1",
    "keys": {"r1": key("primary"), "s1": key("standby")},
    "acts": [
        {"act": "inspect", "token": "primary"},
        root("r1", path_length=2),
        root("s1", standby=True),
        {"act": "cross", "standby": "s1", "primary": "r1", "days": 1826, **URLS},
        {
            "act": "intermediate",
            "name": "ca1",
            "issuer": "r1",
            "request_sha256": "1" * 64,
            "subject": "CN=Test Intermediate CA1",
            "days": 1826,
            "path_length": 0,
            **URLS,
        },
        {
            "act": "manifest_signer",
            "name": "m1",
            "issuer": "r1",
            "request_sha256": "2" * 64,
            "subject": "CN=Test Manifest Signer M1",
            "days": 365,
        },
        {"act": "crl", "issuer": "r1", "number": 1, "days": 365, "revoked": []},
        {"act": "crl", "issuer": "s1", "number": 1, "days": 365, "revoked": []},
    ],
}


def full() -> dict[str, Any]:
    """A copy of the whole plan."""
    return copy.deepcopy(FULL)


def parsed(data: dict[str, Any]) -> Plan:
    """The plan that the values make."""
    return parse_plan(dump(data), "ceremony.yml")


def acts(data: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The acts of one kind, to be spoiled."""
    return [act for act in data["acts"] if act["act"] == kind]


def moved_last(data: dict[str, Any], kind: str) -> None:
    """Have the first act of a kind come after what stands on it."""
    act = acts(data, kind)[0]
    data["acts"].remove(act)
    data["acts"].append(act)


# One rule of each kind: what breaks it in the full plan, and what the refusal says.
BROKEN_RULES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "inspect": (lambda data: data["acts"].append({"act": "inspect", "token": "primary"}), "'inspect:primary' 2 times"),
    "root": (lambda data: moved_last(data, "root"), "comes before the root 'r1' is made"),
    "cross": (lambda data: acts(data, "root")[1].update(standby=False), "does not put a standby root under a primary"),
    "intermediate": (lambda data: acts(data, "intermediate")[0].update(path_length=2), "has path length 2"),
    "manifest_signer": (
        lambda data: acts(data, "manifest_signer")[0].update(not_before="2026-11-24T05:00:00Z"),
        "manifest_signer:m1 starts before its issuer",
    ),
    "crl": (
        lambda data: acts(data, "crl")[0].update(revoked=[{"certificate": "intermediates/ca1.crt"}]),
        "which this plan makes again",
    ),
}
