# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import datetime as dt

import pytest
import yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout.waivers import Waiver, parse
from hypothesis import given
from hypothesis import strategies as st

TODAY = dt.date(2026, 11, 26)
HOSTS = ("web1", "web2", "old1")
ENTRY = {"host": "old1", "owner": "Ada", "reason": "no Python", "expires": "2026-11-26"}


def read(*entries: object) -> tuple[Waiver, ...]:
    return parse(yaml.safe_dump(list(entries)).encode(), "waivers.yml", HOSTS, TODAY)


def test_a_waiver_counts_on_its_last_day() -> None:
    assert read(ENTRY) == (Waiver("old1", "Ada", "no Python", TODAY),)


@pytest.mark.parametrize("text", [b"", b"---\n", b"# none\n", b"[]\n"])
def test_there_may_be_none(text: bytes) -> None:
    assert parse(text, "waivers.yml", HOSTS, TODAY) == ()


def test_a_day_is_read_with_and_without_quotes() -> None:
    text = b"- {host: old1, owner: Ada, reason: none, expires: 2026-12-31}\n"
    assert parse(text, "waivers.yml", HOSTS, TODAY)[0].expires == dt.date(2026, 12, 31)


def test_all_that_expired_are_listed_with_their_owners() -> None:
    second = {"host": "web1", "owner": "Grace", "reason": "in repair", "expires": "2026-01-01"}
    with pytest.raises(TrustAnchorError) as caught:
        read({**ENTRY, "expires": "2026-11-25"}, second, {**ENTRY, "host": "web2", "expires": "2027-01-01"})
    assert "2 waivers expired" in caught.value.what
    assert "old1 of Ada, until 2026-11-25: no Python" in caught.value.what
    assert "web1 of Grace, until 2026-01-01: in repair" in caught.value.what
    assert "web2" not in caught.value.what


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"host": "web9"}, "host 'web9' is not among the 3 declared hosts"),
        ({"expires": "26.11.2026"}, "'26.11.2026' is not a date"),
        ({"expires": "20261231"}, "'20261231' is not a date"),
        ({"owner": ""}, "waiver 1: 'owner' is ''"),
        ({"reason": None}, "waiver 1: 'reason' is missing"),
        ({"until": "x"}, "unknown key 'until'"),
    ],
)
def test_what_is_refused(change: dict[str, object], what: str) -> None:
    with pytest.raises(TrustAnchorError) as caught:
        read({**ENTRY, **change})
    assert what in caught.value.what


def test_a_host_twice_is_refused() -> None:
    with pytest.raises(TrustAnchorError, match="two waivers for host 'old1'"):
        read(ENTRY, {**ENTRY, "owner": "Grace"})


def test_a_mapping_is_refused() -> None:
    with pytest.raises(TrustAnchorError, match="is not a list"):
        parse(b"host: old1\n", "waivers.yml", HOSTS, TODAY)


@given(st.dates(min_value=dt.date(1970, 1, 1), max_value=dt.date(9999, 12, 31)))
def test_a_waiver_is_good_or_refused_by_its_day_alone(day: dt.date) -> None:
    if day < TODAY:
        with pytest.raises(TrustAnchorError, match="1 waiver expired"):
            read({**ENTRY, "expires": day.isoformat()})
    else:
        assert read({**ENTRY, "expires": day.isoformat()})[0].expires == day


@given(st.binary(max_size=200))
def test_any_bytes_give_waivers_or_an_error_of_ours(text: bytes) -> None:
    with contextlib.suppress(TrustAnchorError):
        assert isinstance(parse(text, "waivers.yml", HOSTS, TODAY), tuple)
