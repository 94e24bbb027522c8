#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root's entry in the trust manifest."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_manifest
short_description: List a root in the trust manifest
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Adds a root to the trust manifest, the file that says which roots the estate trusts. Other entries are
    never changed, and a root that is listed keeps its state.
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
  name:
    description: Name of the root, unique in the manifest.
    type: str
    required: true
  certificate:
    description: The root's certificate, PEM. In check mode it may be absent.
    type: path
    required: true
  initial_state:
    description: State of a root that is not listed yet.
    type: str
    choices: [staged, trusted]
    default: trusted
notes:
  - Runs on the controller; delegate it to localhost.
"""

EXAMPLES = r"""
- name: Trust the new root
  trustanchor.private_ca.trust_manifest:
    path: pki/trust.yml
    name: r1
    certificate: pki/roots/r1.crt
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
    """List the root unless it is listed."""
    options, path = module.params, Path(module.params["path"])
    before = parse_manifest(read_optional(path), str(path))
    pem = read_optional(Path(options["certificate"]))
    if pem is None and module.check_mode:
        return {"changed": True, "manifest": before.as_dict()}
    if pem is None:
        raise TrustAnchorError(f"{options['certificate']} does not exist", "its fingerprint goes into the manifest")
    sha256 = fingerprint(load_certificate(pem, options["certificate"]))
    after = before.with_root(Root(options["name"], sha256, options["initial_state"]))
    if after != before and not module.check_mode:
        replace(path, after.to_yaml())
    return {
        "changed": after != before,
        "manifest": after.as_dict(),
        "diff": edge.diff(before.as_dict(), after.as_dict(), str(path)),
    }


def main() -> None:
    """Entry point."""
    spec = {
        "path": {"type": "path", "required": True},
        "name": {"type": "str", "required": True},
        "certificate": {"type": "path", "required": True},
        "initial_state": {"type": "str", "choices": ["staged", "trusted"], "default": "trusted"},
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
