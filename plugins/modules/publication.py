#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that publishes the public record, and watches it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: publication
short_description: Publish roots, CRLs and the trust manifest by nginx, and watch that none of them expires
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Publishes the public record over plain HTTP, under the URL that a ceremony writes into certificates.
  - That is C(root-NAME.crt) and C(root-NAME.crl) of each root that is not distrusted, C(NAME.crt) of each intermediate,
    C(roots.pem) with the roots that hosts trust, and C(trust.p7m) when the record has one.
  - What clients would refuse is not published. The module fails when a CRL or the manifest has expired or is signed by
    somebody else, and when the host already publishes a later one.
  - CRLs of CAs are fetched from them by nginx, which keeps the last one for as long as a CA is away.
  - Files are replaced by rename, and nginx takes a configuration over only when it has accepted it. In the end
    everything is fetched from nginx and compared.
  - A systemd timer looks at everything as clients get it, leaves metrics for node_exporter, and fails when something
    has less than its margin left.
  - Needs only the standard library of Python, nginx and the C(openssl) program on the host.
requirements:
  - cryptography >= 42 on the controller
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
options:
  record:
    description: Directory of the public record, on the controller.
    type: path
    required: true
  url:
    description: Publication URL, the one that certificates name; plain http.
    type: str
    required: true
  ca_crls:
    description: CRLs that nginx fetches from their CAs.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Published as C(NAME.crl). When the record has an intermediate of that name, the watch wants its signature.
        type: str
        required: true
      url:
        description: Where the CA serves it over plain HTTP.
        type: str
        required: true
  margins:
    description: How long before its end the watch must have seen a successor (C(m), C(h), C(d)), by kind.
    type: dict
    suboptions:
      root:
        description: Certificates of roots.
        type: str
        default: 730d
      intermediate:
        description: Certificates of intermediates.
        type: str
        default: 90d
      root_crl:
        description: CRLs of roots. A ceremony has to be held before.
        type: str
        default: 30d
      ca_crl:
        description: CRLs of CAs.
        type: str
        default: 6h
      manifest:
        description: The signed trust manifest.
        type: str
        default: 7d
  metrics_directory:
    description: Directory of node_exporter's textfile collector; no metrics when empty.
    type: str
    default: /var/lib/prometheus/node-exporter
  calendar:
    description: When the watch looks (systemd calendar event).
    type: str
    default: "*:0/5"
  alert_unit:
    description: A unit of your own that systemd starts when the watch finds something (C(OnFailure=)); none when empty.
    type: str
    default: ""
  artifacts:
    description: Set by the action plugin.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the file.
        type: str
        required: true
      kind:
        description: Kind of artifact.
        type: str
        required: true
      content:
        description: Its bytes in base64.
        type: str
        required: true
      issuer:
        description: Who signed a CRL, PEM.
        type: str
        default: ""
  issuers:
    description: Set by the action plugin.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Publish the record
  trustanchor.private_ca.publication:
    record: pki
    url: http://pki.corp.example
    ca_crls:
      - name: ca1
        url: http://ca.corp.example:8080/1.0/crl
"""

RETURN = r"""
corrected:
  description: Files and units that were (or would be) corrected, with what was wrong with each.
  returned: success
  type: dict
  sample: {"/var/lib/trustanchor/publication/root-r1.crl": ["content"]}
published:
  description: What is published of the record, by name.
  returned: success
  type: dict
  sample:
    root-r1.crl:
      kind: root_crl
      sha256: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0
      crl_number: "2"
      next_update: "2027-11-24T15:00:00+00:00"
"""

import base64
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import (
    artifacts,
    nginx,
    place,
    site,
    watch,
)


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Plan, apply, read back."""
    done = site.converge(_site(module.params), module.check_mode)
    return {
        "changed": bool(done["corrected"]),
        "corrected": done["corrected"],
        "published": done["after"],
        "diff": edge.diff(done["before"], done["after"], "publication"),
    }


def _site(options: dict[str, Any]) -> site.Site:
    margins = {kind: watch.seconds(text, f"margins: {kind}") for kind, text in options["margins"].items()}
    sources = (
        nginx.Source(one["name"], place.parse_url(one["url"], f"ca_crls: {one['name']}")[0])
        for one in options["ca_crls"]
    )
    return site.Site(
        place=place.parse_url(options["url"], "url")[0],
        artifacts=tuple(
            artifacts.Artifact(one["name"], one["kind"], base64.b64decode(one["content"]), one["issuer"])
            for one in options["artifacts"]
        ),
        sources=tuple(sources),
        issuers=options["issuers"],
        margins=margins,
        metrics_directory=options["metrics_directory"],
        calendar=options["calendar"],
        alert_unit=options["alert_unit"],
    )


def main() -> None:
    """Entry point."""
    margins = {"root": "730d", "intermediate": "90d", "root_crl": "30d", "ca_crl": "6h", "manifest": "7d"}
    texts = {key: {"type": "str", "default": value} for key, value in margins.items()}
    source = {"name": {"type": "str", "required": True}, "url": {"type": "str", "required": True}}
    artifact = {key: {"type": "str", "required": True} for key in ("name", "kind", "content")}
    artifact["issuer"] = {"type": "str", "default": ""}
    spec = {
        "record": {"type": "path", "required": True},
        "url": {"type": "str", "required": True},
        "ca_crls": {"type": "list", "elements": "dict", "default": [], "options": source},
        "margins": {"type": "dict", "apply_defaults": True, "options": texts},
        "metrics_directory": {"type": "str", "default": "/var/lib/prometheus/node-exporter"},
        "calendar": {"type": "str", "default": "*:0/5"},
        "alert_unit": {"type": "str", "default": ""},
        "artifacts": {"type": "list", "elements": "dict", "default": [], "options": artifact},
        "issuers": {"type": "dict", "default": {}},
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge)


if __name__ == "__main__":
    main()
