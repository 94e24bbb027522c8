# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of token_key."""

from __future__ import annotations

from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import PinAction, Secret


class ActionModule(PinAction):
    """Ask for the PINs when a key has to be made."""

    module = "trustanchor.private_ca.token_key"
    secrets = (
        Secret("pin", "PIN"),
        Secret("management_key", "Management key (hexadecimal)"),
        Secret("copy_pins", "PIN"),
        Secret("copy_management_keys", "Management key (hexadecimal)"),
    )

    def _value(self, secret: Secret, given: dict[str, Any], purpose: str) -> Any:
        """One value, or one for each copy."""
        if not secret.option.startswith("copy_"):
            return super()._value(secret, given, purpose)
        values = list(given[secret.option] or [])
        values += [""] * (len(self._task.args.get("copies") or []) - len(values))
        one = secret.option
        return [
            super(ActionModule, self)._value(secret, {one: value}, f"import the key to copy {n}")
            for n, value in enumerate(values, start=1)
        ]
