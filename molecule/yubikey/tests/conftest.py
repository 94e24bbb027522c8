# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.yubikeys import VirtualYubiKeys
from scenario import HOST


@pytest.fixture
def keys() -> Iterator[VirtualYubiKeys]:
    """The YubiKeys as prepare.yml started them, each touch given."""
    yubikeys = VirtualYubiKeys(HOST)
    yield yubikeys
    yubikeys.touch("automatic", 15)
