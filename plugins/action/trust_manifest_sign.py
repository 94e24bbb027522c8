# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign the trust manifest here, on the controller: the signer's key goes nowhere else."""

from __future__ import annotations

import os

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import introduction
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import save
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import durations, times
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import signed, signing
from ansible_collections.trustanchor.private_ca.plugins.modules.trust_manifest_sign import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import edge


class ActionModule(edge.EdgeAction):
    """Plan, and sign what has to be signed."""

    _requires_connection = False
    module = "trust_manifest_sign"
    specification = SPECIFICATION

    def handle(self) -> edge.Result:
        """The key is in this process's memory only."""
        options = self.options
        key = signing.load_key(options["key"])
        span = signing.Span(*(durations.delta(options[name], name) for name in ("valid", "renew_before")))
        check = introduction.find(options["record"], options["anchors"])
        planned = signing.plan(options["record"], key, times.utc_now(), span, check)
        path = os.path.join(options["record"], signed.FILE_NAME)
        if planned.reason and not self._task.check_mode:
            save(path, planned.sign(key))
        facts = {
            "id": planned.manifest.id,
            "sequence": planned.manifest.sequence,
            "not_after": times.render(planned.manifest.not_after),
            "signer": planned.signer.subject.rfc4514_string(),
        }
        changed = {"header": path, "prepared": f"- {planned.reason}\n+ signed by {facts['signer']}\n"}
        diff = {"diff": changed} if planned.reason else {}
        problems = list(planned.problems)
        found = {"changed": bool(planned.reason), "reason": planned.reason, "manifest": facts, "problems": problems}
        return {**found, **diff, "warnings": problems}
