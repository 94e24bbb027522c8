#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan, gates and report of a rollout; all of it is in the action plugin."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_rollout
short_description: Plan a rollout of the trust manifest, stop it when too many hosts fail, report it
version_added: 1.1.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - The controller's side of C(trustanchor.private_ca.rollout_trust). The hosts' side is
    M(trustanchor.private_ca.trust_bundle), which notes each outcome in the journal of the rollout,
    C(rollouts/SEQUENCE.jsonl) in the public record.
  - V(plan) checks the roots against O(anchors), the waivers and the waves, and finds the hosts that are to do. It
    refuses a second rollout of the same record while one is at work on this machine.
  - V(gate) looks back at a wave.
  - V(report) writes C(rollouts/SEQUENCE.json), C(.md) and C(.html), and fails when the rollout is not complete, or
    when hosts had to leave out a root that has expired.
  - In check mode nothing is written. What trust_bundle finds is then noted in Ansible's temporary directory.
requirements:
  - cryptography
  - PyYAML
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.anchors
attributes:
  action:
    support: full
    description: All of it is done by an action plugin, on the controller.
options:
  phase:
    description: What to do.
    type: str
    choices: [plan, gate, report]
    required: true
  record:
    description: Directory of the public record on the controller.
    type: path
    required: true
  hosts:
    description:
      - All hosts of the inventory that are declared, whomever this run is about. For V(plan) and V(report). Complete
        means all of them.
    type: list
    elements: str
  outside:
    description:
      - Hosts and groups of the inventory that are none of the estate, with the reason as the value. They have neither
        trust stores nor service certificates of it. The report lists them.
    type: dict
    default: {}
  only:
    description: Those of them that this run is about; by default all. A report is always about all.
    type: list
    elements: str
  canaries:
    description: Those that come first, in a wave of their own.
    type: list
    elements: str
    default: []
  waivers:
    description:
      - YAML file on the controller with the hosts that are waived, a list with C(host), C(owner), C(reason) and
        C(expires), the last day, as C(2026-12-31).
      - A waiver that has expired, is of an unknown host, or is there twice is an error.
    type: path
  waves:
    description: Sizes of the waves, in hosts or as a share such as V(10%). The last one repeats until all are done.
    type: list
    elements: raw
    default: [1, "10%", "100%"]
  max_age:
    description:
      - A host that converged to this sequence is not looked at again for this long, such as V(12h) or V(1d); V(0)
        looks at all.
    type: str
    default: 12h
  wave:
    description: The hosts of the wave. For V(gate).
    type: list
    elements: str
  since:
    description: Begin of this run, as V(plan) returned it. For V(gate).
    type: str
  max_fail_percentage:
    description: The share of failed and unreachable hosts of a wave up to which the rollout goes on.
    type: int
    default: 10
  manifest:
    description:
      - What is rolled out, as V(plan) returned it, for the phases behind it; the record may be changed meanwhile.
      - By default what the record declares.
    type: dict
    suboptions:
      id:
        description: Names the estate.
        type: str
        required: true
      sequence:
        description: Sequence of the trust manifest.
        type: int
        required: true
      digest:
        description: SHA-256 of what the trust manifest says.
        type: str
        required: true
      told:
        description: SHA-256 of what hosts are told.
        type: str
        required: true
      trusted:
        description: Fingerprints of the roots that hosts are told to trust.
        type: list
        elements: str
        required: true
  require:
    description: Whether V(report) fails when the rollout is not complete.
    type: bool
    default: true
seealso:
  - module: trustanchor.private_ca.trust_bundle
"""

EXAMPLES = r"""
- name: Find the hosts that are to do
  trustanchor.private_ca.trust_rollout:
    phase: plan
    record: "{{ pki_directory }}"
    anchors: "{{ pki_anchors }}"
    hosts: "{{ groups['all'] | difference(groups['ceremony']) }}"
    waivers: waivers.yml
  register: rollout

- name: Write the report
  trustanchor.private_ca.trust_rollout:
    phase: report
    record: "{{ pki_directory }}"
    hosts: "{{ groups['all'] | difference(groups['ceremony']) }}"
    waivers: waivers.yml
"""

RETURN = r"""
manifest:
  description: What is rolled out.
  returned: for V(plan)
  type: dict
  sample:
    id: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a
    sequence: 7
    digest: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
    told: 449270f5248ce4b9f59d163abc96f79b9de1eff1d2ea334046bf6bcc414c3c7c
    trusted: [0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0]
trust:
  description: The manifest with its roots, as the lookup trust_manifest gives it.
  returned: for V(plan)
  type: dict
  sample: {"id": "0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a", "sequence": 7, "trusted": [], "distrusted": []}
record:
  description: The public record, as an absolute path.
  returned: for V(plan)
  type: str
  sample: /srv/pki
hosts:
  description: As given.
  returned: for V(plan)
  type: list
  elements: str
  sample: [web1.corp.example, web2.corp.example]
outside:
  description: As given.
  returned: for V(plan)
  type: dict
  sample: {"switches": "they have no trust store"}
waivers:
  description: As given.
  returned: for V(plan)
  type: str
  sample: waivers.yml
journal:
  description: File in which trust_bundle notes the outcomes.
  returned: for V(plan)
  type: str
  sample: /srv/pki/rollouts/000007.jsonl
started:
  description: Begin of this run.
  returned: for V(plan)
  type: str
  sample: "2026-11-26T02:00:00Z"
todo:
  description: Hosts that are to do, in their order.
  returned: for V(plan)
  type: list
  elements: str
  sample: [web1.corp.example]
waived:
  description: Hosts with a waiver that are to do.
  returned: for V(plan)
  type: list
  elements: str
  sample: []
done:
  description: Hosts that converged already, and when.
  returned: for V(plan)
  type: dict
  sample: {"web2.corp.example": "2026-11-26T01:00:00Z"}
waves:
  description: Sizes of the waves, for the play keyword C(serial).
  returned: for V(plan)
  type: list
  elements: raw
  sample: [1, "10%", "100%"]
max_fail_percentage:
  description: As given.
  returned: for V(plan)
  type: int
  sample: 10
go:
  description: Whether the next wave may begin.
  returned: for V(gate)
  type: bool
  sample: true
failed_hosts:
  description: Hosts of the wave that did not converge, and why.
  returned: for V(gate)
  type: dict
  sample: {}
share:
  description: Share of these hosts, of 100.
  returned: for V(gate)
  type: int
  sample: 0
complete:
  description: Whether every declared host has converged or has a waiver.
  returned: for V(report)
  type: bool
  sample: true
summary:
  description: What the report says, in lines.
  returned: for V(report)
  type: list
  elements: str
  sample: ["Rollout of trust manifest 0c5c9e4f, sequence 7: complete"]
files:
  description: The files of the report.
  returned: for V(report)
  type: list
  elements: str
  sample: [/srv/pki/rollouts/000007.md]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import anchors

_NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
SPECIFICATION: dict[str, dict[str, Any]] = {
    "phase": {"type": "str", "required": True, "choices": ["plan", "gate", "report"]},
    "record": {"type": "path", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "outside": {"type": "dict", "default": {}},
    "only": {"type": "list", "elements": "str"},
    "canaries": _NAMES,
    "waivers": {"type": "path"},
    "waves": {"type": "list", "elements": "raw", "default": [1, "10%", "100%"]},
    "max_age": {"type": "str", "default": "12h"},
    "wave": {"type": "list", "elements": "str"},
    "since": {"type": "str"},
    "max_fail_percentage": {"type": "int", "default": 10},
    "manifest": {
        "type": "dict",
        "options": {
            "id": {"type": "str", "required": True},
            "sequence": {"type": "int", "required": True},
            "digest": {"type": "str", "required": True},
            "told": {"type": "str", "required": True},
            "trusted": {"type": "list", "elements": "str", "required": True},
        },
    },
    "require": {"type": "bool", "default": True},
    "anchors": anchors.SPEC,
}
REQUIRED_IF = [("phase", "plan", ("hosts",)), ("phase", "report", ("hosts",)), ("phase", "gate", ("wave", "since"))]


def main() -> None:
    """Entry point; the action plugin does the work and never calls it."""
    edge.refuse(AnsibleModule(SPECIFICATION, required_if=REQUIRED_IF, supports_check_mode=True))


if __name__ == "__main__":
    main()
