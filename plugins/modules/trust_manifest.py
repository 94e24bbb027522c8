#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots in the trust manifest."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_manifest
short_description: List roots in the trust manifest, and change their states safely
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Adds roots to the trust manifest, the file that says which roots the estate trusts, and brings listed ones into
    other states. By O(roots) alone, what is listed is never changed.
  - A change that could cut a host off is refused. A root goes from V(staged) to V(trusted), V(retiring) and
    V(distrusted), one step at a time. It retires only when a complete rollout has shown that every host has the other
    roots; it is distrusted only when it has been retiring for longer than any certificate lives, no intermediate of the
    record leads to it, and no declared host has a service certificate below it. One root that was trusted before always
    stays trusted.
  - Evidence is of this very content of the manifest, of every host in O(hosts), and not older than a week for each of
    them. Of a host that was not measured nothing is known, whether it has a waiver or not.
  - O(incident) sets the order and these proofs aside, and is noted in the manifest. That one trusted root remains is
    asked even then.
  - The sequence number rises when, and only when, the content changes.
requirements:
  - cryptography
  - PyYAML
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
options:
  path:
    description: The manifest, V(trust.yml) in the public record.
    type: path
    required: true
  roots:
    description: The roots to list.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the root, unique in the manifest.
        type: str
        required: true
      certificate:
        description:
          - The root's certificate, PEM; by default C(roots/NAME.crt) beside the manifest.
          - In check mode it may be absent.
        type: path
      standby:
        description: Mark a root that is not listed yet as the one that takes the place of another one.
        type: bool
        default: false
      initial_state:
        description:
          - State of a root that is not listed yet. By default V(trusted) for the first roots of an estate, and
            V(staged) where hosts have roots already, so that a new one is rolled out when somebody says so.
        type: str
        choices: [staged, trusted]
  states:
    description:
      - Name of a listed root to the state that it is to have, one of V(trusted), V(retiring), V(distrusted).
    type: dict
    default: {}
  remove:
    description:
      - Names of roots that are not to be listed any more. They must be V(staged), or V(distrusted) and shown to be
        absent from every host by a complete rollout.
    type: list
    elements: str
    default: []
  refuse_signers:
    description:
      - Names of manifest signers, of the files in C(signers/) beside the manifest, that hosts must not believe any
        more, because their key was stolen or is given up. It is the key that is refused, with every certificate that it
        has.
      - Hosts remember it for ever, so it cannot be taken back. Another signer that hosts believe must be there, unless
        O(incident) is given.
    type: list
    elements: str
    default: []
  incident:
    description:
      - Reference of the incident that is the reason for O(states) and O(refuse_signers), such as a ticket's number.
      - Given for a root that is V(trusted) already, it is the reason to issue under it before a rollout has shown it on
        every host.
    type: str
    default: ""
  hosts:
    description:
      - All hosts of the inventory that are declared, without those that are none of the estate. Required where a change
        asks for evidence.
    type: list
    elements: str
    default: []
  unmeasured:
    description:
      - Declared hosts of which no rollout knows anything, each with the reason why it has no certificate below a root
        that becomes V(distrusted), and does not trust one that is removed.
    type: dict
    default: {}
  retired_intermediates:
    description:
      - Names of intermediates of the record that issue no more, because their CA is switched off for good. They keep no
        root from being distrusted.
    type: list
    elements: str
    default: []
  overlap:
    description:
      - How long a root must have been V(retiring) before it is V(distrusted); longer than any certificate below it
        lives.
    type: str
    default: 25h
notes:
  - The reports of rollouts are read from C(rollouts/) beside the manifest; the playbook
    C(trustanchor.private_ca.rollout_trust) writes them.
  - Runs on the controller; delegate it to localhost.
"""

EXAMPLES = r"""
- name: Trust the new roots
  trustanchor.private_ca.trust_manifest:
    path: pki/trust.yml
    roots:
      - name: r1
      - name: s1
        standby: true
  delegate_to: localhost

- name: Retire a root, once every host has the other one
  trustanchor.private_ca.trust_manifest:
    path: pki/trust.yml
    states:
      r1: retiring
    hosts: "{{ query('ansible.builtin.inventory_hostnames', 'all:!ceremony') }}"
  delegate_to: localhost

- name: Refuse a signer whose key is stolen
  trustanchor.private_ca.trust_manifest:
    path: pki/trust.yml
    refuse_signers: [manifest1]
    incident: INC-2031
  delegate_to: localhost

- name: Abandon a root whose key is stolen
  trustanchor.private_ca.trust_manifest:
    path: pki/trust.yml
    states:
      r1: distrusted
    incident: INC-2031
  delegate_to: localhost
"""

RETURN = r"""
manifest:
  description: The manifest after the change.
  returned: success
  type: dict
  sample:
    version: 1
    id: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a
    sequence: 1
    roots:
      - name: r1
        sha256: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0
        state: trusted
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge

MISSING = None
try:
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import durations, times
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import (
        convergence,
        transitions,
    )
except ImportError:
    MISSING = ("cryptography and PyYAML", traceback.format_exc())


def converge(module: AnsibleModule) -> dict[str, Any]:
    """List the roots that are not listed, and change states; the sequence rises by one."""
    options = module.params
    declared = [convergence.DeclaredRoot(**entry) for entry in options["roots"]]
    change = convergence.ManifestChange(
        states={str(name): str(state) for name, state in options["states"].items()},
        remove=options["remove"],
        incident=options["incident"],
        hosts=options["hosts"],
        exceptions=transitions.Exceptions(
            overlap=durations.delta(options["overlap"], "overlap"),
            retired_intermediates=options["retired_intermediates"],
            unmeasured={str(host): str(reason or "") for host, reason in options["unmeasured"].items()},
        ),
        refuse_signers=options["refuse_signers"],
    )
    path = Path(options["path"])
    planned = convergence.plan(path, declared, change, times.utc_now(), may_await=module.check_mode)
    if not module.check_mode:
        planned.apply()
    after = planned.after.as_dict()
    return {
        "changed": planned.changed,
        "manifest": after,
        "diff": edge.diff(planned.before.as_dict(), after, str(path)),
    }


def main() -> None:
    """Entry point."""
    entry = {
        "name": {"type": "str", "required": True},
        "certificate": {"type": "path"},
        "standby": {"type": "bool", "default": False},
        "initial_state": {"type": "str", "choices": ["staged", "trusted"]},
    }
    spec = {
        "path": {"type": "path", "required": True},
        "roots": {"type": "list", "elements": "dict", "default": [], "options": entry},
        "states": {"type": "dict", "default": {}},
        "remove": {"type": "list", "elements": "str", "default": []},
        "refuse_signers": {"type": "list", "elements": "str", "default": []},
        "incident": {"type": "str", "default": ""},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "unmeasured": {"type": "dict", "default": {}},
        "retired_intermediates": {"type": "list", "elements": "str", "default": []},
        "overlap": {"type": "str", "default": "25h"},
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
