# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module options that name a token, a key and its PIN; documented by the doc fragment ``token``."""

from __future__ import annotations

from typing import Any

from ..errors import TrustAnchorError


def token_options() -> dict[str, Any]:
    """Argument specification of token, key and pin."""
    return {
        "token": {
            "type": "dict",
            "required": True,
            "no_log": False,
            "options": {
                "module_path": {"type": "path", "required": True},
                "serial": {"type": "str"},
                "label": {"type": "str"},
                "softhsm_config": {"type": "path"},
            },
        },
        "key": {
            "type": "dict",
            "required": True,
            "no_log": False,
            "options": {"id": {"type": "str"}, "label": {"type": "str"}},
        },
        "pin": {"type": "str", "no_log": True},
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
