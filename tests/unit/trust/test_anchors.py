# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The anchors of an inventory, as people write them, and the line that is proposed for one."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import anchors
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.anchors import Anchor
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root

ONE, TWO = "ab" * 32, "cd" * 32
ENTRY = {"name": "r1", "sha256": ONE, "reason": "ceremony of 2026-01-02"}


@pytest.mark.parametrize("of", [list, tuple])
def test_they_are_read(of: Any) -> None:
    found = anchors.parse(of([ENTRY, {**ENTRY, "name": "r2", "sha256": TWO.upper(), "refused": True}]))
    assert found == (
        Anchor("r1", ONE, "ceremony of 2026-01-02", refused=False),
        Anchor("r2", TWO, "ceremony of 2026-01-02", refused=True),
    )
    assert not Anchor("r1", ONE, "why").refused
    assert anchors.parse(of([])) == ()


@pytest.mark.parametrize("option", [None, "r1", {"name": "r1"}, 5])
def test_what_is_no_list(option: Any) -> None:
    with pytest.raises(TrustAnchorError, match=f"pki_anchors is {type(option).__name__}, not a list"):
        anchors.parse(option)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("r1", "an entry of pki_anchors is str, not a mapping"),
        ({**ENTRY, "fingerprint": ONE}, "unknown key 'fingerprint'"),
        ({**ENTRY, "refuse": True}, "unknown key 'refuse'.*Did you mean 'refused'"),
        ({**ENTRY, "refused": "yes"}, "'refused' is"),
        ({**ENTRY, "sha256": "ab"}, "not a SHA-256 fingerprint"),
        *(({**ENTRY, key: None}, f"'{key}' is missing") for key in ENTRY),
        *(({**ENTRY, key: " "}, f"'{key}' is") for key in ENTRY),
    ],
)
def test_bad_entries(entry: Any, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        anchors.parse([entry])


def test_one_root_is_anchored_once() -> None:
    with pytest.raises(TrustAnchorError, match="lists a fingerprint twice"):
        anchors.parse([ENTRY, {**ENTRY, "name": "r2", "sha256": ONE.upper(), "refused": True}])


def test_how_modules_take_them() -> None:
    options = anchors.SPEC["options"]
    assert (anchors.SPEC["type"], anchors.SPEC["elements"], anchors.SPEC["default"]) == ("list", "dict", [])
    assert {name: (one["type"], one.get("required", False)) for name, one in options.items()} == {
        "name": ("str", True),
        "sha256": ("str", True),
        "reason": ("str", True),
        "refused": ("bool", False),
    }
    assert options["refused"]["default"] is False


@pytest.mark.parametrize("name", ["r1", "Root-2_b", "a", "1r", "a: b, refused: false", "x}", "é", "", "r1\n"])
def test_the_line_for_a_root_says_nothing_but_that(name: str) -> None:
    """Whatever the root is called; a plain name stands without quotes."""
    line = anchors.line(Root(name, ONE), "printed-report")
    assert yaml.safe_load(line) == [{"name": name, "sha256": ONE, "reason": "printed-report"}]
    assert ('"' in line) is (name not in ("r1", "Root-2_b", "a"))
