# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of step_ca_config: it keeps what is public of ca.json in the public record."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.config import render
from ansible_collections.trustanchor.private_ca.plugins.modules.step_ca_config import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, edge

_CONFIG = answers.table(answers.plain)
_CORRECTED = answers.table(answers.each(answers.text))


class ActionModule(edge.EdgeAction):
    """Converge on the host, then record here."""

    module = "step_ca_config"
    specification = SPECIFICATION

    def handle(self) -> edge.Result:
        """What the host shows of ca.json goes into the record."""
        found = self.on_host("step_ca_config", self.given(SPECIFICATION))
        # It would show the settings, and with them what only ca.json may hold, to logs and registered results.
        found.pop("invocation", None)
        record = self.options["record"]
        if found.get("failed") or not record or not found.get("config"):
            return found
        config = answers.part(found, "config", _CONFIG)
        corrected = answers.part(found, "corrected", _CORRECTED)
        try:
            kept = self.keep(Path(record).expanduser(), render(config))
        except TrustAnchorError as error:  # the host was converged all the same, and the result says so
            return {**found, **edge.failure(error)}
        return {**found, "corrected": {**corrected, **kept}, "changed": bool(found.get("changed") or kept)}
