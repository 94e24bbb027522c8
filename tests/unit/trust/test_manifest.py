# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils import strict_yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import parse_manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from hypothesis import given
from hypothesis import strategies as st

R1, R2 = Root("r1", "11" * 32, "trusted"), Root("r2", "22" * 32, "staged")


def test_the_sequence_rises_only_with_a_change() -> None:
    first = parse_manifest(None, "trust.yml").with_roots([R1])
    assert first.sequence == 1
    assert first.with_roots([R1]) is first
    second = parse_manifest(first.to_yaml(), "trust.yml").with_roots([R2])
    assert (second.sequence, second.roots) == (2, (R1, R2))


def test_a_standby_root_is_marked_and_others_are_not() -> None:
    standby = Root("s1", "33" * 32, "trusted", standby=True)
    manifest = parse_manifest(None, "trust.yml").with_roots([R1, standby])
    assert manifest.sequence == 1
    assert manifest.to_yaml().count(b"standby") == 1
    assert parse_manifest(manifest.to_yaml(), "trust.yml") == manifest


def test_a_listed_root_keeps_its_state() -> None:
    retiring = parse_manifest(None, "trust.yml").with_roots([Root("r1", "11" * 32, "retiring")])
    assert retiring.with_roots([R1]).roots[0].state == "retiring"


@pytest.mark.parametrize("root", [Root("r1", "33" * 32, "trusted"), Root("r3", "11" * 32, "trusted")])
def test_a_name_is_one_certificate(root: Root) -> None:
    with pytest.raises(TrustAnchorError, match="the trust manifest lists 'r1'"):
        parse_manifest(None, "trust.yml").with_roots([R1]).with_roots([root])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 1 is understood"),
        ({"sequence": "x"}, "whole number"),
        ({"roots": {}}, "not a list"),
        ({"roots": [{"name": "a", "sha256": "11", "state": "trusted"}]}, "not a SHA-256 fingerprint"),
        ({"roots": [{"name": "a", "sha256": "11" * 32, "state": "good"}]}, "known: staged"),
        ({"roots": [{"name": "a", "sha256": "11" * 32, "state": "trusted", "standby": "no"}]}, "true or false"),
        ({"roots": [{"name": "a", "sha256": "11" * 32, "state": "trusted"}] * 2}, "lists a name twice"),
        ({"rootz": []}, "Did you mean 'roots'"),
    ],
)
def test_strict_reading(change: dict[str, object], message: str) -> None:
    text = strict_yaml.dump({"version": 1, "sequence": 1, "roots": [], **change})
    with pytest.raises(TrustAnchorError, match=message):
        parse_manifest(text, "trust.yml")


@given(st.binary(max_size=60))
def test_garbage_is_explained(data: bytes) -> None:
    with pytest.raises(TrustAnchorError):
        parse_manifest(data, "trust.yml")


def test_the_estate_is_named_after_its_first_root_for_good() -> None:
    first = parse_manifest(None, "trust.yml").with_roots([R1])
    assert first.id == "11" * 16
    without = first.changed([R2])
    assert parse_manifest(without.to_yaml(), "trust.yml").id == "11" * 16
    older = strict_yaml.dump({"version": 1, "sequence": 1, "roots": first.as_dict()["roots"]})  # of a record without it
    assert parse_manifest(older, "trust.yml") == first


def test_since_and_incident_are_kept() -> None:
    moment = dt.datetime(2026, 11, 26, 2, 0, 0, tzinfo=dt.UTC)
    root = Root("r1", "11" * 32, "distrusted", since=moment, incident="INC-7")
    manifest = parse_manifest(None, "trust.yml").with_roots([root, R2])
    assert parse_manifest(manifest.to_yaml(), "trust.yml") == manifest
    with pytest.raises(TrustAnchorError, match="since is 'yesterday'"):
        parse_manifest(manifest.to_yaml().replace(b"2026-11-26T02:00:00Z", b"yesterday"), "trust.yml")
