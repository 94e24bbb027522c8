#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the trust stores of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_bundle_info
short_description: Measure the trust stores of a host
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Reads every trust store of a host, compares it with the roots of a manifest, and changes nothing.
  - Takes the same options as M(trustanchor.private_ca.trust_bundle), so both look at the same stores.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.info
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.trust_stores
  - trustanchor.private_ca.trust_stores.stores
seealso:
  - module: trustanchor.private_ca.trust_bundle
"""

EXAMPLES = r"""
- name: Look whether an old root is gone
  trustanchor.private_ca.trust_bundle_info:
    manifest:
      trusted:
        - pem: "{{ lookup('ansible.builtin.file', 'pki/roots/r2.crt') }}"
      distrusted:
        - 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0
  register: trust
  failed_when: trust.stores | rejectattr('state', 'eq', 'ok') | length > 0
"""

RETURN = r"""
stores:
  description: How each store was found.
  returned: success
  type: list
  elements: dict
  sample:
    - name: system bundle
      path: /etc/ssl/certs/ca-certificates.crt
      state: ok
      missing: []
      unwanted: []
      why: ""
effective:
  description: Whether what is on the disk is in effect, as of M(trustanchor.private_ca.trust_bundle).
  returned: success
  type: dict
  sample: {"state": "effective", "changed_at": 1795000000.0, "processes": []}
leaves:
  description: The service certificates of the host, with the fingerprint of the root that each leads to.
  returned: success
  type: list
  elements: dict
  sample:
    - {"name": "web", "root": "0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0"}
manifest:
  description: What the host was told last.
  returned: success
  type: dict
  sample: {"id": "0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a", "sequence": 3}
receipt:
  description: What the trust agent of the host left after its last run; null where it never ran.
  returned: success
  type: dict
  sample: {"time": 1795000000, "result": "unchanged", "error": null}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push, receipt, report
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import declaration

SPECIFICATION: dict[str, dict[str, Any]] = {"manifest": push.SPEC, **declaration.SPEC}


def measure(module: AnsibleModule) -> dict[str, Any]:
    """The same as trust_bundle in check mode, whatever the host was told before."""
    assigned, stores = push.parse(module.params["manifest"]), declaration.from_options(module.params)
    outcome, host = push.push(assigned, stores, override=True, check=True)
    return {"changed": False, **report.measured(outcome.plan.listed, host), "receipt": receipt.load()}


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), measure)


if __name__ == "__main__":
    main()
