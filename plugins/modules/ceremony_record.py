#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry public artefacts between the record and the ceremony host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ceremony_record
short_description: Carry public artefacts between the record and the ceremony host
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - The stick of a ceremony. With O(direction=in) the plans, requests, certificates, CRLs and transcripts of the
    record on the controller go to the ceremony host; with O(direction=out) its certificates, CRLs, attestations,
    transcripts, seals and reports, and those of rehearsals, come back into the record.
  - Where both ends have a file and they differ, the newer intermediate or manifest signer, the CRL with the higher
    number and the longer transcript win, on either end, and the older certificate or CRL is kept in C(archive) beside
    it. Two transcripts of which neither begins with the other, a plan that changed after its ceremony had begun, and
    different roots, attestations or seals of one name are errors.
  - Only files that parse as what their place says are carried, so no secret can get into the record this way.
requirements:
  - cryptography >= 42
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
options:
  record:
    description: The public record, a directory on the controller.
    type: path
    required: true
  directory:
    description: The working directory on the ceremony host.
    type: path
    required: true
  direction:
    description: Which way to carry.
    type: str
    choices: [in, out]
    required: true
"""

EXAMPLES = r"""
- name: Carry the requests to the ceremony host
  trustanchor.private_ca.ceremony_record:
    record: pki
    directory: /var/lib/root-ceremony
    direction: in

- name: Carry what was signed into the record
  trustanchor.private_ca.ceremony_record:
    record: pki
    directory: /var/lib/root-ceremony
    direction: out
"""

RETURN = r"""
written:
  description: Files that were (or would be) written at the receiving end.
  returned: success
  type: list
  elements: str
  sample: [ceremonies/0001/transcript.jsonl, intermediates/ca1.crt, roots/r1.crt]
requests:
  description: The requests of the record, path in the record to PEM.
  returned: with O(direction=in)
  type: dict
  sample: {requests/ca1.csr: "-----BEGIN CERTIFICATE REQUEST-----..."}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge

SPECIFICATION: dict[str, dict[str, Any]] = {
    "record": {"type": "path", "required": True},
    "directory": {"type": "path", "required": True},
    "direction": {"type": "str", "choices": ["in", "out"], "required": True},
}


def main() -> None:
    """Entry point; the action plugin does the work and never calls it."""
    edge.refuse(AnsibleModule(SPECIFICATION, supports_check_mode=True))


if __name__ == "__main__":
    main()
