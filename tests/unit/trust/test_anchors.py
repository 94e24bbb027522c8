# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Anchors as an inventory writes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import anchors
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.anchors import Anchor
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root

ENTRY = {"name": "r1", "sha256": "AB" * 32, "reason": "ceremony 1"}


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("refused", [{}, {"refused": False}, {"refused": True}])
def test_what_an_anchor_says(kind: type, refused: dict[str, bool]) -> None:
    (found,) = anchors.parse(kind([{**ENTRY, **refused}]))
    assert found == Anchor("r1", "ab" * 32, "ceremony 1", refused.get("refused", False))
    assert anchors.parse(kind()) == ()
    assert not Anchor("r1", "ab" * 32, "ceremony 1").refused


@pytest.mark.parametrize("option", [None, "", "r1", 5, ENTRY, {}, {"r1": ENTRY}])
def test_what_is_no_list(option: Any) -> None:
    with pytest.raises(TrustAnchorError, match=f"pki_anchors is {type(option).__name__}, not a list"):
        anchors.parse(option)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("r1", "an entry of pki_anchors is str, not a mapping"),
        *(({key: text for key, text in ENTRY.items() if key != name}, f"'{name}' is missing") for name in ENTRY),
        *(({**ENTRY, name: 5}, f"'{name}' is 5") for name in ENTRY),
        ({**ENTRY, "refused": "yes"}, "'refused' is 'yes'"),
        ({**ENTRY, "refuse": True}, "unknown key 'refuse'"),
        ({**ENTRY, "sha256": "ab"}, "'ab' is not a SHA-256 fingerprint"),
    ],
)
def test_what_is_no_anchor(entry: Any, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        anchors.parse([entry])


def test_a_root_has_one_reason() -> None:
    other = {**ENTRY, "sha256": "cd" * 32}
    assert len(anchors.parse([ENTRY, other])) == 2
    with pytest.raises(TrustAnchorError, match="lists a fingerprint twice"):
        anchors.parse([ENTRY, other, {**ENTRY, "name": "r2", "sha256": "ab" * 32}])


@pytest.mark.parametrize(
    ("name", "written"),
    [("r1", "r1"), ("Root_1-b", "Root_1-b"), ("1", '"1"'), ("a b", '"a b"'), ("a, x: y", '"a, x: y"'), ("", '""')],
)
def test_the_line_for_the_inventory(name: str, written: str) -> None:
    expected = f"- {{name: {written}, sha256: {'ab' * 32}, reason: why}}"
    assert anchors.line(Root(name, "ab" * 32), "why") == expected
