# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of hosts, which a machine that runs tests does not have."""

from __future__ import annotations

import os

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files


def as_current_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every account be the one that runs the tests: accounts of a CA host do not exist here."""
    monkeypatch.setattr(files, "ids", lambda _owner, _group: (os.getuid(), os.getgid()))
