#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root's CRL, signed with a key on a token."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ca_crl
short_description: Sign a root's list of revoked CA certificates with a key on a token
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Signs a CRL when there is none, when a certificate is revoked, or when it is about to expire. Each has
    the next CRL number, the authority key identifier and an issuing distribution point that says that it
    lists CA certificates only.
  - Entries of the present CRL are kept; a revocation is final.
  - The file is DER, the form in which a CRL is published over HTTP (RFC 5280 section 4.2.1.13).
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.token
options:
  path:
    description: The CRL, DER. The one that is there gives the number and the entries.
    type: path
    required: true
  issuer:
    description: Certificate of the root, PEM.
    type: path
    required: true
  profile:
    description: C(days) of validity (at most 365) and C(renew_before_days). Unknown keys are refused.
    type: dict
    default: {}
  revoked:
    description: Certificates to revoke. Each entry has either O(revoked[].certificate) or
      O(revoked[].serial).
    type: list
    elements: dict
    default: []
    suboptions:
      certificate:
        description: The certificate, PEM.
        type: str
      serial:
        description: Its serial number in hexadecimal.
        type: str
      reason:
        description: Reason code (RFC 5280 section 5.3.1).
        type: str
        choices:
          - unspecified
          - key_compromise
          - ca_compromise
          - affiliation_changed
          - superseded
          - cessation_of_operation
          - privilege_withdrawn
        default: unspecified
  directory:
    description: Directory at which relative paths in O(revoked[].certificate) start.
    type: path
    default: .
seealso:
  - module: trustanchor.private_ca.ca_certificate
"""

EXAMPLES = r"""
- name: Revoke an intermediate whose key was stolen
  trustanchor.private_ca.ca_crl:
    token: {module_path: /usr/lib/x86_64-linux-gnu/libykcs11.so, serial: "11111111"}
    key: {id: "02"}
    issuer: /var/lib/root-ceremony/roots/r1.crt
    path: /var/lib/root-ceremony/crls/r1.crl
    profile: {days: 180, renew_before_days: 60}
    revoked:
      - certificate: /var/lib/root-ceremony/intermediates/archive/ca1-0c5c9e4f0d2f6d5d.crt
        reason: ca_compromise
"""

RETURN = r"""
crl:
  description: Facts of the CRL; in check mode of the rehearsal.
  returned: when all inputs are there
  type: dict
  sample:
    issuer: CN=Example Root R1,O=Example
    number: 2
    this_update: "2026-11-23T12:00:00+00:00"
    next_update: "2027-05-22T12:00:00+00:00"
    revoked: ["3f0a8f2f8d5f7fb2dcd2e35f9fb3f0f5b1a1c7d2 ca_compromise 2026-11-23T12:00:00+00:00"]
why:
  description: Why a CRL is signed; empty where none is.
  returned: when all inputs are there
  type: str
  sample: the set of revoked certificates changes
purpose:
  description: What a PIN is needed for.
  returned: success
  type: str
  sample: sign the CRL number 2 of 'CN=Example Root R1,O=Example', 1 revoked, 180 days
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
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.crls import (
        crl_facts,
        parse_revocation,
        plan_crl,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.files import read_optional
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.issuing_key import (
        issuing_key,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.keys import parse_key
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.sessions import parse_token
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.signing_keys import signing_key
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import (
        load_certificate,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.profiles import parse_crl
except ImportError:
    MISSING = ("cryptography and python-pkcs11", traceback.format_exc())

REASONS = [
    "unspecified",
    "key_compromise",
    "ca_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
]


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Sign the CRL where a new one is due."""
    options, rehearsal = module.params, module.check_mode
    token, key, profile = (
        parse_token(options["token"]),
        parse_key(options["key"]),
        parse_crl(options["profile"]),
    )
    pem = read_optional(Path(options["issuer"]))
    if pem is None:
        absent = TrustAnchorError(f"the issuer {options['issuer']} does not exist", "the CRL carries its name")
        if not rehearsal:
            raise absent
        return {"changed": True, "purpose": f"sign {options['path']}", "missing": str(absent)}
    root = load_certificate(pem, options["issuer"])
    revoked = [parse_revocation(entry, root, Path(options["directory"])) for entry in options["revoked"]]
    issuer = issuing_key(token, key, rehearsal)
    plan = plan_crl(profile, root, issuer.public, revoked, Path(options["path"]), utc_now())
    purpose = f"sign the {plan.draft.what}" if plan.draft else ""
    if plan.changed and not rehearsal:
        pin = required_pin(options["pin"], purpose)
        after = plan.apply(signing_key(token, key, pin, issuer.public))
    else:
        after = plan.rehearse()
    facts = crl_facts(after)
    return {
        "changed": plan.changed,
        "crl": facts,
        "why": plan.why,
        "purpose": purpose,
        "missing": issuer.missing or "",
        "diff": edge.diff(crl_facts(plan.existing) if plan.existing else {}, facts, options["path"]),
    }


def main() -> None:
    """Entry point."""
    entry = {
        "certificate": {"type": "str"},
        "serial": {"type": "str"},
        "reason": {"type": "str", "choices": REASONS, "default": "unspecified"},
    }
    spec = {
        **token_options(),
        "path": {"type": "path", "required": True},
        "issuer": {"type": "path", "required": True},
        "profile": {"type": "dict", "default": {}},
        "directory": {"type": "path", "default": "."},
        "revoked": {"type": "list", "elements": "dict", "default": [], "options": entry},
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
