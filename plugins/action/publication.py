# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of publication: it reads the public record and refuses what clients would refuse."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import introduction
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError, joined
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import collection
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.artifacts import Artifact
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
            "artifacts": [_plain(one) for one in found.artifacts],
            "kept": [_plain(one) for one in found.kept],
            "issuers": dict(found.issuers),
            "record_id": found.id,
            "record_sequence": found.sequence,
        }
        done = self.on_host("publication_host", {**self.given(HOST), **payload})
        done["warnings"] = [*found.warnings, *edge.warnings(done)]
        return {**done, **edge.failure(joined(_all(found, done)))} if found.faults else done


def _plain(artifact: Artifact) -> dict[str, str]:
    return {
        "name": artifact.name,
        "kind": artifact.kind,
        "content": base64.b64encode(artifact.content).decode(),
        "issuer": artifact.issuer,
    }


def _all(found: collection.Collection, done: Mapping[str, Any]) -> list[TrustAnchorError]:
    """What was left out of the record, and what went wrong on the host beside it."""
    there = [TrustAnchorError(str(done.get("msg", "the host says nothing")))] if done.get("failed") else []
    return [*found.faults, *there]
