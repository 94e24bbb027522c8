# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens as they are seen: a YubiKey that is fit, and an HSM."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import devices
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11.sessions import TokenSpec
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.yubikey.slots import slot_key
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.facts import SlotFacts, TokenFacts

LIBRARY = "/usr/lib/x86_64-linux-gnu/libykcs11.so.2"
YUBIKEY = devices.Device("primary", "yubikey", TokenSpec(LIBRARY, "11111111"), slot_key("9c"), "9c")
HSM = devices.Device("other", "pkcs11", TokenSpec("/usr/lib/hsm.so", "4711"), slot_key("9c"))
SLOT = SlotFacts("ec-p384", "generated", "always", "always", "00" * 32)
FIT = TokenFacts(
    kind="yubikey",
    serial="11111111",
    model="YubiKey 5A",
    library=LIBRARY,
    library_version="2.7.1",
    pin_flag="ok",
    slot=SLOT,
    firmware=(5, 7, 1),
    pin_retries=3,
    pin_retries_max=3,
    puk_retries=3,
    management_key_algorithm="aes192",
    management_key_protected=True,
)
