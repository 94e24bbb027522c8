#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of publication that runs on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: publication_host
short_description: "Internal: the half of publication that runs on the host"
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Used by M(trustanchor.private_ca.publication), which reads the record on the controller.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.host
  - trustanchor.private_ca.publication
options:
  artifacts:
    description: What is published of the record.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the file.
        type: str
        required: true
      kind:
        description: Kind of artifact.
        type: str
        required: true
      content:
        description: Its bytes in base64.
        type: str
        required: true
      issuer:
        description: Who signed a CRL, PEM.
        type: str
        default: ""
  kept:
    description: Files of which the record has none that is good; those that are published stay.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the file.
        type: str
        required: true
      kind:
        description: Kind of artifact.
        type: str
        required: true
      content:
        description: Empty.
        type: str
        required: true
      issuer:
        description: Who signed a CRL, PEM.
        type: str
        default: ""
  record_id:
    description: Estate of the record's trust manifest; empty when it has none.
    type: str
    default: ""
  record_sequence:
    description: Sequence of the record's trust manifest.
    type: int
    default: 0
  issuers:
    description: Name of an intermediate to its certificate, PEM, to check its CRL with.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Use the public module
  trustanchor.private_ca.publication:
    record: pki
    url: http://pki.corp.example
"""

RETURN = r"""# """

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import joined
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import options, site

_TEXT = {"type": "str", "required": True}
_ARTIFACT = {"name": _TEXT, "kind": _TEXT, "content": _TEXT, "issuer": {"type": "str", "default": ""}}
SPECIFICATION: dict[str, dict[str, Any]] = {
    **options.PUBLICATION,
    "artifacts": {"type": "list", "elements": "dict", "required": True, "options": _ARTIFACT},
    "kept": {"type": "list", "elements": "dict", "default": [], "options": _ARTIFACT},
    "record_id": {"type": "str", "default": ""},
    "record_sequence": {"type": "int", "default": 0},
    "issuers": {"type": "dict", "required": True},
}


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Plan, apply, read back."""
    done = site.converge(site.declared(module.params), module.check_mode)
    for warning in done.warnings:
        edge.warn(module, warning)
    return {
        "changed": bool(done.corrected),
        "corrected": done.corrected,
        "published": done.after,
        "diff": edge.diff(done.before, done.after, "publication"),
        **(edge.failure(joined(done.faults)) if done.faults else {}),
    }


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), converge)


if __name__ == "__main__":
    main()
