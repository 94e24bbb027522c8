# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ceremony_record: the end of the stick that is the record."""

from __future__ import annotations

import base64
from pathlib import Path

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import exchange
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import read
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import parse_manifest
from ansible_collections.trustanchor.private_ca.plugins.modules.ceremony_record import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.modules.ceremony_record_host import SPECIFICATION as HOST
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, edge

_FILES = answers.table(answers.content)


def require_complete(home: Path) -> None:
    """Refuse a record that lost a root: the ceremony would make a second root of the same name.

    Raises:
        TrustAnchorError: a root of the trust manifest has no certificate in the record.
    """
    path = home / "trust.yml"
    for root in parse_manifest(read(path), str(path)).roots:
        if root.state != "distrusted" and not (home / "roots" / f"{root.name}.crt").exists():
            raise TrustAnchorError(
                f"the record has no roots/{root.name}.crt",
                f"its trust manifest lists that root as {root.state}",
                "Restore the record from its history before anything is signed",
            )


class ActionModule(edge.EdgeAction):
    """Read the record and send it, or receive and merge into the record."""

    module = "ceremony_record"
    specification = SPECIFICATION

    def handle(self) -> edge.Result:
        """One of the two ways."""
        home = Path(self.options["record"])
        return self._send(home) if self.options["direction"] == "in" else self._receive(home)

    def _send(self, home: Path) -> edge.Result:
        require_complete(home)
        files = exchange.read(home, exchange.IN)
        encoded = {name: base64.b64encode(data).decode() for name, data in files.items()}
        requests = {name: data.decode() for name, data in files.items() if name.startswith("requests/")}
        return {**self.on_host("ceremony_record_host", {**self.given(HOST), "files": encoded}), "requests": requests}

    def _receive(self, home: Path) -> edge.Result:
        answer = self.on_host("ceremony_record_host", self.given(HOST))
        if answer.get("failed"):
            return answer
        merge = exchange.plan_merge(home, answers.part(answer, "files", _FILES))
        del answer["files"]
        if not self._task.check_mode:
            merge.apply()
        diff = {"before": {"written": []}, "after": {"written": merge.paths()}, "before_header": str(home)}
        return {**answer, "changed": merge.changed, "written": merge.paths(), "diff": diff}
