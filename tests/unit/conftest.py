# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the collection importable, and give tests a SoftHSM token of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from factories.softhsm import LIBRARY, PIN, SO_PIN
from hypothesis import settings

# A test's verdict does not depend on how fast the machine is.
settings.register_profile("trustanchor", deadline=None)
settings.load_profile("trustanchor")


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A SoftHSM token that was initialised by the project's own code: its TokenSpec."""
    if not Path(LIBRARY).exists():
        pytest.skip(f"{LIBRARY} is not installed (Debian: softhsm2)")
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11.sessions import TokenSpec
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.softhsm import plan_softhsm

    home = tmp_path_factory.mktemp("softhsm")
    spec = TokenSpec(LIBRARY, label="unit", softhsm_config=str(home / "softhsm2.conf"))
    plan_softhsm(spec, home / "tokens").apply(PIN, SO_PIN)
    yield spec
