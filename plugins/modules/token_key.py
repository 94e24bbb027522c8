#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key pair on a PKCS#11 token."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: token_key
short_description: Generate a CA's key pair on a PKCS#11 token
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Generates a key pair on the token unless the key is there. The private key is sensitive, cannot be
    extracted, and wants the PIN for each signature.
  - An occupied slot is never overwritten, and a key of another algorithm is an error.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.token
options:
  algorithm:
    description: Algorithm of a new key.
    type: str
    choices: [ec-p384, ec-p256, rsa-3072, rsa-4096]
    default: ec-p384
seealso:
  - module: trustanchor.private_ca.ca_certificate
"""

EXAMPLES = r"""
- name: Make the root's key
  trustanchor.private_ca.token_key:
    token:
      module_path: /usr/lib/x86_64-linux-gnu/libykcs11.so
      serial: "11111111"
    key:
      id: "02"
      label: root-r1
    algorithm: ec-p384
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
  sample: generate the ec-p384 key with id 02 on the token with serial 11111111
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
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.options import (
    required_pin,
    token_options,
)

MISSING = None
try:
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.keys import (
        algorithm_of,
        generate,
        parse_key,
        public_key,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.sessions import (
        TokenAbsent,
        parse_token,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import spki_sha256
except ImportError:
    MISSING = ("cryptography and python-pkcs11", traceback.format_exc())


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Generate the key unless it is there."""
    options = module.params
    token, key, algorithm = parse_token(options["token"]), parse_key(options["key"]), options["algorithm"]
    missing, found = "", None
    try:
        found = public_key(token, key)
    except TokenAbsent as error:
        if not module.check_mode:
            raise
        missing = str(error)
    before = _facts(found)
    purpose = f"generate the {algorithm} {key} on the {token}"
    changed = found is None
    if found is not None:
        _require(found, algorithm, f"the {key} on the {token}")
    elif not module.check_mode:
        found = generate(token, key, algorithm, required_pin(options["pin"], purpose))
    return {
        "changed": changed,
        "public_key_sha256": spki_sha256(found) if found else "",
        "purpose": purpose,
        "missing": missing,
        "diff": edge.diff(before, _facts(found) or {"algorithm": algorithm}, "key on the token"),
    }


def _facts(key: Any) -> dict[str, str]:
    return {"algorithm": algorithm_of(key), "public_key_sha256": spki_sha256(key)} if key else {}


def _require(key: Any, algorithm: str, name: str) -> None:
    if algorithm_of(key) != algorithm:
        raise TrustAnchorError(
            f"{name} is {algorithm_of(key)}, asked is {algorithm}",
            "a key that exists is never replaced",
            "Choose another id for a new key",
        )


def main() -> None:
    """Entry point."""
    choices = ["ec-p384", "ec-p256", "rsa-3072", "rsa-4096"]
    spec = {**token_options(), "algorithm": {"type": "str", "choices": choices, "default": "ec-p384"}}
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
