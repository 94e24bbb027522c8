# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of tokens. A new one is a file beside this one and a line here; a test says what else belongs to it."""

from __future__ import annotations

from ..model import Device
from . import softhsm
from .base import Backend
from .pkcs11 import backend as pkcs11
from .yubikey import backend as yubikey

BACKENDS: dict[str, Backend] = {one.kind: one for one in (yubikey.BACKEND, softhsm.BACKEND, pkcs11.BACKEND)}


def backend_of(device: Device) -> Backend:
    """What the kind of a device offers."""
    return BACKENDS[device.kind]
