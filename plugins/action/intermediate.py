# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of intermediate: the request that a host answers goes into the record."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import pem
from ansible_collections.trustanchor.private_ca.plugins.modules.intermediate import REQUIRED_IF, SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, edge


class ActionModule(edge.OnHost):
    """Run the module on the host."""

    module = "intermediate"
    specification = SPECIFICATION
    required_if = REQUIRED_IF

    def handle(self) -> edge.Result:
        """What is no request gets into no record."""
        found = super().handle()
        if not found.get("failed"):
            request = answers.part(found, "request", answers.text)
            if request and pem.labels(request) not in (["CERTIFICATE REQUEST"], ["NEW CERTIFICATE REQUEST"]):
                raise answers.refusal("request", "a certificate request in PEM", request)
        return found
