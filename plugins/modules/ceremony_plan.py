#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of the next ceremony."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ceremony_plan
short_description: Draft the plan of the next root ceremony
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Compares what is declared with what the public record has, and drafts the plan of a ceremony for what is
    missing or no longer right, V(ceremonies/NAME/ceremony.yml) in the record. Where nothing is to be done, no plan
    is drafted.
  - Everything that the plan would sign is built and checked against all rules with ephemeral keys, so that a
    mistake is found when the plan is drafted and not on the day.
  - A plan is drafted again, in its place, when its content no longer fits or its window has ended, as long as no
    ceremony has begun with it. A ceremony that has begun and is not closed is left alone, and nothing new is
    planned until it is.
  - Plans that are named by number belong to this module. A plan that was written by hand has another name and is
    never touched.
requirements:
  - cryptography >= 42
  - PyYAML
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.ceremony_declaration
options:
  record:
    description: The public record, a directory on the controller.
    type: path
    required: true
  people:
    description: Who takes part, at least one operator and one witness.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Full name.
        type: str
        required: true
      role:
        description: Role.
        type: str
        choices: [operator, witness]
        required: true
  unattended:
    description: Let the plan say that the ceremony may be held without asking its people. For labs and tests.
    type: bool
    default: false
  quorum:
    description: How many of them must confirm each signature, an operator and a witness among them; V(0) for all.
    type: int
    default: 0
  publication_url:
    description:
      - Where roots and CRLs are published, plain http. Certificates point to C(URL/root-ISSUER.crl) and
        C(URL/root-ISSUER.crt). Required where there are intermediates or cross-certificates.
    type: str
    default: ""
  sealed_by:
    description: Name of the root whose key seals the transcript; by default the first root.
    type: str
  title:
    description: Title of the ceremony, one line.
    type: str
    default: ""
  window_start:
    description:
      - When the ceremony may begin, such as V(2026-11-24T06:00:00Z). Certificates are valid from then on, unless they
        say something else. By default the hour that has begun.
    type: str
    default: ""
  window_hours:
    description: Length of the window in which the ceremony is held. It begins with the hour that has begun.
    type: int
    default: 24
notes:
  - Runs on the controller; delegate it to localhost.
seealso:
  - module: trustanchor.private_ca.ceremony
  - module: trustanchor.private_ca.ceremony_verify
"""

EXAMPLES = r"""
- name: Plan the next ceremony
  trustanchor.private_ca.ceremony_plan:
    record: pki
    roots:
      - name: r1
        subject: CN=Example Root R1,O=Example
        token: primary
        name_constraints: {permitted_dns: [corp.example], permitted_ip: [10.0.0.0/8]}
      - name: s1
        standby: true
        subject: CN=Example Root S1,O=Example
        token: standby
        name_constraints: {permitted_dns: [corp.example], permitted_ip: [10.0.0.0/8]}
    intermediates:
      - {name: ca1}
    people:
      - {name: Ada Lovelace, role: operator}
      - {name: Grace Hopper, role: witness}
    publication_url: http://pki.corp.example
  delegate_to: localhost
"""

RETURN = r"""
state:
  description:
    - V(drafted) a plan was (or would be) written; V(unchanged) the draft that is there fits; V(removed) the draft
      that was there is of no use any more; V(under_way) a ceremony has begun and is not closed; V(nothing) all is
      as declared.
  returned: success
  type: str
  sample: drafted
plan:
  description: Path of the plan, empty where there is none.
  returned: success
  type: str
  sample: pki/ceremonies/0001/ceremony.yml
name:
  description: Name of the ceremony, empty where there is none.
  returned: success
  type: str
  sample: "0001"
sha256:
  description: SHA-256 of the plan's file, hex.
  returned: success
  type: str
  sample: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0
words:
  description: The SHA-256 as PGP words, four bytes a line with their hex digits.
  returned: success
  type: list
  elements: str
  sample: [0c 5c 9e 4f   ancient finicky quota escapade]
acts:
  description: What the plan says, in words.
  returned: success
  type: list
  elements: str
  sample: ["make the root 'r1': CN=Example Root R1,O=Example, 7305 days"]
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge

MISSING = None
try:
    from pathlib import Path

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.linting import Lint
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan import planning
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.declaration import (
        parse_declaration,
    )
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.times import utc_now
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.words import fingerprint_lines
except ImportError:
    MISSING = ("cryptography and PyYAML", traceback.format_exc())


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Draft the plan unless there is one that fits."""
    record = Path(module.params["record"])
    declared = parse_declaration({name: value for name, value in module.params.items() if name != "record"})
    planned = planning.plan_next(declared, record, utc_now(), Lint.choose(False))
    if not module.check_mode:
        planned.apply()
    there = planned.plan if planned.state != planning.REMOVED else None
    return {
        "changed": planned.changed,
        "state": planned.state,
        "plan": str(planned.path) if there else "",
        "name": there.name if there else "",
        "sha256": there.sha256 if there else "",
        "words": fingerprint_lines(there.sha256) if there else [],
        "acts": [act.what for act in there.acts] if there else [],
        "diff": edge.diff(planned.before, planned.after, str(planned.path or record)),
    }


def _text(**more: Any) -> dict[str, Any]:
    return {"type": "str", **more}


def _entries(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "options": options, **more}


def _specification() -> dict[str, Any]:
    name, flag = _text(required=True), {"type": "bool", "default": False}
    reasons = ["unspecified", "key_compromise", "ca_compromise", "affiliation_changed", "superseded"]
    reasons += ["cessation_of_operation", "privilege_withdrawn"]
    purposes = [
        "server_auth",
        "client_auth",
        "email_protection",
        "code_signing",
        "time_stamping",
        "ocsp_signing",
        "any",
    ]
    requested = {"name": name, "issuer": _text(), "request": _text(), "subject": _text()}
    root = {
        "name": name,
        "standby": flag,
        "subject": _text(required=True),
        "token": _text(no_log=False),
        "tokens": {"type": "list", "elements": "str", "no_log": False},
        "algorithm": _text(choices=["ec-p384", "ec-p256", "rsa-3072", "rsa-4096"], default="ec-p384"),
        "origin": _text(choices=["generated", "imported"], default="generated"),
        "pin_policy": _text(choices=["always", "once"], default="always"),
        "touch_policy": _text(choices=["always", "cached", "never"], default="always"),
        "attested": {"type": "bool"},
        "pin_holders": {"type": "list", "elements": "str"},
        "days": {"type": "int", "default": 7305},
        "path_length": {"type": "int", "default": 1},
        "name_constraints": {"type": "dict"},
        "unconstrained": flag,
        "allow_weak_root": flag,
    }
    intermediate = {
        **requested,
        "days": {"type": "int", "default": 1826},
        "name_constraints": {"type": "dict"},
        "unconstrained": flag,
        "extended_key_usage": {"type": "list", "elements": "str", "choices": purposes},
    }
    revoked = {
        "issuer": _text(),
        "certificate": _text(),
        "serial": _text(),
        "reason": _text(choices=reasons, default="unspecified"),
    }
    exclusive, one_of = [("token", "tokens")], [("token", "tokens")]
    return {
        "record": {"type": "path", "required": True},
        "roots": _entries(root, required=True, mutually_exclusive=exclusive, required_one_of=one_of),
        "intermediates": _entries(intermediate, default=[]),
        "manifest_signers": _entries({**requested, "days": {"type": "int", "default": 365}}, default=[]),
        "cross": _entries({"standby": name, "primary": name, "days": {"type": "int", "default": 1826}}, default=[]),
        "crl_days": {"type": "int", "default": 365},
        "crl_renew_before_days": {"type": "int", "default": 60},
        "revoked": _entries(revoked, default=[]),
        "people": _entries(
            {"name": name, "role": _text(choices=["operator", "witness"], required=True)}, required=True
        ),
        "unattended": flag,
        "quorum": {"type": "int", "default": 0},
        "publication_url": _text(default=""),
        "sealed_by": _text(),
        "title": _text(default=""),
        "window_start": _text(default=""),
        "window_hours": {"type": "int", "default": 24},
    }


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(_specification(), supports_check_mode=True), converge, MISSING)


if __name__ == "__main__":
    main()
