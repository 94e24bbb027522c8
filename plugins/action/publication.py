# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of publication: it reads the public record and refuses what clients would refuse."""

from __future__ import annotations

import base64
from pathlib import Path

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import introduction
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import collection
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import parse_url
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from ansible_collections.trustanchor.private_ca.plugins.modules.publication import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.modules.publication_host import SPECIFICATION as HOST
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import edge


class ActionModule(edge.EdgeAction):
    """Read the record here, publish there."""

    module = "publication"
    specification = SPECIFICATION

    def handle(self) -> edge.Result:
        """The host gets what is published, and no path of the record."""
        _url, url = parse_url(self.options["url"], "url")
        check = introduction.find(self.options["record"], self.options["anchors"])
        found = collection.collect(Path(self.options["record"]), url, times.utc_now(), check)
        payload = {
            "artifacts": [
                {
                    "name": one.name,
                    "kind": one.kind,
                    "content": base64.b64encode(one.content).decode(),
                    "issuer": one.issuer,
                }
                for one in found.artifacts
            ],
            "issuers": dict(found.issuers),
        }
        done = self.on_host("publication_host", {**self.given(HOST), **payload})
        return {**done, "warnings": [*found.warnings, *edge.warnings(done)]}
