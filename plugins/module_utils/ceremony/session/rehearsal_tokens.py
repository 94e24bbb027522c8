# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tokens of a rehearsal: software in place of each device."""

from __future__ import annotations

from pathlib import Path

from ...token.backends.pkcs11.keys import KeySpec
from ...token.backends.pkcs11.sessions import TokenSpec
from ...token.devices import SOFTHSM_MODULE, Device, TokensFile
from ..plan.model import Plan


def rehearsal_tokens(plan: Plan, tokens: TokensFile, directory: Path) -> TokensFile:
    """A software token in place of each device, keys and inspected tokens alike."""
    names = {name for key in plan.keys.values() for name in key.tokens} | set(tokens.devices)
    config = str(directory / "softhsm" / "softhsm2.conf")
    devices = {
        name: Device(name, "softhsm", TokenSpec(SOFTHSM_MODULE, label=name, softhsm_config=config), KeySpec(b"\x02"))
        for name in sorted(names)
    }
    return TokensFile(devices)
