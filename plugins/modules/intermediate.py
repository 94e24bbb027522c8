#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The intermediate CA's key, request and certificate on a CA host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: intermediate
short_description: Key, request and certificate of the intermediate CA on a CA host
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes the intermediate's private key on the CA host, where it stays, encrypted as PKCS#8 (PBES2) under a random
    256-bit password. The password is kept only as a systemd credential that is encrypted for this host.
  - Makes the certificate signing request that is carried to the root ceremony.
  - Keeps the request in the public record on the controller when O(record) names a file there.
  - With O(state=installed), puts the certificate that the ceremony made, and the root, where step-ca reads them, after
    it has checked that the certificate belongs to the key on the host, and is not older than the one that is installed.
  - An existing key is never replaced. Needs systemd 250 or newer (systemd-creds).
requirements:
  - cryptography >= 42 on the controller
  - cryptography >= 38 on the CA host (C(python3-cryptography) of the distribution)
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
options:
  state:
    description:
      - V(requested) ends with key and request.
      - V(installed) goes on to install O(certificate) and O(root).
    type: str
    choices: [requested, installed]
    default: installed
  common_name:
    description: Common name in the request.
    type: str
    required: true
  organization:
    description: Organization in the request; none when empty.
    type: str
    default: ""
  curve:
    description: Curve of a new key.
    type: str
    choices: [P-384, P-256]
    default: P-384
  certificate:
    description: Intermediate certificate, PEM; a bundle has the signer first.
    type: str
  root:
    description: Root certificate, PEM.
    type: str
  record:
    description:
      - File on the controller that keeps the request for the ceremony; none when empty.
      - It is kept only when it is one request, for the declared subject, signed by its own key, and asks for nothing
        more.
    type: str
    default: ""
seealso:
  - module: trustanchor.private_ca.ceremony
"""

EXAMPLES = r"""
- name: Make the key and the request
  trustanchor.private_ca.intermediate:
    state: requested
    common_name: Example Corp Intermediate CA 1
    organization: Example Corp
    record: pki/requests/ca1.csr

- name: Install what the ceremony signed
  trustanchor.private_ca.intermediate:
    common_name: Example Corp Intermediate CA 1
    organization: Example Corp
    certificate: "{{ lookup('ansible.builtin.file', 'pki/intermediates/ca1.crt') }}"
    root: "{{ lookup('ansible.builtin.file', 'pki/roots/root.crt') }}"
"""

RETURN = r"""
request:
  description: The certificate signing request, PEM; empty in check mode where there is none yet.
  returned: success
  type: str
  sample: "-----BEGIN CERTIFICATE REQUEST-----..."
request_path:
  description: Where the request is on the CA host.
  returned: success
  type: str
  sample: /etc/step-ca/certs/intermediate_ca.csr
corrected:
  description: Files that were (or would be) written, with what was wrong with each.
  returned: success
  type: dict
  sample: {"/etc/step-ca/certs/intermediate_ca.crt": ["absent"]}
"""

import traceback
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import read
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.work import at_work

MISSING = None
try:
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import intermediate
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates
except ImportError:
    MISSING = ("cryptography", traceback.format_exc())

SPECIFICATION: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["requested", "installed"], "default": "installed"},
    "common_name": {"type": "str", "required": True},
    "organization": {"type": "str", "default": ""},
    "curve": {"type": "str", "choices": ["P-384", "P-256"], "default": "P-384"},
    "certificate": {"type": "str"},
    "root": {"type": "str"},
    "record": {"type": "str", "default": ""},
}
REQUIRED_IF = [("state", "installed", ("certificate", "root"))]


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Key, request, certificate: each only where it is not as wanted."""
    layout = Layout()
    with at_work(layout, module.check_mode):
        return _converge_locked(module.params, layout, module.check_mode)


def _converge_locked(options: Mapping[str, Any], layout: Layout, check: bool) -> dict[str, Any]:
    before = intermediate.facts(layout)
    corrected: dict[str, list[str]] = {}
    if options["state"] == "installed":
        intermediate.require_key(layout)
    if intermediate.ensure_key(layout, options["curve"], check):
        corrected[layout.key] = ["absent"]
    subject = intermediate.Subject(options["common_name"], options["organization"])
    if intermediate.ensure_request(layout, subject, check):
        corrected[layout.request] = ["absent" if "request_subject" not in before else "content"]
    after = {**before, "request_subject": subject.name().rfc4514_string()}
    if options["state"] == "installed":
        bundle = certificates.load_bundle(options["certificate"].encode(), "the intermediate certificate")
        intermediate.require_match(layout, bundle[0])
        intermediate.require_not_older(layout, bundle[0])
        corrected |= intermediate.install(layout, options["certificate"].encode(), options["root"].encode(), check)
        after["certificate"] = certificates.describe(bundle[0])
    return {
        "changed": bool(corrected),
        "corrected": corrected,
        "request": (read(layout.request) or b"").decode(),
        "request_path": layout.request,
        "diff": edge.diff(before, after, "intermediate CA"),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(SPECIFICATION, supports_check_mode=True, required_if=REQUIRED_IF)
    if MISSING is not None and module.check_mode:
        # A virgin host: the role installs the library first, and then makes everything.
        module.exit_json(changed=True, corrected={Layout().key: ["absent"]}, request="", request_path=Layout().request)
    edge.run(module, converge, MISSING)


if __name__ == "__main__":
    main()
