# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of token_key."""

from __future__ import annotations

from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.modules.token_key import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import PinAction, Secret


class ActionModule(PinAction):
    """Ask for the PINs when a key has to be made."""

    module = "token_key"
    specification = SPECIFICATION
    secrets = (
        Secret("pin", "PIN"),
        Secret("management_key", "Management key (hexadecimal)"),
        Secret("copy_pins", "PIN"),
        Secret("copy_management_keys", "Management key (hexadecimal)"),
    )

    def value_of(self, secret: Secret, purpose: str) -> Any:
        """One value, or one for each copy."""
        if not secret.option.startswith("copy_"):
            return super().value_of(secret, purpose)
        values = list(self.options[secret.option] or [])
        values += [""] * (len(self.options["copies"]) - len(values))
        return [self.one_value(secret, value, f"import the key to copy {n}") for n, value in enumerate(values, start=1)]
