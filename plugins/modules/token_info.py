#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a PKCS#11 token tells about itself."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: token_info
short_description: Look at a PKCS#11 token without any secret
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Tells model, serial number, firmware and library, the attempts that are left, which credentials are still as the
    factory set them, and the key in a slot with its policies.
  - Checks the attestation of a YubiKey's key, where the maker's certificates are given.
  - Needs no PIN and changes nothing. Retry counts, defaults and policies are reported by YubiKeys only.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.info
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.token
options:
  attestation_roots:
    description: Certificates of the token's maker, PEM. With them the key's attestation is checked.
    type: list
    elements: dict
    default: []
    suboptions: &file
      file:
        description: Path of the file.
        type: path
        required: true
      sha256:
        description: SHA-256 of the file's bytes, hexadecimal.
        type: str
        required: true
  attestation_intermediates:
    description: Certificates between the token's own and the roots.
    type: list
    elements: dict
    default: []
    suboptions: *file
seealso:
  - module: trustanchor.private_ca.token_credentials
  - module: trustanchor.private_ca.token_key
"""

EXAMPLES = r"""
- name: Look at a YubiKey and at the key in slot 9c
  trustanchor.private_ca.token_info:
    token:
      kind: yubikey
      module_path: /usr/lib/x86_64-linux-gnu/libykcs11.so.2
      serial: "11111111"
    key:
      id: "02"
  register: yubikey

- name: Require that nothing is as the factory set it
  ansible.builtin.assert:
    that: not yubikey.facts.defaults

- name: Check that the key was made on the YubiKey
  trustanchor.private_ca.token_info:
    token:
      kind: yubikey
      module_path: /usr/lib/x86_64-linux-gnu/libykcs11.so.2
      serial: "11111111"
    key:
      id: "02"
    attestation_roots:
      - file: /root/yubico/yubico-piv-ca-1.pem
        sha256: 9a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b
"""

RETURN = r"""
facts:
  description: What the token tells. What it does not tell is null.
  returned: success
  type: dict
  contains:
    kind:
      description: As given.
      type: str
    serial:
      description: Serial number.
      type: str
    model:
      description: As the token calls itself.
      type: str
    library:
      description: Path of the PKCS#11 module.
      type: str
    library_version:
      description: Its version.
      type: str
    firmware:
      description: Version of a YubiKey's firmware.
      type: str
    pin_flag:
      description: V(ok), V(low) (attempts have failed), V(final) (one is left) or V(locked).
      type: str
    pin_retries:
      description: Attempts at the PIN that are left.
      type: int
    pin_retries_max:
      description: Attempts at the PIN after a success.
      type: int
    puk_retries:
      description: Attempts at the PUK that are left.
      type: int
    puk_retries_max:
      description: Attempts at the PUK after a success.
      type: int
    defaults:
      description: Which of pin, puk and management_key are as the factory set them.
      type: list
      elements: str
    management_key_algorithm:
      description: Such as aes192.
      type: str
    management_key_protected:
      description: Whether the management key is on the token, readable with the PIN.
      type: bool
    metadata:
      description: False for a YubiKey whose firmware (before 5.3) tells neither defaults nor what is in a slot.
      type: bool
    slot:
      description: The key; null where there is none.
      type: dict
      contains:
        algorithm:
          description: Algorithm of the key.
          type: str
        origin:
          description: V(generated) on the token or V(imported).
          type: str
        pin_policy:
          description: V(always), V(once) or V(never).
          type: str
        touch_policy:
          description: V(always), V(cached) or V(never).
          type: str
        public_key_sha256:
          description: SHA-256 of the DER SubjectPublicKeyInfo.
          type: str
  sample:
    kind: yubikey
    serial: "11111111"
    firmware: 5.7.1
    defaults: [pin, puk, management_key]
attestation:
  description: What the checked attestation says; the module fails where it does not hold. Null where none was checked.
  returned: success
  type: dict
  sample:
    serial: "11111111"
    firmware: 5.7.1
    form_factor: USB-C keychain
    pin_policy: always
    touch_policy: always
    root: CN=Yubico PIV Root CA Serial 263751
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.options import token_options

MISSING = None
try:
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import attestation
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11 import keys
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import (
        PinnedFile,
        parse_device,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.facts import inspect
except ImportError:
    MISSING = ("cryptography and python-pkcs11", traceback.format_exc())

_PINNED = {"file": {"type": "path", "required": True}, "sha256": {"type": "str", "required": True}}
_MANY = {"type": "list", "elements": "dict", "default": [], "options": _PINNED}
SPECIFICATION: dict[str, dict[str, Any]] = {
    **token_options(),
    "attestation_roots": _MANY,
    "attestation_intermediates": _MANY,
}


def look(module: AnsibleModule) -> dict[str, Any]:
    """Look at the token."""
    device = parse_device("token", module.params["token"], module.params["key"])
    facts = inspect(device)
    attested = attest(device, facts, module.params) if module.params["attestation_roots"] else None
    return {"changed": False, "facts": facts.as_dict(), "attestation": attested}


def attest(device: Any, facts: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Check the attestation of the key that is there."""
    public = keys.any_public_key(device.spec, device.key)
    if public is None or facts.slot is None:
        raise TrustAnchorError(f"the {device} has no key", "there is nothing to attest")
    roots, intermediates = (
        [PinnedFile(one["file"], one["sha256"].lower()).read(Path()) for one in options[name]]
        for name in ("attestation_roots", "attestation_intermediates")
    )
    found: dict[str, Any] = attestation.verify_attestation(
        *attestation.read_attestation(device),
        roots,
        intermediates,
        serial=facts.serial,
        public_key=public,
        pin_policy=facts.slot.pin_policy,
        touch_policy=facts.slot.touch_policy,
    ).as_dict()
    return found


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), look, MISSING)


if __name__ == "__main__":
    main()
