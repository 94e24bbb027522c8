# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of trust_bundle_info: what a host answers is read here."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.modules.trust_bundle_info import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import edge


class ActionModule(edge.OnHost):
    """Run the module on the host."""

    module = "trust_bundle_info"
    specification = SPECIFICATION
