# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host answered is read strictly: a value in its type, or a refusal that names its place."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers
from hypothesis import given
from hypothesis import strategies as st

STORE = answers.fields({"name": answers.text, "sizes": answers.each(answers.whole)}, why=answers.text)
DEEP: Any = []
for _level in range(100):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (answers.text, "x"),
        (answers.flag, False),
        (answers.number, 1.5),
        (answers.number, 2),
        (answers.whole, -3),
        (answers.choice("a", "b"), "b"),
        (answers.optional(answers.text), None),
        (answers.optional(answers.text), "x"),
        (answers.each(answers.text), []),
        (answers.each(answers.text), ["x", "y"]),
        (answers.table(answers.whole), {"a": 1}),
        (answers.plain, {"a": [1, 2.5, "x", None, True]}),
        (answers.within(100, answers.text), "x"),
        (STORE, {"name": "java", "sizes": [1]}),
    ],
)
def test_what_is_taken(reader: Any, value: Any) -> None:
    assert reader(value, "here") == value


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (answers.text, None),
        (answers.text, b"x"),
        (answers.text, "x" * 100_000),
        (answers.flag, 1),
        (answers.flag, "false"),
        (answers.number, float("nan")),
        (answers.number, float("inf")),
        (answers.number, 10**400),
        (answers.number, True),
        (answers.number, "1"),
        (answers.whole, 1.0),
        (answers.whole, True),
        (answers.whole, 2**70),
        (answers.choice("a", "b"), "c"),
        (answers.choice("a", "b"), ["a"]),
        (answers.each(answers.text), "xyz"),
        (answers.each(answers.text), {"x": 1}),
        (answers.each(answers.text), ["x", 1]),
        (answers.each(answers.text), ["x"] * 30_000),
        (answers.table(answers.whole), [1]),
        (answers.table(answers.whole), {1: 1}),
        (answers.table(answers.whole), {"a": "b"}),
        (answers.plain, {"a": float("nan")}),
        (answers.plain, DEEP),
        (answers.plain, object()),
        (answers.within(100, answers.text), "x" * 101),
        (answers.content, "not base64!"),
        (answers.content, "eA="),
        (answers.content, "eé=="),
        (answers.content, ["eA=="]),
        (answers.digest, base64.b64encode(b"short").decode()),
        (STORE, None),
        (STORE, {}),
        (STORE, {"name": "java", "sizes": None}),
        (STORE, {"name": "java", "sizes": [1], "why": 1}),
    ],
)
def test_what_is_refused(reader: Any, value: Any) -> None:
    with pytest.raises(TrustAnchorError, match="the host's answer cannot be used: (a key of )?here") as caught:
        reader(value, "here")
    assert len(str(caught.value)) < 600


def test_a_refusal_names_the_place() -> None:
    with pytest.raises(TrustAnchorError, match=r"here\[1\]\.sizes\[0\] is str"):
        answers.each(STORE)([{"name": "a", "sizes": []}, {"name": "b", "sizes": ["1"]}], "here")


def test_a_hostile_key_moves_no_cursor() -> None:
    with pytest.raises(TrustAnchorError) as caught:
        answers.table(answers.whole)({"\x1b[2J" * 1000: "x"}, "here")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_keys_that_nobody_asks_for_are_left_out() -> None:
    assert STORE({"name": "java", "sizes": [], "else": DEEP}, "here") == {"name": "java", "sizes": []}


def test_bytes_in_base64() -> None:
    assert answers.content(base64.b64encode(b"\x00\xff").decode(), "here") == b"\x00\xff"
    assert answers.digest(base64.b64encode(b"x" * 32).decode(), "here") == b"x" * 32


def test_half_a_character_can_be_written_later() -> None:
    assert answers.text("a\ud800b", "here").encode() == b"a\\ud800b"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "sizes", "why"]) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_answer_is_read_or_refused(value: Any) -> None:
    for reader in (STORE, answers.each(STORE), answers.plain, answers.content, answers.table(answers.number)):
        try:
            found = reader(value, "here")
        except TrustAnchorError:
            continue
        if not isinstance(found, bytes):
            json.dumps(found, allow_nan=False).encode()
