# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts import (
    crl,
    cross,
    intermediate,
    revocations,
    root,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan import document as plans
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.model import KnownRoot
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from cryptography import x509
from factories import plans as make
from hypothesis import given
from hypothesis import strategies as st

DAY = dt.timedelta(days=1)


def acts(data: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [act for act in data["acts"] if act["act"] == kind]


def test_all_acts_are_read() -> None:
    plan = make.parsed(make.full())
    assert [act.id for act in plan.acts] == [
        "inspect:primary",
        "root:r1",
        "root:s1",
        "cross:s1-by-r1",
        "intermediate:ca1",
        "manifest_signer:m1",
        "crl:r1",
        "crl:s1",
    ]
    assert [act.path for act in plan.signing_acts] == [
        "roots/r1.crt",
        "roots/s1.crt",
        "cross/s1-by-r1.crt",
        "intermediates/ca1.crt",
        "signers/m1.crt",
        "crls/r1.crl",
        "crls/s1.crl",
    ]
    assert plan.sha256 == hashlib.sha256(plan.text).hexdigest()
    assert plan.pkilint
    assert {act.what for act in plan.acts if isinstance(act, cross.CrossAct)} == {
        "cross-certify the standby root 's1' under 'r1', 1826 days"
    }


def test_times_default_to_the_start_of_the_window() -> None:
    data = make.full()
    acts(data, "intermediate")[0]["not_before"] = "2026-11-24T07:30:00Z"
    acts(data, "crl")[0]["revoked"] = [{"serial": "0a:0b"}, {"certificate": "intermediates/old.crt"}]
    plan = make.parsed(data)
    made, signed = plan.acts[1], plan.acts[4]
    assert isinstance(made, root.RootAct)
    assert made.not_before == make.START
    assert made.not_after == make.START + 7305 * DAY
    assert isinstance(signed, intermediate.IntermediateAct)
    assert signed.not_before == make.START + dt.timedelta(minutes=90)
    listed = plan.acts[6]
    assert isinstance(listed, crl.CrlAct)
    assert listed.this_update == make.START
    assert listed.revoked[0] == revocations.RevokedEntry(None, 0x0A0B, x509.ReasonFlags.unspecified, make.START)
    assert listed.revoked[1].certificate == "intermediates/old.crt"


def test_an_unquoted_time_is_the_text_that_was_written() -> None:
    text = plans.dump(make.full()).replace(b"'2026-11-24T06:00:00Z'", b"2026-11-24T06:00:00Z")
    assert plans.parse_plan(text, "here").window.start == make.START


def test_a_later_ceremony_knows_its_roots() -> None:
    data = make.full()
    data["acts"] = [act for act in data["acts"] if act["act"] != "root"]
    data["roots"] = {"r1": {"sha256": "a" * 64}, "s1": {"sha256": "b" * 64, "standby": True}}
    plan = make.parsed(data)
    assert plan.roots["s1"] == KnownRoot("s1", "b" * 64, True)


Spoil = Callable[[dict[str, Any]], object]


def at(*path: Any, to: Any) -> Spoil:
    """Set one value; None removes it."""

    def spoil(data: dict[str, Any]) -> None:
        inner: Any = data
        for step in path[:-1]:
            inner = inner[step]
        if to is None:
            del inner[path[-1]]
        else:
            inner[path[-1]] = to

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (at("version", to=2), "has version 2, written by a later version of the collection"),
        (at("version", to=True), "'version' is True"),
        (at("name", to="../x"), "a name such as 'r1' is expected"),
        (at("name", to=1), "'name' is 1"),
        (at("tilte", to="x"), "Did you mean 'title'"),
        (at("title", to="x\x1b[2J"), "one line of at most 200"),
        (at("window", "end", to="2026-11-24T06:00:00Z"), "its end must be after its start"),
        (at("window", "end", to="2026-12-26T06:00:00Z"), "by at most 31 days"),
        (at("window", "start", to="2026-02-31T06:00:00Z"), "a time such as"),
        (at("window", "start", to="2026-11-24 06:00"), "a time such as"),
        (at("window", to=None), "window is NoneType"),
        (at("people", 1, to=None), "names no witness"),
        (at("people", 0, "role", to="witness"), "names no operator"),
        (at("people", 1, "name", to="ada lovelace"), "person 'ada lovelace' 2 times"),
        (at("people", 0, "role", to="boss"), "known: operator, witness"),
        (at("pkilint", to="never"), "known: required, optional"),
        (at("sealed_by", to="r9"), "neither makes the root 'r9' nor knows it"),
        (at("keys", "r1", to=None), "has no key 'r1'"),
        (at("keys", "r1", "tokens", to=[]), "is on no token"),
        (at("keys", "r1", "tokens", to=["a", "b"]), "generated and on 2 tokens"),
        (at("keys", "s1", "tokens", to=["primary"]), "token 'primary' 2 times"),
        (at("keys", "s1", "pin_policy", to="never"), "known: always, once"),
        (at("keys", "s1", "algorithm", to="ec-p521"), "known: ec-p384"),
        (at("keys", "s1", "algorithm", to="ec-p256"), "or allow_weak_root: true"),
        (at("keys", "x", to=make.key("third")), "neither makes the root 'x' nor knows it"),
        (at("roots", to={"r1": {"sha256": "a" * 64}}), "both made and known"),
        (at("roots", to={"r0": {"sha256": "A" * 64}}), "64 lower-case hex digits"),
        (lambda data: data["acts"].clear() or data["keys"].clear(), "has no act"),
        (lambda data: data["acts"].append(data["acts"][0]), "act 'inspect:primary' 2 times"),
        (lambda data: data["acts"].reverse(), "crl:s1 comes before the root 's1' is made"),
        (at("acts", 0, "act", to="dance"), "known: inspect, root"),
        (at("acts", 1, "days", to=None), "'days' is missing"),
        (at("acts", 1, "name_constraints", to=None), "root 'r1' has no name constraints"),
        (at("acts", 1, "subject", to="CN=Roo\\1bt"), "cannot be shown"),
        (at("acts", 1, "path_length", to=1), "cross:s1-by-r1 has path length 1"),
        (at("acts", 1, "days", to=1000), "outlives its issuer"),
        (at("acts", 1, "not_before", to="2026-11-24T07:00:00Z"), "starts before its issuer"),
        (at("acts", 2, "days", to=1000), "not within the validity of 's1'"),
        (at("acts", 2, "standby", to=False), "distrusting the primary would not kill"),
        (at("acts", 1, "standby", to=True), "distrusting the primary would not kill"),
        (at("acts", 4, "request_sha256", to="11"), "as sha256sum prints them"),
        (at("acts", 4, "request", to="/etc/passwd"), "requests/NAME.csr"),
        (at("acts", 4, "subject", to=None), "'subject' is missing"),
        (at("acts", 4, "subject", to="CN=Test Root R1,O=Test"), "has its issuer's subject"),
        (at("acts", 4, "path_length", to=2), "has path length 2 and its issuer 'r1' has 2"),
        (at("acts", 4, "crl_urls", to=["https://x/y"]), "a plain http URL"),
        (at("acts", 5, "days", to=826), "from 1 to 825"),
        (at("acts", 5, "name", to="ca1"), "request 'requests/ca1.csr' 2 times"),
        (at("acts", 6, "number", to=0), "from 1 to"),
        (at("acts", 6, "number", to=None), "'number' is missing"),
        (at("acts", 6, "days", to=366), "from 1 to 365"),
        (at("acts", 6, "this_update", to="2026-11-24T06:00:01Z"), "this_update is at the window's start"),
        (at("acts", 6, "revoked", to={}), "a list is expected"),
        (at("acts", 6, "revoked", to=[{}]), "both or neither"),
        (at("acts", 6, "revoked", to=[{"serial": 12}]), "'serial' is 12"),
        (at("acts", 6, "revoked", to=[{"serial": "xyz"}]), "in hexadecimal"),
        (at("acts", 6, "revoked", to=[{"serial": "0"}]), "is not a serial"),
        (at("acts", 6, "revoked", to=[{"serial": "1" * 41}]), "is not a serial"),
        (at("acts", 6, "revoked", to=[{"serial": "ab"}, {"serial": "AB"}]), "serial 'ab' 2 times"),
        (at("acts", 6, "revoked", to=[{"serial": "1", "reason": "certificate_hold"}]), "known: unspecified"),
        (at("acts", 6, "revoked", to=[{"serial": "1", "date": "2026-11-24T07:00:00Z"}]), "after the CRL's date"),
        (at("acts", 6, "revoked", to=[{"certificate": "../x.crt"}]), "a certificate of the record"),
        (at("acts", 6, "revoked", to=[{"certificate": "intermediates/ca1.crt"}]), "Give the serial"),
    ],
)
def test_refused_plans(spoil: Spoil, message: str) -> None:
    data = make.full()
    spoil(data)
    with pytest.raises(TrustAnchorError, match=message):
        make.parsed(data)


def test_an_imported_key_is_on_several_tokens() -> None:
    data = make.full()
    data["keys"]["r1"] = make.key("one", "two", origin="imported")
    assert make.parsed(data).keys["r1"].tokens == ("one", "two")


def test_somebody_on_the_path_is_constrained() -> None:
    data = make.full()
    del data["acts"][1]["name_constraints"]
    data["acts"][1]["unconstrained"] = True
    with pytest.raises(TrustAnchorError, match="neither intermediate:ca1 nor its issuer has name constraints"):
        make.parsed(data)
    data["acts"][4]["unconstrained"] = True
    assert make.parsed(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"", "NoneType, not a mapping"),
        (b"[" * 5000, "more than 20 levels"),
        (b"a: &x 1\nb: *x", "an anchor or alias in line 1"),
        (b"a: *x", "an anchor or alias"),
        (b"<<: {a: 1}", "a key that is not text"),
        (b"name: x\nname: y", "the key 'name' twice in line 2"),
        (b"1: x", "a key that is not text"),
        (b"{[a]: x}", "a key that is not text"),
        (b"!!python/object/apply:os.system [id]", "a tag"),
        (b"a: 1\n---\nb: 2", "not the plain YAML"),
        (b"a: " + b"9" * 5000, "not the plain YAML"),
        (b"a: \x00", "not the plain YAML"),
        (b"a" * (2 << 20), "at most 1048576 are read"),
    ],
)
def test_refused_texts(text: bytes, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        plans.parse_plan(text, "ceremony.yml")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def refuses_in_order(text: bytes) -> None:
    try:
        plans.parse_plan(text, "ceremony.yml")
    except TrustAnchorError as error:
        assert error.what


@given(st.binary() | st.text().map(str.encode))
def test_random_bytes(text: bytes) -> None:
    refuses_in_order(text)


@given(st.dictionaries(st.sampled_from(sorted(make.FULL)) | st.text(), ANYTHING, max_size=10))
def test_random_structures(data: dict[str, Any]) -> None:
    refuses_in_order(plans.dump({"version": 1, **data}))


def places(data: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path for key, value in inside for path in [(*above, key), *places(value, (*above, key))]]


@given(st.sampled_from(places(make.FULL)), ANYTHING | st.sampled_from(["", "r1", "s1", "-", "9999-99-99", 10**30, -1]))
def test_a_valid_plan_with_one_value_replaced(place: tuple[Any, ...], value: Any) -> None:
    data = make.full()
    at(*place, to=value)(data)
    refuses_in_order(plans.dump(data))


@given(st.integers(0, len(plans.dump(make.FULL)) - 1), st.binary(max_size=3))
def test_a_valid_plan_with_bytes_replaced(where: int, new: bytes) -> None:
    text = plans.dump(make.full())
    refuses_in_order(text[:where] + new + text[where + len(new) + 1 :])


TIME = st.datetimes(dt.datetime(2026, 11, 24, 6), dt.datetime(2027, 2, 1)).map(
    lambda when: when.replace(microsecond=0).isoformat() + "Z"
)
REVOKED = st.fixed_dictionaries(
    {"serial": st.integers(1, 2**159 - 1).map("{:X}".format)},
    optional={"reason": st.sampled_from(["superseded", "ca_compromise"]), "date": st.just("2026-11-20T06:00:00Z")},
)


@given(TIME, st.lists(REVOKED, max_size=4, unique_by=lambda entry: entry["serial"]), st.booleans())
def test_what_is_written_is_read_again(when: str, revoked: list[Any], strict: bool) -> None:
    data = make.full()
    data["acts"][4] |= {"not_before": when, "name_constraints": make.NAMES}
    data["acts"][6]["revoked"] = revoked
    data["pkilint"] = "required" if strict else "optional"
    plan = make.parsed(data)
    again = make.parsed(plans.document(plan))
    assert again == plan
    assert plans.document(again) == plans.document(plan)
