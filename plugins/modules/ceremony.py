#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root ceremony."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ceremony
short_description: Hold a root ceremony by a reviewed plan
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes the keys and signs what the plan says, step by step, with keys on tokens, and writes a transcript that is
    hash-chained, sealed by a root, and printed as a report.
  - Before anything is signed, all signatures of the plan are rehearsed with ephemeral keys and checked by the
    project's rules and by pkilint. Each signature is shown, with its digest in hexadecimal and as words, and confirmed
    by as many of its people as the plan says; the token must be the right one, with all attempts left and nothing at
    its default. What was signed must be the very bytes that were rehearsed, must verify with the public key that was
    read before, and is checked again. It is written once.
  - A run that was interrupted anywhere goes on where it was; no signature is made twice. A ceremony that is over
    changes nothing and asks for nothing.
  - Check mode rehearses everything and asks for nothing; it uses no key on a token and writes nothing.
  - The prompts are the action plugin's, on the controller.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
options:
  plan:
    description: The plan, C(ceremony.yml), on the controller. By default the last one of O(record) by its name.
    type: path
  tokens:
    description: The devices of the ceremony machine, C(tokens.yml), on the controller.
    type: path
    required: true
  directory:
    description: Working directory on the ceremony machine.
    type: path
    required: true
  record:
    description:
      - The public record, on the controller. Required without O(plan).
      - Check mode takes what it has as carried in, so that a first ceremony can be checked.
    type: path
  rehearsal:
    description:
      - Hold it on software tokens, below C(rehearsals) in O(directory), with V(REHEARSAL) in all names. A plan that was
        changed is rehearsed from the beginning.
    type: bool
    default: false
  abandon:
    description:
      - Close and seal the transcript of a ceremony that was begun, leaving the rest of its plan undone, whatever the
        clock says. What is left can then be planned again.
    type: bool
    default: false
  confirmed_plan:
    description:
      - SHA-256 of the plan that people have confirmed beforehand. Then nobody is asked, which the transcript and the
        report say. For labs and tests.
    type: str
    default: ""
  pins:
    description:
      - User PIN by the token's name in O(tokens), from a secrets manager. For a token that is not listed, the action
        asks at the terminal.
    type: dict
    default: {}
  management_keys:
    description:
      - Management key of a YubiKey by the token's name, hexadecimal. Needed only where a key is generated and the
        management key is not on the token itself, protected by the PIN.
    type: dict
    default: {}
requirements:
  - cryptography >= 42
  - python-pkcs11 >= 0.10
  - pkilint, unless the plan says that it is optional
  - yubikey-manager, for YubiKeys
notes:
  - PINs are sent over pipelined connections only.
seealso:
  - module: trustanchor.private_ca.ceremony_plan
  - module: trustanchor.private_ca.ceremony_verify
  - module: trustanchor.private_ca.token_credentials
"""

EXAMPLES = r"""
- name: Hold the ceremony
  trustanchor.private_ca.ceremony:
    record: pki
    tokens: tokens.yml
    directory: /var/lib/root-ceremony

- name: Rehearse it on software tokens
  trustanchor.private_ca.ceremony:
    plan: pki/ceremonies/0001/ceremony.yml
    tokens: tokens.yml
    directory: /var/lib/root-ceremony
    rehearsal: true
"""

RETURN = r"""
name:
  description: Name of the ceremony.
  returned: success
  type: str
  sample: "0001"
plan_sha256:
  description: SHA-256 of the plan's file.
  returned: success
  type: str
  sample: 5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592
plan_words:
  description: The same as words of the PGP word list.
  returned: success
  type: list
  elements: str
  sample: [enlist, distortion, cranky]
clock:
  description: The time of the ceremony machine.
  returned: success
  type: str
  sample: "2026-11-24T09:30:00Z"
window:
  description: When the plan may be carried out.
  returned: success
  type: list
  elements: str
  sample: ["2026-11-24T06:00:00Z", "2026-11-25T06:00:00Z"]
ceremony_directory:
  description: Directory of transcript, seal and report, relative to record and O(directory).
  returned: success
  type: str
  sample: ceremonies/0001
quorum:
  description: How many people must confirm.
  returned: success
  type: int
  sample: 2
people:
  description: Who confirms.
  returned: success
  type: list
  elements: dict
  sample: [{name: Ada Lovelace, role: operator}]
steps:
  description: All steps, with state, digest and facts.
  returned: success
  type: list
  elements: dict
  sample: [{id: "root:r1", what: "sign the root certificate 'CN=Example Root R1', 7305 days", state: done}]
roots:
  description: The roots that the plan makes, and those that it names as existing.
  returned: success
  type: list
  elements: dict
  sample: [{name: r1, standby: false}]
signed:
  description: Facts of what this ceremony has signed or found, by step.
  returned: success
  type: dict
  sample:
    "root:r1":
      subject: CN=Example Root R1
      sha256: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0
over:
  description: Whether the ceremony is sealed and reported.
  returned: success
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge

SPECIFICATION: dict[str, dict[str, Any]] = {
    "plan": {"type": "path"},
    "tokens": {"type": "path", "required": True, "no_log": False},
    "directory": {"type": "path", "required": True},
    "record": {"type": "path"},
    "rehearsal": {"type": "bool", "default": False},
    "abandon": {"type": "bool", "default": False},
    "confirmed_plan": {"type": "str", "default": ""},
    "pins": {"type": "dict", "default": {}, "no_log": True},
    "management_keys": {"type": "dict", "default": {}, "no_log": True},
}


def main() -> None:
    """Entry point; the action plugin does the work and never calls it."""
    edge.refuse(AnsibleModule(SPECIFICATION, supports_check_mode=True))


if __name__ == "__main__":
    main()
