# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of softhsm_token."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import PinAction, Secret


class ActionModule(PinAction):
    """Ask for both PINs of a new token."""

    module = "trustanchor.private_ca.softhsm_token"
    secrets = (
        Secret("so_pin", "New security officer's PIN", new=True),
        Secret("pin", "New user PIN", new=True),
    )
