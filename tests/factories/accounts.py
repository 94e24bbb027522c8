# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of hosts, which a machine that runs tests does not have."""

from __future__ import annotations

import os
import re

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files

_NAME = re.compile(r"[a-z][-a-z0-9_]*")  # adduser's NAME_REGEX


def as_current_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every account be the one that runs the tests: accounts of a CA host do not exist here."""

    def ids(owner: str, group: str) -> tuple[int, int]:
        assert _NAME.fullmatch(owner) and _NAME.fullmatch(group), (owner, group)
        return os.getuid(), os.getgid()

    monkeypatch.setattr(files, "ids", ids)
