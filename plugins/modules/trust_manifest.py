#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots in the trust manifest."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_manifest
short_description: List roots in the trust manifest
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Adds roots to the trust manifest, the file that says which roots the estate trusts. What is listed is never changed.
  - The sequence number rises when, and only when, the content changes.
requirements:
  - cryptography
  - PyYAML
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
options:
  path:
    description: The manifest, V(trust.yml) in the public record.
    type: path
    required: true
  roots:
    description: The roots that shall be listed.
    type: list
    elements: dict
    required: true
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
        description: State of a root that is not listed yet.
        type: str
        choices: [staged, trusted]
        default: trusted
notes:
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
"""

RETURN = r"""
manifest:
  description: The manifest after the change.
  returned: success
  type: dict
  sample:
    version: 1
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
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError

MISSING = None
try:
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.files import (
        read_optional,
        replace,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import (
        Root,
        parse_manifest,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import (
        fingerprint,
        load_certificate,
    )
except ImportError:
    MISSING = ("cryptography and PyYAML", traceback.format_exc())


def converge(module: AnsibleModule) -> dict[str, Any]:
    """List the roots that are not listed."""
    options, path = module.params, Path(module.params["path"])
    before = parse_manifest(read_optional(path), str(path))
    found = [root(entry, path.parent, absent_is_fine=module.check_mode) for entry in options["roots"]]
    after = before.with_roots(one for one in found if one is not None)
    if after != before and not module.check_mode:
        replace(path, after.to_yaml())
    return {
        "changed": after != before or None in found,
        "manifest": after.as_dict(),
        "diff": edge.diff(before.as_dict(), after.as_dict(), str(path)),
    }


def root(entry: dict[str, Any], record: Any, absent_is_fine: bool) -> Any:
    """The manifest's entry for one root; None where its certificate is yet to be made."""
    certificate = Path(entry["certificate"] or record / "roots" / f"{entry['name']}.crt")
    pem = read_optional(certificate)
    if pem is None and absent_is_fine:
        return None
    if pem is None:
        raise TrustAnchorError(f"{certificate} does not exist", "its fingerprint goes into the manifest")
    sha256 = fingerprint(load_certificate(pem, str(certificate)))
    return Root(entry["name"], sha256, entry["initial_state"], entry["standby"])


def main() -> None:
    """Entry point."""
    entry = {
        "name": {"type": "str", "required": True},
        "certificate": {"type": "path"},
        "standby": {"type": "bool", "default": False},
        "initial_state": {"type": "str", "choices": ["staged", "trusted"], "default": "trusted"},
    }
    spec = {
        "path": {"type": "path", "required": True},
        "roots": {"type": "list", "elements": "dict", "required": True, "options": entry},
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
