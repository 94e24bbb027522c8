# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a declaration and a record to a plan, and back to nothing once a ceremony has signed what it says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts.crl import CrlAct
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan import planning
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.declaration import parse_declaration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.model import Plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.crls import load_crl
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from factories.declared import DAY, HOUR, NOW, PEOPLE, Estate, options
from factories.pki import profiled as make
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


def ids(plan: Plan) -> list[str]:
    return [act.id for act in plan.acts]


def test_the_first_plan_has_everything(estate: Estate) -> None:
    plan = estate.planned()
    assert plan.name == "0001"
    assert ids(plan) == [
        "root:r1",
        "root:s1",
        "cross:s1-by-r1",
        "intermediate:ca1",
        "manifest_signer:m1",
        "crl:r1",
        "crl:s1",
    ]
    assert plan.window.start == dt.datetime(2026, 11, 24, 6, tzinfo=dt.UTC)
    assert plan.window.end - plan.window.start == 24 * HOUR
    assert plan.sealed_by == "r1"
    assert plan.keys["s1"].tokens == ("standby",)
    assert b"http://pki.corp.example/root-r1.crl" in plan.text
    assert plan.text.startswith(b"# Plan of the ceremony 0001")


def test_a_draft_that_fits_is_left_alone_and_one_whose_window_has_ended_is_not(estate: Estate) -> None:
    first = estate.planned()
    assert estate.plan(NOW + 20 * HOUR).state == planning.UNCHANGED
    later = estate.plan(NOW + 30 * HOUR)
    assert (later.state, later.path) == (planning.DRAFTED, estate.record / "ceremonies/0001/ceremony.yml")
    assert later.before["window"]["start"] == "2026-11-24T06:00:00Z"
    assert later.after["window"]["start"] == "2026-11-25T12:00:00Z"
    assert later.plan
    assert later.plan.acts[0] != first.acts[0]  # the times follow the window


def test_a_window_that_is_declared(estate: Estate) -> None:
    estate.plan().apply()
    estate.options["window_start"] = "2026-12-01T08:00:00Z"
    planned = estate.plan()
    assert planned.state == "drafted"
    planned.apply()
    assert planned.plan is not None
    assert planned.plan.window.start == dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC)
    assert {act.not_before for act in planned.plan.acts if hasattr(act, "not_before")} == {planned.plan.window.start}
    assert estate.plan().state == "unchanged"
    with pytest.raises(TrustAnchorError, match="the declared window ended at 2026-12-02T08:00:00"):
        estate.plan(dt.datetime(2026, 12, 3, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    "change",
    [
        lambda estate: estate.request("ca1", "CN=Test Intermediate CA1"),
        lambda estate: estate.options.update(title="Now with a title"),
        lambda estate: estate.options["roots"][0].update(days=3000),
        lambda estate: estate.options["cross"].clear(),
    ],
)
def test_a_draft_that_does_not_fit_is_drafted_anew(estate: Estate, change: Callable[[Estate], object]) -> None:
    first = estate.planned()
    change(estate)
    second = estate.planned()
    assert second.name == first.name
    assert second.sha256 != first.sha256
    assert estate.plan().state == planning.UNCHANGED


def test_a_performed_plan_leaves_nothing_to_do(estate: Estate) -> None:
    estate.perform(estate.planned())
    for later in (HOUR, 300 * DAY):
        assert estate.plan(NOW + later).state == planning.NOTHING
    assert not estate.plan().changed


def test_a_ceremony_under_way_is_left_alone(estate: Estate) -> None:
    estate.perform(estate.planned(), close=False)
    estate.options["title"] = "Another"
    found = estate.plan()
    assert (found.state, found.changed) == (planning.UNDER_WAY, False)
    assert found.path == estate.record / "ceremonies/0001/ceremony.yml"


def test_what_is_due_after_most_of_a_year(estate: Estate) -> None:
    estate.perform(estate.planned())
    plan = estate.planned(NOW + 306 * DAY)
    assert plan.name == "0002"
    assert ids(plan) == ["manifest_signer:m1", "crl:r1", "crl:s1"]
    assert [act.number for act in plan.acts if isinstance(act, CrlAct)] == [2, 2]
    assert set(plan.roots) == {"r1", "s1"}
    estate.perform(plan)
    assert estate.plan(NOW + 307 * DAY).state == planning.NOTHING
    assert len(list((estate.record / "crls/archive").iterdir())) == 2


def test_a_new_request_renews_and_a_revocation_by_path_means_the_old_one(estate: Estate) -> None:
    estate.perform(estate.planned())
    old = x509.load_pem_x509_certificate((estate.record / "intermediates/ca1.crt").read_bytes())
    estate.request("ca1", "CN=Test Intermediate CA1")
    estate.options["revoked"] = [{"certificate": "intermediates/ca1.crt", "reason": "key_compromise"}]
    plan = estate.planned(NOW + HOUR)
    assert ids(plan) == ["intermediate:ca1", "crl:r1"]
    assert list(plan.keys) == ["r1"]
    estate.perform(plan)
    crl = load_crl((estate.record / "crls/r1.crl").read_bytes(), "r1")
    assert [entry.serial_number for entry in crl] == [old.serial_number]
    # The path now holds the new certificate: the declaration would revoke that one next.
    estate.options["revoked"] = [{"serial": f"{old.serial_number:X}", "reason": "key_compromise"}]
    assert estate.plan(NOW + 2 * HOUR).state == planning.NOTHING
    # What was revoked stays so, with its date.
    estate.options["revoked"] = [{"serial": "abcdef"}]
    after = estate.planned(NOW + 3 * HOUR)
    act = after.acts[-1]
    assert isinstance(act, CrlAct)
    assert [(entry.serial, entry.reason.name) for entry in act.revoked] == [
        (old.serial_number, "key_compromise"),
        (0xABCDEF, "unspecified"),
    ]
    assert act.revoked[0].date == plan.window.start


def test_a_draft_of_no_more_use_is_removed_and_a_plan_by_hand_is_not(estate: Estate) -> None:
    estate.perform(estate.planned())
    estate.options["revoked"] = [{"serial": "12"}]
    second = estate.planned(NOW + HOUR)
    by_hand = estate.record / "ceremonies/inspection/ceremony.yml"
    by_hand.parent.mkdir()
    by_hand.write_bytes(second.text.replace(b"'0002'", b"inspection"))
    estate.options["revoked"] = []
    found = estate.plan(NOW + HOUR)
    assert (found.state, found.after) == (planning.REMOVED, {})
    found.apply()
    assert not (estate.record / "ceremonies/0002").exists()
    assert by_hand.exists()
    assert estate.plan(NOW + HOUR).state == planning.NOTHING


def test_a_root_that_the_record_lost(estate: Estate) -> None:
    estate.perform(estate.planned())
    (estate.record / "roots/r1.crt").unlink()
    with pytest.raises(TrustAnchorError, match="no roots/r1.crt, but speaks of that root"):
        estate.plan()


def test_a_crl_that_the_record_lost(estate: Estate) -> None:
    estate.perform(estate.planned())
    estate.options["revoked"] = [{"certificate": "intermediates/ca1.crt"}]
    estate.perform(estate.planned(NOW + HOUR))
    (estate.record / "crls/r1.crl").unlink()
    with pytest.raises(TrustAnchorError, match=r"crls/r1.crl is absent, but crls/archive/r1-1.crl has number 1"):
        estate.plan()


@pytest.mark.parametrize("by_serial", [False, True])
def test_a_signer_is_not_revoked_by_crl(estate: Estate, by_serial: bool) -> None:
    estate.perform(estate.planned())
    signer = x509.load_pem_x509_certificate((estate.record / "signers/m1.crt").read_bytes())
    entry = {"serial": f"{signer.serial_number:x}"} if by_serial else {"certificate": "signers/m1.crt"}
    estate.options["revoked"] = [entry]
    with pytest.raises(TrustAnchorError, match="signers/m1.crt.* is not a CA"):
        estate.plan(NOW + HOUR)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o: o.update(roots=[]), "no root is declared"),
        (lambda o: o["roots"][0].update(tokens=["a"]), "both or neither of token and tokens"),
        (lambda o: o["roots"][1].update(name="r1"), "'r1' is declared 2 times"),
        (lambda o: o["roots"][0].update(path_length=1), "has path length 1 and its issuer 'r1' has 1"),
        (lambda o: o["roots"][0].update(algorithm="ec-p256"), "allow_weak_root"),
        (lambda o: o["roots"][0].update(name_constraints={}), "no name constraints"),
        (lambda o: o["roots"][1].update(name_constraints={"permitted_dns": ["*.x"]}), "wildcard"),
        (lambda o: o["intermediates"][0].update(issuer="r9"), "'r9' is not declared"),
        (lambda o: o["intermediates"][0].update(subject="CN=Other"), "asks for the subject"),
        (lambda o: o["intermediates"][0].update(name="ca2"), "no requests/ca2.csr"),
        (lambda o: o["intermediates"].append({"name": "ca1"}), "'ca1' is declared 2 times"),
        (lambda o: o["cross"][0].update(standby="r1", primary="s1"), "would not kill"),
        (lambda o: o.update(publication_url=None), "Set publication_url"),
        (lambda o: o.update(publication_url="https://x"), "plain http URL"),
        (lambda o: o.update(people=PEOPLE[:1]), "names no witness"),
        (lambda o: o.update(crl_days=30, crl_renew_before_days=30), "crl_renew|renew_before_days"),
        (lambda o: o.update(window_hours=1000), "from 1 to 744"),
        (lambda o: o.update(sealed_by="x"), "'x' is not declared"),
        (lambda o: o.update(revoked=[{"serial": "1", "certificate": "x"}]), "both or neither"),
        (lambda o: o.update(revoked=[{"certificate": "../x.crt"}]), "a certificate of the record is expected"),
        (lambda o: o.update(revoked=[{"certificate": "signers/x.crt"}]), "has no signers/x.crt"),
        (lambda o: o["roots"][0].update(name="../r1"), "a name such as"),
        (lambda o: o["intermediates"][0].update(request="/etc/passwd"), "requests/NAME.csr"),
        (lambda o: o.update(revoked=[{"serial": "1", "reason": "bored"}]), "known: unspecified"),
    ],
)
def test_refused_declarations(estate: Estate, change: Callable[[dict[str, Any]], object], message: str) -> None:
    change(estate.options)
    with pytest.raises(TrustAnchorError, match=message):
        estate.plan()
    assert not (estate.record / "ceremonies").exists()


def test_a_declaration_that_changed_after_the_ceremony(estate: Estate) -> None:
    estate.perform(estate.planned())
    estate.options["roots"][0]["subject"] = "CN=Another Name"
    with pytest.raises(TrustAnchorError, match="exists and differs"):
        estate.plan()


def test_a_bad_request_is_found_by_the_preview(estate: Estate) -> None:
    wish = x509.SubjectAlternativeName([x509.DNSName("corp.example")])
    request = make.request(make.new_key(), "CN=Test Intermediate CA1", wish)
    estate.write("requests/ca1.csr", request.public_bytes(Encoding.PEM))
    with pytest.raises(TrustAnchorError, match="asks for the extension subjectAltName"):
        estate.plan()


def test_an_rsa_root_is_rehearsed_too(estate: Estate) -> None:
    for root in estate.options["roots"]:
        root["algorithm"] = "rsa-3072"
    assert estate.planned().keys["r1"].algorithm == "rsa-3072"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(options())), ANYTHING)
def test_any_declaration_is_read_or_refused(key: str, value: Any) -> None:
    try:
        parse_declaration({**options(), key: value})
    except TrustAnchorError as error:
        assert error.what
