# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A record of ceremonies, for the tests of what checks it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import pkilint
from factories import ceremonies as factory


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three ceremonies by the rules."""
    record = tmp_path_factory.mktemp("pki")
    factory.hold_all(record)
    return record


@pytest.fixture
def record(held: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(held, tmp_path / "pki"))


@pytest.fixture
def without_pkilint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pkilint: it is the slow part."""
    monkeypatch.setattr(pkilint, "version", lambda: None)
