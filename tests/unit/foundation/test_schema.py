# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.schema import (
    check_keys,
    read_bool,
    read_int,
    read_text,
    read_texts,
    read_version,
)
from hypothesis import given
from hypothesis import strategies as st

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(TrustAnchorError, match="unknown key 'dayz'.*Did you mean 'days'"):
        check_keys({"dayz": 1}, ("days", "subject"), "profile")


def test_unknown_key_far_from_all_lists_the_known() -> None:
    with pytest.raises(TrustAnchorError, match="Known keys: days, subject"):
        check_keys({"zzzzzz": 1}, ("days", "subject"), "profile")


@given(ANYTHING)
def test_anything_is_accepted_or_refused_in_order(value: object) -> None:
    try:
        assert set(check_keys(value, ("a", "b"), "here")) <= {"a", "b"}
    except TrustAnchorError as error:
        assert "here" in str(error)


@pytest.mark.parametrize("value", [True, "5", 0, 11, 5.0, []])
def test_numbers_are_numbers_in_range(value: object) -> None:
    with pytest.raises(TrustAnchorError, match="from 1 to 10"):
        read_int({"n": value}, "n", "here", 5, 1, 10)


def test_what_is_not_there() -> None:
    for nothing in ({}, {"n": None}):
        assert read_int(nothing, "n", "here", 5, 1, 10) == 5
        assert read_bool(nothing, "n", "here") is False
        assert read_texts(nothing, "n", "here") == ()
        with pytest.raises(TrustAnchorError, match="here: 'n' is missing"):
            read_text(nothing, "n", "here")


def test_what_is_there() -> None:
    assert [read_int({"n": value}, "n", "here", 5, 1, 10) for value in (1, 10)] == [1, 10]
    assert [read_bool({"n": value}, "n", "here") for value in (True, False)] == [True, False]
    assert read_texts({"n": ["a", "b"]}, "n", "here") == ("a", "b")
    assert read_text({"n": " a "}, "n", "here") == " a "


@pytest.mark.parametrize("value", ["", " ", 5, ["a"], True])
def test_a_text_is_one_that_is_not_empty(value: object) -> None:
    with pytest.raises(TrustAnchorError, match="a text that is not empty"):
        read_text({"n": value}, "n", "here")


@pytest.mark.parametrize("value", [0, 1, "yes", []])
def test_a_truth_value_is_no_word(value: object) -> None:
    with pytest.raises(TrustAnchorError, match="true or false"):
        read_bool({"n": value}, "n", "here")


@pytest.mark.parametrize("value", ["corp.example", [""], [1], {"a": 1}])
def test_a_list_of_texts_is_no_text(value: object) -> None:
    with pytest.raises(TrustAnchorError, match="list of texts"):
        read_texts({"n": value}, "n", "here")


@pytest.mark.parametrize("found, version", [({}, 1), ({"version": 1}, 1), ({"version": 3, "new": 1}, 3)])
def test_a_known_version_is_read_and_unknown_keys_pass(found: dict[str, int], version: int) -> None:
    assert read_version(found, 3, "x.json") == version


@pytest.mark.parametrize(
    "found", [[], "1", None, {"version": "1"}, {"version": True}, {"version": 0}, {"version": None}]
)
def test_what_is_not_a_version_is_refused(found: object) -> None:
    with pytest.raises(TrustAnchorError, match=r"x\.json"):
        read_version(found, 3, "x.json")


def test_a_later_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(TrustAnchorError, match="version 4") as caught:
        read_version({"version": 4}, 3, "x.json")
    assert "left as it is" in caught.value.why and "up to date" in caught.value.next_step
