# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import durations
from hypothesis import given
from hypothesis import strategies as st

DAY = 86400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", DAY),
        ("1h30m", 5400),
        ("300s", 300),
        ("1h1m1s", 3661),
        ("0h5m", 300),
        ("007m", 420),
        ("30d", 30 * DAY),
        ("1d12h", 36 * 3600),
        ("30m1h", 5400),
        ("36500d", 36500 * DAY),
    ],
)
def test_durations(text: str, expected: int) -> None:
    assert durations.seconds(text, "lifetime") == expected
    assert durations.delta(text, "lifetime") == dt.timedelta(seconds=expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24",
        "h",
        "1w",
        "24H",
        " 24h",
        "24h ",
        "24h\n",
        "1.5h",
        "-1h",
        "30 d",
        "٢٤h",
        "1h-5m",
        "00",
        "9" * 5000 + "h",
    ],
)
@pytest.mark.parametrize("zero", [True, False])
def test_what_is_not_a_duration(text: str, zero: bool) -> None:
    with pytest.raises(TrustAnchorError, match=r"lifetime: (?s:.*) is not a duration.*30d, 24h or 1h30m"):
        durations.seconds(text, "lifetime", zero=zero)


@pytest.mark.parametrize("text", ["0", "0s", "0d", "0h0m"])
def test_zero_only_where_it_has_a_meaning(text: str) -> None:
    assert durations.seconds(text, "max_age", zero=True) == 0
    with pytest.raises(TrustAnchorError, match="lifetime: .* is a duration of zero"):
        durations.seconds(text, "lifetime")


@pytest.mark.parametrize("text", ["40000d", "9999999999h"])
def test_a_duration_that_no_time_can_be_moved_by(text: str) -> None:
    with pytest.raises(TrustAnchorError, match="more than a century"):
        durations.delta(text, "lifetime")


def test_a_century_of_leap_years_is_the_most() -> None:
    assert durations.seconds("36600d", "lifetime") == 36600 * DAY
    with pytest.raises(TrustAnchorError, match="more than a century"):
        durations.seconds("36600d1s", "lifetime")


def test_a_span_of_zero_only_where_it_has_a_meaning() -> None:
    assert durations.delta("0", "max_age", zero=True) == dt.timedelta(0)
    with pytest.raises(TrustAnchorError, match="lifetime: .* is a duration of zero"):
        durations.delta("0", "lifetime")


@given(st.integers(0, 99), st.integers(0, 999), st.integers(0, 999), st.integers(1, 999))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, rest: int) -> None:
    expected = days * DAY + hours * 3600 + minutes * 60 + rest
    assert durations.seconds(f"{days}d{hours}h{minutes}m{rest}s", "x") == expected


@given(st.text(), st.booleans())
def test_any_text_is_a_duration_or_refused(text: str, zero: bool) -> None:
    try:
        assert durations.seconds(text, "x", zero=zero) >= (0 if zero else 1)
    except TrustAnchorError as error:
        assert error.what.startswith("x: ")


MINUTE = 60 * 10**9


@pytest.mark.parametrize(("length", "good"), [(63, True), (64, True), (65, False)])
def test_the_longest_one(length: int, good: bool) -> None:
    text = "5s".rjust(length, "0")
    for read, expected in ((durations.seconds, 5), (durations.go_nanoseconds, 5 * 10**9)):
        if good:
            assert read(text, "x") == expected
        else:
            with pytest.raises(TrustAnchorError, match="is not a duration"):
                read(text, "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", 24 * 60 * MINUTE),
        ("1h30m", 90 * MINUTE),
        ("1.5h", 90 * MINUTE),
        (".5s", 5 * 10**8),
        ("1.s", 10**9),
        ("300ms", 3 * 10**8),
        ("10us", 10**4),
        ("10µs", 10**4),
        ("10μs", 10**4),
        ("1ns", 1),
        ("0.3ns", 0),
        ("-1m", -MINUTE),
        ("+2h", 120 * MINUTE),
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
        ("2562047h47m16.854775807s", 2**63 - 1),
    ],
)
def test_go_durations(text: str, expected: int) -> None:
    assert durations.go_nanoseconds(text, "x") == expected


@pytest.mark.parametrize(
    "text",
    [
        "30d",
        "1w",
        "24",
        "h",
        "",
        ".",
        ".h",
        "1..5h",
        "- 1h",
        "--1h",
        "24h\n",
        "24 h",
        "24H",
        "٢٤h",
        "2562048h",
        "2562047h47m16.854775808s",
        "-2562047h47m16.854775809s",
        24,
        None,
    ],
)
def test_what_is_not_a_go_duration(text: object) -> None:
    with pytest.raises(TrustAnchorError, match=r"(?s)claims: .* is not a duration.*no unit for days"):
        durations.go_nanoseconds(text, "claims")


@given(st.integers(0, 10**9))
def test_step_ca_reads_our_durations(total: int) -> None:
    assert durations.go_nanoseconds(durations.go_text(total), "x") == total * 10**9


@given(st.text("0123456789.+-dhmsnuµ"))
def test_any_text_is_a_go_duration_or_refused(text: str) -> None:
    try:
        assert isinstance(durations.go_nanoseconds(text, "x"), int)
    except TrustAnchorError as error:
        assert "is not a duration" in error.what


@pytest.mark.parametrize(("length", "good"), [(63, True), (64, True), (65, False)])
def test_how_long_a_duration_may_be_written(length: int, good: bool) -> None:
    text = "1h".rjust(length, "0")
    if good:
        assert durations.seconds(text, "x") == 3600
        assert durations.go_nanoseconds(text, "x") == 3600 * 10**9
        return
    for read in (durations.seconds, durations.go_nanoseconds):
        with pytest.raises(TrustAnchorError, match="is not a duration"):
            read(text, "x")
