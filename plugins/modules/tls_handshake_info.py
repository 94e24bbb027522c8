#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TLS handshakes from a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tls_handshake_info
short_description: Shake hands with services, with the clients and trust stores that a host really has
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Lets the clients of a host open a verified TLS connection to each target, each with its own trust store, and shows a
    table with issuer, expiry and outcome.
  - Fails when a handshake fails, unless O(require=false).
  - Changes nothing.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.info
  - trustanchor.private_ca.attributes.pki
options:
  targets:
    description: Services, each as C(host:port).
    type: list
    elements: str
    required: true
  clients:
    description:
      - The clients to use.
      - V(java) needs a JDK.
      - V(node) gets the additional roots that the host declares as E(NODE_EXTRA_CA_CERTS) in
        C(/etc/environment.d/50-trustanchor.conf). Debian's own Node.js also reads the system store, others their
        built-in roots.
      - V(step) is smallstep's C(step), which shows what a Go program finds in the system store.
    type: list
    elements: str
    choices: [curl, python, java, node, step]
    default: [curl, python]
  require:
    description: Whether every handshake must succeed.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Prove that the services are trusted
  trustanchor.private_ca.tls_handshake_info:
    targets: ["www.corp.example:443"]
    clients: [curl, python, java, node]
"""

RETURN = r"""
handshakes:
  description: One entry for each target.
  returned: always
  type: list
  elements: dict
  sample:
    - target: www.corp.example:443
      clients: {"curl": "ok", "python": "ok", "java": "ok"}
      issuer: Example Corp Intermediate CA 1
      not_after: "2026-11-24T15:00:00Z"
table:
  description: The same for a person to read.
  returned: always
  type: str
  sample: "service  issuer  expires  curl  python"
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof import handshakes

SPECIFICATION: dict[str, dict[str, Any]] = {
    "targets": {"type": "list", "elements": "str", "required": True},
    "clients": {
        "type": "list",
        "elements": "str",
        "choices": list(handshakes.CLIENTS),
        "default": ["curl", "python"],
    },
    "require": {"type": "bool", "default": True},
}


def measure(module: AnsibleModule) -> dict[str, Any]:
    """All handshakes; the action plugin shows the table."""
    results = [asdict(result) for result in handshakes.perform(module.params["targets"], module.params["clients"])]
    failed = handshakes.failures(results)
    answer: dict[str, Any] = {"changed": False, "handshakes": results, "table": handshakes.table(results)}
    if failed and module.params["require"]:
        answer |= {"failed": True, "msg": "Handshakes failed. " + "; ".join(failed)}
    return answer


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), measure)


if __name__ == "__main__":
    main()
