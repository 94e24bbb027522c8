#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key pair on a PKCS#11 token, or the same on several."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: token_key
short_description: Make a key pair on a PKCS#11 token, or import one to several
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes a key pair on the token unless the key is there. The private key is sensitive and cannot be extracted.
  - With O(origin=imported) the key is made in the memory of the ceremony host and imported to the token and to its
    O(copies); afterwards only the tokens have it. No token can attest such a key.
  - A key that is there is never overwritten, and a key that is not as wanted is an error.
  - The ceremony makes its keys itself; this module is for other keys and for trying a token.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.token
options:
  state:
    description: A key is never removed by this collection.
    type: str
    choices: [present]
    default: present
  algorithm:
    description:
      - Algorithm of the key. V(ed25519) is not for certificate authorities.
      - On a YubiKey, V(rsa-3072), V(rsa-4096) and V(ed25519) need firmware 5.7.
    type: str
    choices: [ec-p384, ec-p256, rsa-3072, rsa-4096, ed25519]
    default: ec-p384
  origin:
    description: Where the key is made.
    type: str
    choices: [generated, imported]
    default: generated
  pin_policy:
    description: Whether each signature wants the PIN, or one login is enough. Only a YubiKey can do without.
    type: str
    choices: [always, once, never]
    default: always
  touch_policy:
    description:
      - Whether each signature wants a touch of the YubiKey, one every 15 seconds is enough, or none is needed.
      - Has no meaning for other tokens.
    type: str
    choices: [always, cached, never]
    default: always
  pin_holders:
    description: People who each know a part of the PIN, in the order of the parts. The action asks each of them.
    type: list
    elements: str
    default: []
  copies:
    description: Further tokens that get the same key under the same id, with O(origin=imported).
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: As of O(token.kind).
        type: str
        choices: [pkcs11, softhsm, yubikey]
        default: pkcs11
      module_path:
        description: As of O(token.module_path).
        type: path
        required: true
      serial:
        description: As of O(token.serial).
        type: str
      label:
        description: As of O(token.label).
        type: str
      softhsm_config:
        description: As of O(token.softhsm_config).
        type: path
  pin:
    description:
      - User PIN. Without it the action asks for it at the terminal, and only when a key has to be made.
      - It is sent only over a pipelined connection, since without pipelining Ansible writes module options to a file.
    type: str
  management_key:
    description: Management key of a YubiKey, hexadecimal, where the PIN gives no access to it. As O(pin).
    type: str
  copy_pins:
    description: PINs of the O(copies), in their order. As O(pin).
    type: list
    elements: str
  copy_management_keys:
    description: Management keys of the O(copies), in their order; empty where the PIN gives access to it.
    type: list
    elements: str
seealso:
  - module: trustanchor.private_ca.ceremony
  - module: trustanchor.private_ca.token_info
  - module: trustanchor.private_ca.token_credentials
"""

EXAMPLES = r"""
- name: Make a key on a YubiKey that wants a PIN and a touch for each signature
  trustanchor.private_ca.token_key:
    token:
      kind: yubikey
      module_path: /usr/lib/x86_64-linux-gnu/libykcs11.so.2
      serial: "11111111"
    key:
      id: "02"

- name: Make one key for two tokens
  trustanchor.private_ca.token_key:
    token:
      kind: softhsm
      module_path: /usr/lib/softhsm/libsofthsm2.so
      label: lab-1
    copies:
      - kind: softhsm
        module_path: /usr/lib/softhsm/libsofthsm2.so
        label: lab-2
    key:
      id: "02"
    origin: imported
"""

RETURN = r"""
public_key_sha256:
  description: SHA-256 of the DER SubjectPublicKeyInfo; empty in check mode where there is no key yet.
  returned: success
  type: str
  sample: 5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592
purpose:
  description: What a PIN is needed for.
  returned: success
  type: str
  sample: generate the ec-p384 key for the token with serial 11111111 (slot 9c)
needed:
  description: Which of the options with secrets are needed for it.
  returned: success
  type: list
  elements: str
  sample: [pin]
missing:
  description: What was not there, so that check mode could only guess.
  returned: success
  type: str
  sample: ""
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.options import TOKEN, token_options

MISSING = None
try:
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import key_plan
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.credentials import Credentials
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import parse_device
except ImportError:
    MISSING = ("cryptography and python-pkcs11", traceback.format_exc())


def _specification() -> dict[str, dict[str, Any]]:
    spec: dict[str, dict[str, Any]] = token_options()
    choices = {
        "algorithm": ["ec-p384", "ec-p256", "rsa-3072", "rsa-4096", "ed25519"],
        "origin": ["generated", "imported"],
        "pin_policy": ["always", "once", "never"],
        "touch_policy": ["always", "cached", "never"],
        "state": ["present"],
    }
    spec |= {name: {"type": "str", "choices": values, "default": values[0]} for name, values in choices.items()}
    spec["pin_policy"]["no_log"] = False
    spec["pin_holders"] = {"type": "list", "elements": "str", "default": [], "no_log": False}
    spec["copies"] = {"type": "list", "elements": "dict", "default": [], "options": dict(TOKEN)}
    spec |= {name: {"type": "str", "no_log": True} for name in ("pin", "management_key")}
    many = {"type": "list", "elements": "str", "no_log": True}
    spec |= {"copy_pins": many, "copy_management_keys": many}
    return spec


SPECIFICATION = _specification()


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Make the key unless it is there."""
    options = module.params
    wanted = key_plan.KeyRequirement(
        **{name: options[name] for name in ("algorithm", "origin", "pin_policy", "touch_policy")}
    )
    devices = [parse_device("token", options["token"], options["key"])]
    devices += [parse_device(f"copy {n}", one, options["key"]) for n, one in enumerate(options["copies"], start=1)]
    plan = key_plan.plan_key(devices, wanted, guess=module.check_mode)
    found = plan.found
    if plan.changed and not module.check_mode:
        found = plan.apply(_credentials(options, devices))
    return {
        "changed": plan.changed,
        "public_key_sha256": found or "",
        "purpose": plan.purpose,
        "needed": plan.needed,
        "missing": plan.missing,
        "diff": edge.diff(_facts(plan.found, wanted), _facts(found, wanted) or vars(wanted), "key on the token"),
    }


def _credentials(options: dict[str, Any], devices: list[Any]) -> dict[str, Any]:
    pins = [options["pin"], *(options["copy_pins"] or [])]
    keys = [options["management_key"], *(options["copy_management_keys"] or [])]
    return {
        device.name: Credentials(*(values[n] if n < len(values) and values[n] else None for values in (pins, keys)))
        for n, device in enumerate(devices)
    }


def _facts(public_key_sha256: str | None, wanted: Any) -> dict[str, Any]:
    return {**vars(wanted), "public_key_sha256": public_key_sha256} if public_key_sha256 else {}


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
