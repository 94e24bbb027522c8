#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ceremonies again, from the public record alone."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ceremony_verify
short_description: Check ceremonies again, from the public record alone
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Needs no token, no secret and no network. Anyone who has the record can do it, at any time.
  - For each ceremony, checks that the transcript is an unbroken chain, closed and sealed by the root that the plan
    names; that people were asked, unless the plan says otherwise, and that as many as it wants confirmed the plan, each
    key and each signature; that keys are attested where the plan wants it; that each file is in the record or its
    archive, has the signature, the bytes and the digest that the transcript tells, and is what the plan says when it is
    built again; that no linter objects; and that the report is the one that the transcript gives.
  - What a linter finds today fails where the same version looked at the ceremony. What another version finds is
    reported.
  - Over all ceremonies, checks that each one stands on the one before, that CRL numbers rise and no revocation was
    dropped, that each file is in its place and no other is there, and that the trust manifest lists the roots.
  - A record alone cannot show that its last ceremony was cut off, or that all of it was exchanged. Give
    O(expected_head) and O(expected_roots), which come from elsewhere, to see that too.
  - Fails with all checks that do not hold.
requirements:
  - cryptography >= 42
  - PyYAML
  - python-pkcs11
  - openssl (the program)
  - pkilint (optional; its rules are checked where it is installed)
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.info
  - trustanchor.private_ca.attributes.pki
options:
  record:
    description: The public record, or one directory below its C(rehearsals).
    type: path
    required: true
  name:
    description: One ceremony. Without it, all that have begun, and the record as a whole.
    type: str
  expected_head:
    description:
      - SHA-256 of the head of the last ceremony, as its printed report has it. With O(expected_roots) it is what the
        record is held against, so keep it elsewhere, on paper or in another repository.
      - Not together with O(name).
    type: str
  expected_roots:
    description:
      - SHA-256 fingerprints of all roots that are not distrusted. The record must have exactly these.
      - Not together with O(name).
    type: list
    elements: str
    default: []
  tokens:
    description:
      - The file C(tokens.yml) of a ceremony host. The attestation files that it pins are those of O(attestation_roots)
        and O(attestation_intermediates) where both are empty.
    type: path
  attestation_roots:
    description:
      - Certificates of the makers of tokens, PEM. Attestations must lead to one of them.
      - Without any, here or in O(tokens), the transcript's word is taken that they did at the ceremony.
    type: list
    elements: dict
    default: []
    suboptions: &file
      file:
        description: Path of the file.
        type: path
        required: true
      sha256:
        description: SHA-256 of the file's bytes, hexadecimal.
        type: str
        required: true
  attestation_intermediates:
    description: Certificates between a token's own and the roots.
    type: list
    elements: dict
    default: []
    suboptions: *file
notes:
  - Runs on the controller; delegate it to localhost.
"""

EXAMPLES = r"""
- name: Check the whole record against what the last report and the printed roots say
  trustanchor.private_ca.ceremony_verify:
    record: pki
    tokens: inventories/example/tokens.yml
    expected_head: 9a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b
    expected_roots:
      - 1f0e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0
  delegate_to: localhost

- name: Check one ceremony, and its attestations up to the maker of the tokens
  trustanchor.private_ca.ceremony_verify:
    record: pki
    name: "0001"
    attestation_roots:
      - file: yubico-piv-ca-1.pem
        sha256: 9a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b
  delegate_to: localhost
"""

RETURN = r"""
checks:
  description: All checks, even after a failure.
  returned: success
  type: list
  elements: dict
  contains:
    ceremony:
      description: Name of the ceremony, empty for a check of the whole record.
      type: str
    check:
      description: What was checked.
      type: str
    ok:
      description: Whether it holds.
      type: bool
    detail:
      description: What is wrong, or worth knowing. Empty where nothing is.
      type: str
  sample:
    - ceremony: "0001"
      check: the seal holds
      ok: true
      detail: ""
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError

MISSING = None
try:
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.attestation import AttestationFiles
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify import verification
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.history import parse_anchors
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import read
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import PinnedFile, parse_tokens
except ImportError:
    MISSING = ("cryptography, PyYAML and python-pkcs11", traceback.format_exc())


def attestation_files(options: dict[str, Any]) -> Any:
    """What the operator pinned, here or in tokens.yml; None where there are no roots."""
    given = [
        [(PinnedFile(one["file"], one["sha256"].lower()), Path()) for one in options[name]]
        for name in ("attestation_roots", "attestation_intermediates")
    ]
    if not any(given) and options["tokens"]:
        given = files_of_tokens(Path(options["tokens"]))
    roots, intermediates = (tuple(file.read(directory) for file, directory in files) for files in given)
    return AttestationFiles(roots, intermediates) if roots else None


def files_of_tokens(path: Any) -> Any:
    """The attestation files of tokens.yml, which are relative to it."""
    data = read(path)
    if data is None:
        raise TrustAnchorError(f"{path} does not exist", "attestation files are pinned in it", "Leave out tokens")
    tokens = parse_tokens(data, str(path), path.parent)
    files = (tokens.attestation_roots, tokens.attestation_intermediates)
    return [[(file, path.parent) for file in several] for several in files]


def look(module: AnsibleModule) -> dict[str, Any]:
    """Run all checks."""
    options = module.params
    checks = verification.verify(
        Path(options["record"]),
        options["name"] or "",
        attestation_files(options),
        parse_anchors(options["expected_head"] or "", options["expected_roots"]),
    )
    found = [check.as_dict() for check in checks]
    failed = [check for check in checks if not check.ok]
    if failed:
        problems = "; ".join(f"{one.ceremony or 'record'}: {one.check}: {one.detail}" for one in failed)
        return {"failed": True, "msg": f"{len(failed)} of {len(checks)} checks failed. {problems}", "checks": found}
    return {"changed": False, "checks": found}


def main() -> None:
    """Entry point."""
    files = {"file": {"type": "path", "required": True}, "sha256": {"type": "str", "required": True}}
    many = {"type": "list", "elements": "dict", "default": [], "options": files}
    spec = {
        "record": {"type": "path", "required": True},
        "name": {"type": "str"},
        "expected_head": {"type": "str"},
        "expected_roots": {"type": "list", "elements": "str", "default": []},
        "tokens": {"type": "path"},
        "attestation_roots": many,
        "attestation_intermediates": many,
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), look, MISSING)


if __name__ == "__main__":
    main()
