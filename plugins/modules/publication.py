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
  - What clients would refuse is not published. A CRL or manifest that has expired, is signed by somebody else, or is
    older than the one that the host publishes is left out, and what the host has of it stays; so is a root that neither
    O(anchors) nor a sealed ceremony vouches for. Everything else is published, and the module fails at its end.
  - A record whose C(trust.yml) is older than what is published is refused as a whole.
  - A root that is not in C(trust.yml) any more is not published, like a distrusted one.
  - CRLs of CAs are fetched from them by nginx, which keeps the last one for as long as a CA is away.
  - Files are replaced by rename, and nginx takes a configuration over only when it has accepted it. In the end
    everything is fetched by each address to which the published name leads, and compared.
  - A systemd timer looks at everything as clients get it, leaves metrics for node_exporter, and fails when something
    has less than its margin left.
  - Needs only the standard library of Python, nginx and the C(openssl) program on the host.
requirements:
  - cryptography >= 42 on the controller
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.publication
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.anchors
options:
  record:
    description: Directory of the public record, on the controller.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Publish the record
  trustanchor.private_ca.publication:
    record: pki
    anchors: "{{ pki_anchors }}"
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
      next_update: "2027-11-24T15:00:00Z"
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.options import PUBLICATION
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import anchors

SPECIFICATION: dict[str, dict[str, Any]] = {
    "record": {"type": "path", "required": True},
    "anchors": anchors.SPEC,
    **PUBLICATION,
}


def main() -> None:
    """Entry point; the action plugin does the work and never calls it."""
    edge.refuse(AnsibleModule(SPECIFICATION, supports_check_mode=True))


if __name__ == "__main__":
    main()
