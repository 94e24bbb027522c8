#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign the trust manifest; the action plugin of the same name does it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_manifest_sign
short_description: Sign the trust manifest of a public record
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Writes C(trust.p7m) into the public record, the trust manifest with its roots in a CMS signature (RFC 5652), as
    hosts fetch it.
  - It is signed when there is none, when the manifest changed, and when less than O(renew_before) is left of its
    validity. Run it on a schedule, since hosts refuse a manifest that has expired.
  - The signer is the certificate in C(signers/) of the record that O(key) belongs to. It must have been issued directly
    by a root that is V(trusted) or V(retiring), so a stolen intermediate can sign nothing.
  - Only a root that is among O(anchors), or that a ceremony of the record has made which such a root has sealed, gets
    into it.
  - What has expired or ends soon is told as RV(problems), and as a warning; it stops no signature, which may distrust
    another root. Let the play fail at its end when there are some, as C(trustanchor.private_ca.publish) does.
  - Works on the controller, whatever host the task is for. The key never leaves the controller's memory.
requirements:
  - cryptography
  - PyYAML
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.anchors
options:
  record:
    description: Directory of the public record.
    type: path
    required: true
  key:
    description: Private key of the manifest signer, PEM, from a secrets manager or Ansible Vault.
    type: str
    required: true
  valid:
    description:
      - How long hosts accept the manifest; not longer than the signer's certificate is valid, and at most 45 days,
        since they accept no longer one.
    type: str
    default: 720h
  renew_before:
    description: It is signed again when less than this is left.
    type: str
    default: 480h
notes:
  - To look at it run C(openssl cms -verify -noverify -inform DER -in trust.p7m).
seealso:
  - module: trustanchor.private_ca.trust_manifest
"""

EXAMPLES = r"""
- name: Sign the trust manifest when it changed or is about to expire
  trustanchor.private_ca.trust_manifest_sign:
    record: pki
    anchors: "{{ pki_anchors }}"
    key: "{{ lookup('community.hashi_vault.vault_kv2_get', 'pki/manifest', engine_mount_point='kv').secret.key }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
reason:
  description: Why it was (or would be) signed; empty when what is there is good.
  returned: success
  type: str
  sample: there is no signed manifest
problems:
  description: Expired roots, which hosts leave out, and a signer that ends within 45 days.
  returned: success
  type: list
  elements: str
  sample:
    - root 'r1' has expired (2046-11-24T06:00:00Z), and hosts leave it out
manifest:
  description: What is signed.
  returned: success
  type: dict
  sample:
    id: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a
    sequence: 3
    not_after: "2026-12-26T02:00:00Z"
    signer: CN=Example Corp Manifest Signer 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import anchors

SPECIFICATION: dict[str, dict[str, Any]] = {
    "record": {"type": "path", "required": True},
    "key": {"type": "str", "required": True, "no_log": True},
    "valid": {"type": "str", "default": "720h"},
    "renew_before": {"type": "str", "default": "480h"},
    "anchors": anchors.SPEC,
}


def main() -> None:
    """Entry point; the action plugin does the work and never calls it, so the key is sent nowhere."""
    edge.refuse(AnsibleModule(SPECIFICATION, supports_check_mode=True))


if __name__ == "__main__":
    main()
