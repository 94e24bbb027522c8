# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
import token_user
from ansible_collections.trustanchor.private_ca.tests.lab.yubikeys import VirtualYubiKeys

# The first two are in the reader.
FIRMWARE = {11111111: "5.7.1", 22222222: "5.7.4", 33333333: "5.4.3", 4444444: "4.3.1"}


@pytest.fixture(scope="session")
def started() -> Iterator[VirtualYubiKeys]:
    yubikeys = VirtualYubiKeys("ceremony1")
    yubikeys.start(list(FIRMWARE), firmware=FIRMWARE)
    yield yubikeys
    yubikeys.stop()


@pytest.fixture(autouse=True)
def keys(started: VirtualYubiKeys) -> VirtualYubiKeys:
    """Two new YubiKeys in the reader, and two in the drawer."""
    started.renew()
    return started


@pytest.fixture
def user(keys: VirtualYubiKeys) -> Iterator[token_user.TokenUser]:
    """A program that uses the keys by libykcs11."""
    with token_user.TokenUser(keys.host) as program:
        yield program
