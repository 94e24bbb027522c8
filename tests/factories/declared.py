# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An estate that declares roots and what they sign, and a record in which plans are performed with keys in memory."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.linting import Lint
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan import planning
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.declaration import parse_declaration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.model import Plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.preview import Preview
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind, Transcript
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factories.pki import profiled as make

NOW = dt.datetime(2026, 11, 24, 6, 25, 7, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
NAMES = {"permitted_dns": ["corp.example"], "permitted_ip": ["10.0.0.0/8"]}
PEOPLE = [{"name": "Ada Lovelace", "role": "operator"}, {"name": "Grace Hopper", "role": "witness"}]


def options(**changes: Any) -> dict[str, Any]:
    """A declaration as the module gives it: what is not set is None."""
    unset = dict.fromkeys(("algorithm", "origin", "pin_policy", "touch_policy", "unconstrained", "allow_weak_root"))
    root = {**unset, "standby": False, "days": None, "path_length": None, "name_constraints": NAMES, "tokens": None}
    return {
        "roots": [
            {**root, "name": "r1", "subject": "CN=Test Root R1", "token": "primary", "path_length": 2},
            {**root, "name": "s1", "subject": "CN=Test Root S1", "token": "standby", "standby": True},
        ],
        "intermediates": [{"name": "ca1", "issuer": None, "subject": None, "days": None, "name_constraints": {}}],
        "manifest_signers": [{"name": "m1", "issuer": "r1", "days": 365}],
        "cross": [{"standby": "s1", "primary": "r1", "days": None}],
        "revoked": [],
        "people": PEOPLE,
        "publication_url": "http://pki.corp.example/",
        "crl_days": 365,
        "crl_renew_before_days": 60,
        "title": "",
        **changes,
    }


class Estate:
    """A record, and in place of the machine that performs plans."""

    def __init__(self, record: Path) -> None:
        self.record = record
        self.options = options()
        self.keys = {"r1": make.new_key(), "s1": make.new_key()}
        self.request("ca1", "CN=Test Intermediate CA1")
        self.request("m1", "CN=Test Manifest Signer M1")

    def write(self, name: str, data: bytes) -> None:
        (self.record / name).parent.mkdir(parents=True, exist_ok=True)
        (self.record / name).write_bytes(data)

    def request(self, name: str, subject: str) -> None:
        self.write(f"requests/{name}.csr", make.request(make.new_key(), subject).public_bytes(Encoding.PEM))

    def plan(self, now: dt.datetime = NOW) -> planning.Planned:
        return planning.plan_next(parse_declaration(self.options), self.record, now, Lint.choose(False))

    def planned(self, now: dt.datetime = NOW) -> Plan:
        """The plan, written."""
        found = self.plan(now)
        assert found.state == planning.DRAFTED
        found.apply()
        assert found.path is not None
        assert found.plan is not None
        assert found.path.read_bytes() == found.plan.text
        return found.plan

    def perform(self, plan: Plan, close: bool = True) -> None:
        """Sign what a plan says, with keys in memory."""
        preview = _WithKeys(self)
        transcript = Transcript.open(self.record / "ceremonies" / plan.name / "transcript.jsonl")
        transcript.append(EventKind.OPENED)
        for act in plan.signing_acts:
            output = act.output(preview)
            output.write(output.draft(x509.random_serial_number()).sign(self.keys[act.signer]))
        if close:
            transcript.append(EventKind.CLOSED, outputs=[], signatures=len(plan.acts))


class _WithKeys(Preview):
    """A preview that knows the keys of roots that are not made yet."""

    def __init__(self, estate: Estate) -> None:
        super().__init__(estate.record, Lint.choose(False))
        self.keys = estate.keys

    def root_key(self, name: str) -> Any:
        """As the token would have it."""
        return self.keys[name].public_key()
