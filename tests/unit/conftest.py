# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the collection importable, and give tests a SoftHSM token of their own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A test's verdict does not depend on how fast the machine is.
settings.register_profile("trustanchor", deadline=None)
settings.load_profile("trustanchor")

CHECKOUT = Path(__file__).resolve().parents[2]


def _tree() -> str:
    """Where ansible_collections/trustanchor/private_ca is: the environment's place, or a temporary one."""
    for place in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(":"):
        if place and (Path(place) / "ansible_collections/trustanchor/private_ca").exists():
            return place
    place = tempfile.mkdtemp(prefix="trustanchor-collections-")
    home = Path(place) / "ansible_collections/trustanchor"
    home.mkdir(parents=True)
    (home / "private_ca").symlink_to(CHECKOUT)
    return place


sys.path.insert(0, _tree())

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PIN, SO_PIN = "test-pin-4711", "test-so-pin-4711"


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A SoftHSM token that was initialised by the project's own code: its TokenSpec."""
    if not Path(SOFTHSM).exists():
        pytest.skip(f"{SOFTHSM} is not installed (Debian: softhsm2)")
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.sessions import TokenSpec
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.softhsm import plan_softhsm

    home = tmp_path_factory.mktemp("softhsm")
    spec = TokenSpec(SOFTHSM, label="unit", softhsm_config=str(home / "softhsm2.conf"))
    plan_softhsm(spec, home / "tokens").apply(PIN, SO_PIN)
    yield spec
