#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent that keeps a host's trust stores as the signed trust manifest says."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_agent
short_description: Install the agent that pulls the trust manifest
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Installs one program of the standard library of Python, its settings, and a hardened systemd service with a timer.
  - At each run the agent fetches the signed trust manifest, verifies it with the roots that the host trusts already,
    and takes up the newest one. It refuses signatures of strangers, older manifests, expired ones, those from the
    future, and those of another estate. Then it converges all trust stores, as
    M(trustanchor.private_ca.trust_bundle) does.
  - What was changed by hand, or by the upgrade of a package, is repaired at the next run, even while no manifest can be
    fetched.
  - It leaves a receipt in C(/var/lib/trustanchor/receipt.json), and metrics for node_exporter. The service fails when
    the host is not as it should be, so that monitoring sees it.
  - The host must have been told its roots once, by the role P(trustanchor.private_ca.trust_store#role).
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.trust_stores.stores
options:
  urls:
    description:
      - Where the signed manifest is, C(http) or C(https). The signature protects it, so plain HTTP suffices.
      - With several, the newest good manifest is taken, so one that is down or has an old copy does no harm.
    type: list
    elements: str
    required: true
  calendar:
    description: When the agent runs (systemd calendar event).
    type: str
    default: "*:0/15"
  random_delay:
    description: Seconds by which the hosts' runs are spread.
    type: int
    default: 300
  metrics_directory:
    description: Directory of node_exporter's textfile collector; where it is missing, no metrics are written.
    type: str
    default: /var/lib/prometheus/node-exporter
seealso:
  - module: trustanchor.private_ca.trust_manifest_sign
"""

EXAMPLES = r"""
- name: Have the host pull the trust manifest
  trustanchor.private_ca.trust_agent:
    urls:
      - http://pki.corp.example/trust.p7m
      - http://pki2.corp.example/trust.p7m
"""

RETURN = r"""
corrected:
  description: Files that were (or would be) written, with what was wrong with each.
  returned: success
  type: dict
  sample: {"/etc/trustanchor/trust-agent.json": ["content"]}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import convergence, settings
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import declaration

SPECIFICATION: dict[str, dict[str, Any]] = {
    **declaration.SPEC,
    "urls": {"type": "list", "elements": "str", "required": True},
    "calendar": {"type": "str", "default": "*:0/15"},
    "random_delay": {"type": "int", "default": 300},
    "metrics_directory": {"type": "str", "default": "/var/lib/prometheus/node-exporter"},
}


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Plan and apply."""
    given = module.params
    own = {name: given[name] for name in ("urls", "metrics_directory")}
    wanted = settings.parse({**own, "stores": {key: given[key] for key in declaration.SPEC}})
    done = convergence.converge(wanted, given["calendar"], given["random_delay"], module.check_mode)
    diff = edge.diff(done.corrected, {path: [] for path in done.corrected}, "trust agent")
    return {"changed": done.changed, "corrected": done.corrected, "diff": diff}


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), converge)


if __name__ == "__main__":
    main()
