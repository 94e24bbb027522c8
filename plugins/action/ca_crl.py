# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ca_crl."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import PinAction


class ActionModule(PinAction):
    """Ask for the PIN when the token's key is needed."""

    module = "trustanchor.private_ca.ca_crl"
