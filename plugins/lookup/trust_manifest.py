# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roots of a public record, checked."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: trust_manifest
short_description: The trust manifest of a public record, as hosts take it
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Reads C(trust.yml) and the certificates that it names from a public record, and checks each certificate against its
    declared fingerprint.
  - A root that hosts are to trust must be among O(anchors), or have been made at a ceremony of the record that an
    anchored root has sealed, or a root that such a ceremony made. Else nothing is given, since whoever can write to the
    record can put a certificate into it.
  - A process of Ansible reads a record once, however often a template asks for it, and again when one of its files
    changed.
options:
  _terms:
    description: Directory of the public record, on the controller.
    type: list
    elements: path
    required: true
  root:
    description:
      - Name of one root; then that root alone is given, as the one that something is issued under. It must be one that
        hosts trust, and unless it is one of the first roots of the estate, the report of a complete rollout must have
        shown it on every host, or an incident be noted with it.
    type: str
    default: ""
  anchors:
    description:
      - Roots that the inventory vouches for, each with C(name), C(sha256) and C(reason). One is enough, the root that
        has sealed the first ceremony; more are for estates that have roots which no ceremony of the record made.
      - One with C(refused=true) is not trusted whatever the record says of it, and what it sealed introduces no root.
      - A list of dictionaries; usually given as the variable C(pki_anchors).
      - They belong where nobody changes them who can change the record.
    type: raw
    default: []
    vars:
      - name: pki_anchors
"""

EXAMPLES = r"""
- name: Have a host trust the roots of the record
  trustanchor.private_ca.trust_bundle:
    manifest: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory) }}"

- name: Show the fingerprint of one root
  ansible.builtin.debug:
    msg: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory, root='r1').sha256 }}"
"""

RETURN = r"""
_raw:
  description:
    - For each record a dictionary, as the option O(trustanchor.private_ca.trust_bundle#module:manifest) wants it.
    - It has C(id) and C(sequence) of the manifest; C(trusted), the roots that hosts trust, each with C(name), C(sha256)
      and C(pem); and C(distrusted), fingerprints of roots that no host may trust.
    - With O(root), the entry of C(trusted) for that root.
  type: list
  elements: dict
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.introduction import Introductions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import (
    estate_evidence,
    manifest_store,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.anchors import Anchor, parse
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest

_Key = tuple[manifest_store.Identity, tuple[Anchor, ...]]
# Directory of a record to what it was read from, with which anchors, and what was read.
_records: dict[str, tuple[_Key, Manifest]] = {}


class LookupModule(LookupBase):  # type: ignore[misc]
    """Read records."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """One dictionary for each directory."""
        given = kwargs.get("anchors", (variables or {}).get("pki_anchors", []))
        try:
            anchors = parse(self._templar.template(given) if self._templar else given)
            manifests = [_read(str(term), anchors) for term in terms]
            if name := str(kwargs.get("root") or ""):
                return [_issuer(str(term), manifest, name) for term, manifest in zip(terms, manifests, strict=True)]
            return [manifest.for_hosts() for manifest in manifests]
        except TrustAnchorError as error:
            raise AnsibleLookupError(str(error)) from error


def _issuer(record: str, manifest: Manifest, name: str) -> dict[str, Any]:
    """The root of that name, once something may be issued under it."""
    root = manifest_store.usable(manifest, name)
    estate_evidence.require_proven(record, manifest, root)
    return root.for_hosts()


def _read(record: str, anchors: tuple[Anchor, ...]) -> Manifest:
    """The manifest, read again only when a file of it changed."""
    key = manifest_store.identity(record), anchors
    if record not in _records or _records[record][0] != key:
        _records[record] = key, manifest_store.read_for_hosts(record, Introductions(Path(record), anchors))
    return _records[record][1]
