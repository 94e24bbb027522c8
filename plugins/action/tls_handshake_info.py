# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the table of handshakes on the terminal."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.modules.tls_handshake_info import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, edge


class ActionModule(edge.EdgeAction):
    """Measure on the host, show here."""

    module = "tls_handshake_info"
    specification = SPECIFICATION

    def handle(self) -> edge.Result:
        """The table is shown whether or not all went well."""
        measured = self.on_host("tls_handshake_info", self.given(SPECIFICATION))
        if measured.get("table"):
            edge.show(["", *answers.part(measured, "table", answers.text).split("\n"), ""])
        return measured
