#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's certificate: enrolled, renewed by a timer, replaced atomically."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: service_certificate
short_description: Enrol a service with a one-time token and keep its certificate renewed
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes a key and a request on the host. The controller mints a one-time token (five minutes, bound to that one
    request) with the key of a JWK provisioner; the host has its certificate signed with it.
  - Key and chain are at C(/etc/service-certificates/NAME/current/key.pem) and C(fullchain.pem); they are replaced as a
    pair by one rename, and the declared units are reloaded.
  - A systemd timer renews the certificate when O(renew_before) of its life is left, and leaves metrics for
    node_exporter. A certificate is good for no longer than the chain above it. When that ends first, it is renewed as
    soon as the CA has a later intermediate; until then the timer's unit fails and the module warns.
  - The certificate is enrolled again, with a new key, when it is missing, damaged, expired, for other names, or does
    not lead to O(root); so a host that is moved to another CA ends with that CA's certificate.
  - Needs only the standard library of Python and the C(openssl) program on the host.
requirements:
  - cryptography >= 42 on the controller
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.service_certificate
  - trustanchor.private_ca.attributes.pki
options:
  provisioner:
    description: Name of the JWK provisioner.
    type: str
    required: true
  provisioner_key:
    description:
      - Private key of the provisioner, PEM. It is used on the controller only and never sent to a host.
      - Give it from a secrets manager, or encrypted with Ansible Vault.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: A certificate for nginx
  trustanchor.private_ca.service_certificate:
    name: web
    names: [web1.corp.example, www.corp.example]
    ca_url: https://ca.corp.example
    root: "{{ lookup('ansible.builtin.file', 'pki/roots/root.crt') }}"
    provisioner: enrolment
    provisioner_key: "{{ lookup('ansible.builtin.unvault', 'enrolment.key') | string }}"
    reload: [nginx.service]
"""

RETURN = r"""
reason:
  description: Why the certificate was (or would be) enrolled again; empty when it is good.
  returned: success
  type: str
  sample: there is no certificate yet
corrected:
  description: Files that were (or would be) written, with what was wrong with each.
  returned: success
  type: dict
  sample: {}
not_after:
  description:
    - Until when clients accept the certificate and its chain, ISO 8601; empty in check mode where there is none.
  returned: success
  type: str
  sample: "2026-11-24T15:00:00Z"
chain:
  description: Path of the chain, leaf first.
  returned: success
  type: str
  sample: /etc/service-certificates/web/current/fullchain.pem
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate.options import CERTIFICATE

SPECIFICATION: dict[str, dict[str, Any]] = {
    **CERTIFICATE,
    "provisioner": {"type": "str", "required": True},
    "provisioner_key": {"type": "str", "required": True, "no_log": True},
}


def main() -> None:
    """Entry point; the action plugin does the work and never calls it."""
    edge.refuse(AnsibleModule(SPECIFICATION, supports_check_mode=True))


if __name__ == "__main__":
    main()
