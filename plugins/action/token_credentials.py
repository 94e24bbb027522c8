# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of token_credentials."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.modules.token_credentials import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import PinAction, Secret


class ActionModule(PinAction):
    """Ask for the new secrets, twice each."""

    module = "token_credentials"
    specification = SPECIFICATION
    secrets = (
        Secret("pin", "PIN", new=True),
        Secret("puk", "PUK", new=True),
        Secret("management_key", "Management key (hexadecimal)", in_parts=False),
    )
