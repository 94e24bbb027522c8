# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import ceremony_factory as factory
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verification import verify


def failed(record: Path, name: str = "") -> dict[str, str]:
    return {f"{one.ceremony} {one.check}".strip(): one.detail for one in verify(record, name) if not one.ok}


def test_what_was_held_by_the_rules_holds(tmp_path: Path) -> None:
    factory.hold_all(tmp_path)
    checks = verify(tmp_path)
    assert [one.as_dict() for one in checks if not one.ok] == []
