# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of a plan by itself: what it refuses, in its own words, and what lies just beside it and is good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from factories import plans as make

Data = dict[str, Any]
Change = Callable[[Data], object]


def changed(*changes: Change) -> Data:
    data = make.full()
    for change in changes:
        change(data)
    return data


def key(name: str, **values: Any) -> Change:
    return lambda data: data["keys"][name].update(values)


def act(index: int, **values: Any) -> Change:
    return lambda data: data["acts"][index].update(values)


def both(*changes: Change) -> Change:
    return lambda data: [change(data) for change in changes]


def window(start: str, end: str) -> Change:
    return lambda data: data.update(window={"start": start, "end": end})


def without_keys(data: Data) -> None:
    """A later ceremony, by a root that is known and on record."""
    data["acts"] = [{"act": "crl", "issuer": "r1", "number": 2, "days": 365, "revoked": []}]
    data["keys"] = {"r1": data["keys"]["r1"]}
    data["roots"] = {"r1": {"sha256": "a" * 64}}


PEOPLE = ["Ada Lovelace", "Grace Hopper"]
START = "2026-11-24T06:00:00Z"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (window(START, START), r"^the window is from .*its end must be after its start, by at most 31 days"),
        (window(START, "2026-11-24T05:59:59Z"), "^the window is from"),
        (window(START, "2026-12-25T06:00:01Z"), "^the window is from"),
        (key("s1", algorithm="ec-p256"), "^the key of the root 's1' is ec-p256"),
        (key("r1", origin="imported", attested=True), "^the key 'r1' is imported and attested. a token attests only"),
        (key("r1", tokens=["primary", "second"]), "^the key 'r1' is generated and on 2 tokens"),
        (key("r1", tokens=[]), "^the key 'r1' is on no token"),
        (key("r1", pin_holders=["Ada Lovelace"]), "^key 'r1' has one PIN holder"),
        (key("r1", pin_holders=["Ada Lovelace", "Eve"]), "^key 'r1': the PIN holder 'Eve' is not among the people"),
        (key("r1", pin_holders=["Ada Lovelace", "Ada Lovelace"]), "^the plan has the PIN holder '[Aa]da lovelace' 2"),
        (key("s1", tokens=["Primary"]), "^the plan has the token 'primary' 2 times"),
        (lambda data: data["people"].append(data["people"][0]), "^the plan has the person 'ada lovelace' 2 times"),
        (lambda data: data["people"].pop(), "^the plan names no witness"),
        (lambda data: data["people"].pop(0), "^the plan names no operator"),
        (lambda data: data["keys"].pop("s1"), "^the plan has no key 's1'"),
        (lambda data: data.update(sealed_by="r9"), "^the plan neither makes the root 'r9' nor knows it"),
        (lambda data: data.update(roots={"r1": {"sha256": "a" * 64}}), "^the root 'r1' is both made and known"),
        (
            lambda data: data.update(roots={"r9": {"sha256": "a" * 64}}) or data["keys"].update(r9=make.key("ninth")),
            "^the plan does not use the key 'r9'",
        ),
        (lambda data: data["acts"].insert(0, data["acts"].pop(6)), "^crl:r1 comes before the root 'r1' is made"),
        (lambda data: data["acts"].append(data["acts"][-1]), "^the plan has the act 'crl:s1' 2 times"),
        (act(5, name="ca1"), "^the plan has the request 'requests/ca1.csr' 2 times"),
    ],
)
def test_what_a_rule_refuses(change: Change, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        make.parsed(changed(change))


@pytest.mark.parametrize(
    "change",
    [
        window(START, "2026-11-24T06:00:01Z"),
        window(START, "2026-12-25T06:00:00Z"),
        key("r1", origin="imported"),
        key("r1", origin="imported", tokens=["primary", "second"]),
        key("r1", attested=True),
        key("r1", pin_holders=PEOPLE),
        key("s1", algorithm="rsa-4096"),
        both(key("s1", algorithm="ec-p256"), act(2, allow_weak_root=True)),
        without_keys,
        both(without_keys, key("r1", algorithm="ec-p256")),  # the root is there; no rule mends it
    ],
)
def test_what_lies_beside_it_is_good(change: Change) -> None:
    assert make.parsed(changed(change))


def test_a_plan_without_an_act() -> None:
    with pytest.raises(TrustAnchorError, match="^the plan has no act. a ceremony without an act does nothing"):
        make.parsed(changed(lambda data: data.update(acts=[], keys={})))


def test_of_which_root_a_cross_certificate_is_the_standbys() -> None:
    """Of a made root its act says so, of a known one the plan."""

    def known(standby: bool) -> Change:
        def change(data: Data) -> None:
            data["acts"] = [one for one in data["acts"] if one["act"] == "cross"]
            data["keys"] = {"r1": data["keys"]["r1"]}
            data["roots"] = {"r1": {"sha256": "a" * 64}, "s1": {"sha256": "b" * 64, "standby": standby}}

        return change

    assert make.parsed(changed(known(standby=True)))
    for change in (known(standby=False), act(2, standby=False), act(1, standby=True)):
        with pytest.raises(TrustAnchorError, match="^cross:s1-by-r1 does not put a standby root under a primary"):
            make.parsed(changed(change))


@pytest.mark.parametrize("path", ["intermediates/ca1.crt", "cross/s1-by-r1.crt"])
def test_what_this_plan_makes_cannot_be_revoked_by_its_path(path: str) -> None:
    """The file that stands there now is another one than after the ceremony."""
    with pytest.raises(TrustAnchorError, match=f"{path}.*which this plan makes again"):
        make.parsed(changed(act(6, revoked=[{"certificate": path}])))
    assert make.parsed(changed(act(6, revoked=[{"certificate": "intermediates/old.crt"}])))
