# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import locale
import ssl

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from hypothesis import given
from hypothesis import strategies as st

THREE = dt.datetime(2026, 11, 24, 15, tzinfo=dt.UTC)
MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)).map(lambda one: one.replace(microsecond=0))


def test_the_clock() -> None:
    before, now = dt.datetime.now(dt.UTC), times.utc_now()
    assert (now.tzinfo, now.microsecond) == (dt.UTC, 0)
    assert abs(now - before) < dt.timedelta(minutes=1)


def test_the_one_form() -> None:
    assert times.render(THREE) == "2026-11-24T15:00:00Z"
    assert times.parse("2026-11-24T15:00:00Z", "x") == THREE
    assert times.parse("2026-11-24T15:00:00Z", "x").tzinfo is dt.UTC


def test_another_zone_and_fractions() -> None:
    there = dt.datetime(2026, 11, 24, 16, 0, 0, 999_999, dt.timezone(dt.timedelta(hours=1)))
    assert times.render(there) == "2026-11-24T15:00:00Z"


def test_a_time_without_a_zone_is_a_fault_of_the_program() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        times.render(dt.datetime(2026, 11, 24))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2026-11-24",
        "2026-11-24T15:00:00",
        "2026-11-24T15:00:00+00:00",
        "2026-11-24T15:00:00.5Z",
        "2026-11-24T15:00:00z",
        "2026-11-24 15:00:00Z",
        "2026-1-4T5:00:00Z",
        "2026-02-30T15:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T15:00:60Z",
        "0000-11-24T15:00:00Z",
        "٢٠٢٦-11-24T15:00:00Z",
        "2026-11-24T15:00:00Z\n",
    ],
)
def test_what_is_not_a_time(text: str) -> None:
    assert times.parsed(text) is None
    with pytest.raises(TrustAnchorError, match=r"manifest: since is .*2026-11-24T15:00:00Z is expected"):
        times.parse(text, "manifest: since")


@pytest.mark.parametrize("value", [None, 5, [], b"2026-11-24T15:00:00Z"])
def test_what_is_not_even_a_text(value: object) -> None:
    assert times.parsed(value) is None


@given(MOMENTS)
def test_what_is_rendered_is_parsed(moment: dt.datetime) -> None:
    aware = moment.replace(tzinfo=dt.UTC)
    text = times.render(aware)
    assert len(text) == 20
    assert times.parse(text, "x") == aware


@given(st.integers(0, 4 * 10**9), st.floats(0, 0.999))
def test_seconds_since_the_epoch(seconds: int, more: float) -> None:
    assert times.from_epoch(seconds + more).timestamp() == seconds
    assert times.render_epoch(seconds) == times.render(times.from_epoch(seconds))


def test_dates() -> None:
    assert times.parse_date("2026-12-31", "x") == dt.date(2026, 12, 31)
    assert times.render_date(dt.date(2026, 12, 31)) == times.render_date(dt.datetime(2026, 12, 31, 5)) == "2026-12-31"


@pytest.mark.parametrize("text", ["", "20261231", "2026-W01-1", "2026-2-3", "2026-02-30", "31.12.2026", "2026-12-31\n"])
def test_what_is_not_a_date(text: str) -> None:
    with pytest.raises(TrustAnchorError, match="waiver 1: (?s:.*) is not a date"):
        times.parse_date(text, "waiver 1")


def test_what_openssl_prints() -> None:
    assert times.parse_openssl("Nov 24 15:00:00 2026 GMT", "x") == THREE
    assert times.parse_openssl("Nov  4 15:00:00 2026 GMT\n", "x") == THREE.replace(day=4)


@given(MOMENTS.filter(lambda moment: moment.year >= 1970))
def test_it_is_read_as_python_reads_it(moment: dt.datetime) -> None:
    text = moment.replace(tzinfo=dt.UTC).strftime("%b %e %H:%M:%S %Y GMT")
    assert times.parse_openssl(text, "x").timestamp() == ssl.cert_time_to_seconds(text)


def test_the_locale_makes_no_difference() -> None:
    """In German, %b of strptime(3) wants ``Mai`` and ``Okt``."""
    before = locale.setlocale(locale.LC_TIME)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_TIME, name)
            except locale.Error:
                continue  # is not installed here
            assert times.parse_openssl("May 24 15:00:00 2026 GMT", "x").month == 5
            assert times.parse_openssl("Oct 24 15:00:00 2026 GMT", "x").month == 10
    finally:
        locale.setlocale(locale.LC_TIME, before)


@pytest.mark.parametrize(
    "text", ["", "2026-11-24T15:00:00Z", "Nov 31 15:00:00 2026 GMT", "Okt 24 15:00:00 2026 GMT", "Nov 24 15:00:00 2026"]
)
def test_what_openssl_does_not_print(text: str) -> None:
    with pytest.raises(TrustAnchorError, match=r"notAfter is .*'Nov 23 15:00:00 2026 GMT' is expected"):
        times.parse_openssl(text, "notAfter")
