#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of service_certificate that runs on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: service_certificate_host
short_description: "Internal: the half of service_certificate that runs on the host"
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Used by M(trustanchor.private_ca.service_certificate), once without a token, and again with one when the certificate
    has to be enrolled.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.host
  - trustanchor.private_ca.service_certificate
options:
  controller_time:
    description: The controller's clock, seconds since the epoch.
    type: float
    required: true
  token:
    description: One-time token for the request that the first call made.
    type: str
"""

EXAMPLES = r"""
- name: Use the public module
  trustanchor.private_ca.service_certificate:
    name: web
    names: [web1.corp.example, www.corp.example]
    ca_url: https://ca.corp.example
    root: "{{ lookup('ansible.builtin.file', 'pki/roots/root.crt') }}"
    provisioner: enrolment
    provisioner_key: "{{ lookup('ansible.builtin.unvault', 'enrolment.key') | string }}"
"""

RETURN = r"""
request_sha256:
  description: SHA-256 of the request that waits for a token, base64; absent where none is needed.
  returned: without O(token)
  type: str
  sample: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import convergence, options

SPECIFICATION: dict[str, dict[str, Any]] = {
    **options.CERTIFICATE,
    "controller_time": {"type": "float", "required": True},
    "token": {"type": "str", "no_log": True},
}


def converge(module: AnsibleModule) -> dict[str, Any]:
    """One of the two steps."""
    given = module.params
    wanted = options.read(given)
    schedule = convergence.Schedule(given["calendar"], given["random_delay"])
    if given["token"]:
        return {"changed": True, **convergence.enrol(wanted, schedule, given["token"])}
    found = convergence.prepare(wanted, schedule, given["controller_time"], module.check_mode)
    for warning in found.warnings:
        edge.warn(module, warning)
    after = {"names": sorted(wanted.names), "not_after": f"in {given['lifetime']}"} if found.reason else found.before
    request = {"request_sha256": found.request_sha256} if found.request_sha256 else {}
    return {
        "changed": found.changed,
        "corrected": found.corrected,
        "reason": found.reason,
        **found.before,
        **request,
        "diff": edge.diff(found.before, after, f"certificate {wanted.name}"),
    }


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), converge)


if __name__ == "__main__":
    main()
