# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module options that name a token and a key; documented by the doc fragment ``token``."""

from __future__ import annotations

from typing import Any

from ..errors import TrustAnchorError

TOKEN: dict[str, dict[str, Any]] = {
    "kind": {"type": "str", "choices": ["pkcs11", "softhsm", "yubikey"], "default": "pkcs11"},
    "module_path": {"type": "path", "required": True},
    "serial": {"type": "str"},
    "label": {"type": "str"},
    "softhsm_config": {"type": "path"},
}


def token_options() -> dict[str, Any]:
    """Argument specification of token and key."""
    return {
        "token": {"type": "dict", "required": True, "no_log": False, "options": dict(TOKEN)},
        "key": {
            "type": "dict",
            "required": True,
            "no_log": False,
            "options": {"id": {"type": "str"}, "label": {"type": "str"}},
        },
    }


def required_pin(pin: str | None, what: str) -> str:
    """The PIN, once it was given.

    Raises:
        TrustAnchorError: none was given.
    """
    if not pin:
        raise TrustAnchorError(
            f"no PIN was given: {what}",
            "the token signs nothing without it",
            "Run the task from a terminal, where it asks for the PIN, or give pin from a secrets manager",
        )
    return pin
