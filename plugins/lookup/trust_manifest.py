# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roots of a public record, checked."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: trust_manifest
short_description: The roots of a public record, by name
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Reads C(trust.yml) and the certificates that it names from a public record, and checks each certificate against its
    declared fingerprint.
options:
  _terms:
    description: Directory of the public record, on the controller.
    type: list
    elements: path
    required: true
  root:
    description: Name of one root; then that root alone is given, and it must be C(trusted) or C(retiring).
    type: str
    default: ""
  whole:
    description: Give C(id), C(sequence) and C(roots) of the manifest, the latter as without this option.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the declared roots
  ansible.builtin.debug:
    msg: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory) }}"

- name: Show the fingerprint of one root
  ansible.builtin.debug:
    msg: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory, root='r1').sha256 }}"
"""

RETURN = r"""
_raw:
  description:
    - For each record, a dictionary from the root's name to C(name), C(sha256), C(state) and C(pem).
    - With O(whole), a dictionary of C(id), C(sequence) and C(roots).
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import store


class LookupModule(LookupBase):
    """Read records."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """One dictionary for each directory."""
        try:
            if name := str(kwargs.get("root") or ""):
                return [store.usable(term, name).as_dict() for term in terms]
            if kwargs.get("whole"):
                return [self._whole(term) for term in terms]
            return [self._roots(term) for term in terms]
        except TrustAnchorError as error:
            raise AnsibleLookupError(str(error)) from error

    @staticmethod
    def _roots(directory: str) -> dict[str, Any]:
        return {name: anchor.as_dict() for name, anchor in store.read(directory).items()}

    def _whole(self, directory: str) -> dict[str, Any]:
        manifest = store.read_manifest(directory)
        return {"id": manifest.id, "sequence": manifest.sequence, "roots": self._roots(directory)}
