#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge the trust stores of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_bundle
short_description: Converge the trust stores of a host to a set of roots
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes the system store (bundle file and hash directory) and Debian's Java store trust exactly the declared roots,
    beside those that the distribution brings, in one call.
  - A root that this module once put there and that is no longer declared is removed from every store. Debian and Ubuntu
    leave such a root trusted by Java, and dangling links in the hash directory; this module does not.
  - Every store is read back; the module fails when one is not as declared.
  - Needs only the standard library of Python and the C(openssl) program on the host.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
options:
  roots:
    description: The roots that every store must trust, each one PEM certificate.
    type: list
    elements: str
    required: true
  absent:
    description:
      - SHA-256 fingerprints (hex) that no store may trust, whoever put them there.
      - A root that the distribution's own package brings is not removed; the module fails and says which one it is.
    type: list
    elements: str
    default: []
seealso:
  - plugin: trustanchor.private_ca.trust_manifest
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Trust the roots of the public record
  trustanchor.private_ca.trust_bundle:
    roots: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory).values()
               | selectattr('state', 'in', ['trusted', 'retiring']) | map(attribute='pem') }}"
    absent: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory).values()
                | selectattr('state', 'eq', 'distrusted') | map(attribute='sha256') }}"
"""

RETURN = r"""
stores:
  description: What was wrong with each store before the run (empty lists where nothing was).
  returned: success
  type: list
  elements: dict
  sample:
    - {"name": "system bundle", "missing": [], "unwanted": []}
    - {"name": "java", "missing": [], "unwanted": ["2f0cd9e4a9f87a7d4e6f2d1c0b9a8f7e6d5c4b3a29181716151413121110f0e0"]}
removed:
  description: Source files that were (or would be) removed.
  returned: success
  type: list
  elements: str
  sample: []
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust import bundle, pem
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.fingerprints import normalise_fingerprint


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Plan, apply, read back."""
    roots = [pem.parse_root(text, f"roots[{index}]") for index, text in enumerate(module.params["roots"])]
    absent = [normalise_fingerprint(text) for text in module.params["absent"]]
    todo = bundle.plan(roots, absent)
    if todo.changed and not module.check_mode:
        bundle.apply(roots, absent, todo)
    before = {store.name: {"missing": store.missing, "unwanted": store.unwanted} for store in todo.stores}
    after = {store.name: {"missing": [], "unwanted": []} for store in todo.stores}
    return {
        "changed": todo.changed,
        "stores": [asdict(store) for store in todo.stores],
        "removed": todo.remove,
        "diff": edge.diff(before, after, "trust stores"),
    }


def main() -> None:
    """Entry point."""
    spec = {
        "roots": {"type": "list", "elements": "str", "required": True},
        "absent": {"type": "list", "elements": "str", "default": []},
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge)


if __name__ == "__main__":
    main()
