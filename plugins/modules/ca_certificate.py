#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root or intermediate certificate, signed with a key on a token."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ca_certificate
short_description: Sign a root or intermediate CA certificate with a key on a token
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Builds the certificate from a profile, signs it with a throw-away key, checks it against the project's
    rules, signs it on the token, compares what was signed byte for byte with the rehearsal, verifies the
    signature with the public key that was read before, and writes the certificate once.
  - A certificate that exists and says what the profile says is left alone, without a signature and without a
    PIN. One that says something else is an error. An intermediate whose request has a new key is renewed;
    the old certificate is kept in the directory C(archive) beside it.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.token
options:
  type:
    description: Kind of certificate.
    type: str
    choices: [root, intermediate]
    required: true
  path:
    description: Where the certificate is written, PEM.
    type: path
    required: true
  request:
    description: Path of the intermediate's certificate signing request, PEM. This or O(request_content).
    type: path
  request_content:
    description: The request itself, PEM. So check mode sees one that is not on the ceremony host yet.
    type: str
  issuer:
    description: Certificate of the issuing root, PEM.
    type: path
  profile:
    description:
      - What the certificate says. Unknown keys are refused.
      - For both types C(subject) (RFC 4514, such as V(CN=Example Root R1,O=Example); of an intermediate the
        request's is taken where it is absent), C(days), C(path_length), C(name_constraints) and
        C(unconstrained).
      - C(name_constraints) has C(permitted_dns), C(permitted_ip), C(excluded_dns), C(excluded_ip). Where no
        address range is permitted or excluded, all IP addresses are excluded.
      - Only for a root C(allow_weak_root), which accepts a P-256 key.
      - Only for an intermediate C(crl_urls) and C(issuer_urls), plain http.
    type: dict
    required: true
seealso:
  - module: trustanchor.private_ca.token_key
  - module: trustanchor.private_ca.ca_crl
"""

EXAMPLES = r"""
- name: Sign the root
  trustanchor.private_ca.ca_certificate:
    type: root
    token: {module_path: /usr/lib/x86_64-linux-gnu/libykcs11.so, serial: "11111111"}
    key: {id: "02"}
    path: /var/lib/root-ceremony/roots/r1.crt
    profile:
      subject: CN=Example Root R1,O=Example
      name_constraints:
        permitted_dns: [corp.example]
        permitted_ip: [10.0.0.0/8]

- name: Sign an intermediate
  trustanchor.private_ca.ca_certificate:
    type: intermediate
    token: {module_path: /usr/lib/x86_64-linux-gnu/libykcs11.so, serial: "11111111"}
    key: {id: "02"}
    request: /var/lib/root-ceremony/requests/ca1.csr
    issuer: /var/lib/root-ceremony/roots/r1.crt
    path: /var/lib/root-ceremony/intermediates/ca1.crt
    profile:
      days: 1826
      crl_urls: [http://pki.corp.example/root-r1.crl]
      issuer_urls: [http://pki.corp.example/root-r1.crt]
"""

RETURN = r"""
certificate:
  description: Facts of the certificate; in check mode of the rehearsal.
  returned: when all inputs are there
  type: dict
  sample:
    subject: CN=Example Root R1,O=Example
    issuer: CN=Example Root R1,O=Example
    serial: 3f0a8f2f8d5f7fb2dcd2e35f9fb3f0f5b1a1c7d2
    sha256: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0
    not_before: "2026-11-23T12:00:00+00:00"
    not_after: "2046-11-23T12:00:00+00:00"
    path_length: 1
    permitted: [corp.example, 10.0.0.0/8]
purpose:
  description: What a PIN is needed for.
  returned: success
  type: str
  sample: sign the root certificate 'CN=Example Root R1,O=Example', 7305 days
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
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.act import utc_now
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.files import read_optional
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.issuance import (
        CertificatePlan,
        certificate_facts,
        plan_intermediate,
        plan_root,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.issuing_key import (
        issuing_key,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.requests import load_request
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.keys import parse_key
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.sessions import parse_token
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.signing_keys import signing_key
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import (
        load_certificate,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.profiles import (
        parse_intermediate,
        parse_root,
    )
except ImportError:
    MISSING = ("cryptography and python-pkcs11", traceback.format_exc())


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Sign the certificate unless it is there."""
    options, rehearsal = module.params, module.check_mode
    token, key = parse_token(options["token"]), parse_key(options["key"])
    profile = parse_root(options["profile"]) if options["type"] == "root" else parse_intermediate(options["profile"])
    absent = _absent(options)
    if absent and rehearsal:
        return {"changed": True, "purpose": f"sign {options['path']}", "missing": str(absent)}
    if absent:
        raise absent
    issuer = issuing_key(token, key, rehearsal)
    plan = _plan(options, profile, issuer)
    purpose = f"sign the {plan.draft.what}" if plan.draft else ""
    if plan.changed and not rehearsal:
        pin = required_pin(options["pin"], purpose)
        after = plan.apply(signing_key(token, key, pin, issuer.public))
    else:
        after = plan.rehearse()
    before = certificate_facts(plan.existing) if plan.existing else {}
    facts = certificate_facts(after)
    if plan.changed and rehearsal:
        facts |= {"sha256": "(known once signed)", "serial": "(random)"}
    return {
        "changed": plan.changed,
        "certificate": facts,
        "purpose": purpose,
        "missing": issuer.missing or "",
        "diff": edge.diff(before, facts, options["path"]),
    }


def _request(options: dict[str, Any]) -> bytes:
    if options["request_content"] is not None:
        return str(options["request_content"]).encode()
    return read_optional(Path(options["request"])) or b""


def _absent(options: dict[str, Any]) -> TrustAnchorError | None:
    if options["type"] == "root":
        return None
    if not _request(options):
        return TrustAnchorError(
            f"there is no request for {options['path']}",
            "the intermediate is signed from it",
            "Make it on the CA host and put it into the record",
        )
    if not Path(options["issuer"]).exists():
        return TrustAnchorError(f"the issuer {options['issuer']} does not exist", "it signs the intermediate")
    return None


def _plan(options: dict[str, Any], profile: Any, issuer: Any) -> CertificatePlan:
    path, now = Path(options["path"]), utc_now()
    if options["type"] == "root":
        return plan_root(profile, issuer.public, path, now)
    request = load_request(_request(options), options["request"] or "the request")
    root = load_certificate(read_optional(Path(options["issuer"])) or b"", options["issuer"])
    return plan_intermediate(profile, request, root, issuer.public, path, now)


def main() -> None:
    """Entry point."""
    spec = {
        **token_options(),
        "type": {"type": "str", "choices": ["root", "intermediate"], "required": True},
        "path": {"type": "path", "required": True},
        "request": {"type": "path"},
        "request_content": {"type": "str"},
        "issuer": {"type": "path"},
        "profile": {"type": "dict", "required": True},
    }
    module = AnsibleModule(
        spec,
        supports_check_mode=True,
        mutually_exclusive=[("request", "request_content")],
        required_if=[
            ("type", "intermediate", ("request", "request_content"), True),
            ("type", "intermediate", ("issuer",)),
        ],
    )
    edge.run(module, converge, MISSING)


if __name__ == "__main__":
    main()
