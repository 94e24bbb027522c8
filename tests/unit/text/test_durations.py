# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.durations import seconds
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24h", 86400), ("1h30m", 5400), ("300s", 300), ("1h1m1s", 3661), ("0h5m", 300), ("007m", 420)],
)
def test_durations(text: str, expected: int) -> None:
    assert seconds(text, "lifetime") == expected


@pytest.mark.parametrize(
    "text", ["", "24", "h", "1d", "24H", " 24h", "24h ", "24h\n", "1.5h", "-1h", "0h", "0s", "٢٤h", "1h-5m"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(TrustAnchorError, match=r"lifetime: (?s:.*) is not a duration"):
        seconds(text, "lifetime")


@given(st.integers(0, 999), st.integers(0, 999), st.integers(1, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"{hours}h{minutes}m{rest}s", "x") == hours * 3600 + minutes * 60 + rest


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        assert seconds(text, "x") > 0
    except TrustAnchorError as error:
        assert "is not a duration" in str(error)
