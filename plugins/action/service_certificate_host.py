# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep tasks from calling the host's half of service_certificate."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import edge


class ActionModule(edge.HostHalf):
    """Refuse."""

    module = "service_certificate"
