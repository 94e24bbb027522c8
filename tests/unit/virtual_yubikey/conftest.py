# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A card of the latest kind, its touch sensor, and the factory that made it."""

from __future__ import annotations

import pytest
from factories.virtual_card import new_card
from virtual_yubikey.attestation import Factory
from virtual_yubikey.card import Card
from virtual_yubikey.touch import Touch


@pytest.fixture(scope="module")
def factory() -> Factory:
    return Factory.new()


@pytest.fixture
def touch() -> Touch:
    return Touch()


@pytest.fixture
def card(factory: Factory, touch: Touch) -> Card:
    return new_card(factory, touch)
