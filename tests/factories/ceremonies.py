# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole ceremonies in a record, held by code with keys in memory, for the tests of what checks them."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import report
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.linting import Lint
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import (
    parse_plan,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.model import Plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.seal import seal
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session.context import CeremonyContext
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session.previous import previous
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind, Transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.journal.chain import head
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import parse_manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import spki_sha256
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.signatures import tbs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from factories.pki import profiled as make

KEYS = {"r1": make.new_key(), "s1": make.new_key()}
CA_KEY, NEXT_CA_KEY, SIGNER_KEY = (make.new_key() for _index in range(3))
PEOPLE = [{"name": "Ada Lovelace", "role": "operator"}, {"name": "Grace Hopper", "role": "witness"}]
NAMES = {"permitted_dns": ["corp.example"]}
URLS = {"crl_urls": ["http://pki.corp.example/root-r1.crl"], "issuer_urls": ["http://pki.corp.example/root-r1.crt"]}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def request(record: Path, name: str, key: ec.EllipticCurvePrivateKey, subject: str) -> str:
    """Put a request into the record; its SHA-256."""
    pem: bytes = make.request(key, subject).public_bytes(Encoding.PEM)
    (record / "requests").mkdir(parents=True, exist_ok=True)
    (record / "requests" / f"{name}.csr").write_bytes(pem)
    return sha256(pem)


def plan_of(name: str, day: int, acts: list[dict[str, Any]], roots: dict[str, Any] | None = None) -> bytes:
    """A plan's text."""
    policies = {"pin_policy": "always", "touch_policy": "always", "attested": False}
    key = {"algorithm": "ec-p384", "origin": "generated", **policies}
    data = {
        "version": 1,
        "name": name,
        "window": {"start": f"2026-11-{day:02}T06:00:00Z", "end": f"2026-11-{day + 1:02}T06:00:00Z"},
        "people": PEOPLE,
        "sealed_by": "r1",
        "keys": {name: {"tokens": [f"token-{name}"], **key} for name in (roots or ("r1", "s1"))},
        "roots": roots or {},
        "acts": acts,
    }
    return json.dumps(data, indent=1).encode()  # JSON is YAML, and knows no aliases


def first_plan(record: Path) -> bytes:
    """Two roots, cross-certificate, intermediate, manifest signer, both CRLs."""
    root = {"act": "root", "days": 7305, "name_constraints": NAMES}
    ca = {"act": "intermediate", "name": "ca1", "issuer": "r1", "subject": "CN=CA 1", "days": 1000, **URLS}
    digest = request(record, "m1", SIGNER_KEY, "CN=Signer")
    signer = {"act": "manifest_signer", "name": "m1", "issuer": "r1", "subject": "CN=Signer", "days": 365}
    acts: list[dict[str, Any]] = [
        {"act": "inspect", "token": "token-r1"},
        {**root, "name": "r1", "subject": "CN=Root R1", "path_length": 2},
        {**root, "name": "s1", "standby": True, "subject": "CN=Root S1"},
        {"act": "cross", "standby": "s1", "primary": "r1", "days": 1000, **URLS},
        {**ca, "request_sha256": request(record, "ca1", CA_KEY, "CN=CA 1")},
        {**signer, "request_sha256": digest},
        {"act": "crl", "issuer": "r1", "number": 1, "days": 365},
        {"act": "crl", "issuer": "s1", "number": 1, "days": 365},
    ]
    return plan_of("0001", 10, acts)


def second_plan(record: Path, number: int = 2) -> bytes:
    """The intermediate revoked, by its path."""
    revoked = [{"certificate": "intermediates/ca1.crt", "reason": "superseded"}]
    act = {"act": "crl", "issuer": "r1", "number": number, "days": 365, "revoked": revoked}
    return plan_of("0002", 20, [act], known(record))


def third_plan(record: Path) -> bytes:
    """The intermediate renewed, so that the revoked one is in the archive only."""
    digest = request(record, "ca1", NEXT_CA_KEY, "CN=CA 1")
    ca = {"act": "intermediate", "name": "ca1", "issuer": "r1", "subject": "CN=CA 1", "days": 1000, **URLS}
    return plan_of("0003", 22, [{**ca, "request_sha256": digest}], known(record))


def known(record: Path) -> dict[str, Any]:
    """The primary root, as a later plan pins it."""
    return {"r1": {"sha256": root_sha256(record, "r1"), "standby": False}}


def root_sha256(record: Path, name: str) -> str:
    """Fingerprint of a root of the record."""
    pem = (record / "roots" / f"{name}.crt").read_bytes()
    return sha256(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))


def list_roots(record: Path) -> None:
    """Put the roots of the record into its trust manifest."""
    path = record / "trust.yml"
    manifest = parse_manifest(path.read_bytes() if path.exists() else None, "trust.yml")
    names = sorted(root.stem for root in (record / "roots").glob("*.crt"))
    roots = [Root(name, root_sha256(record, name), standby=name == "s1") for name in names]
    path.write_bytes(manifest.with_roots(roots).to_yaml())


class Ceremony:
    """Holds a ceremony step by step, so that a test can do one of them otherwise."""

    def __init__(self, record: Path, text: bytes) -> None:
        self.plan: Plan = parse_plan(text, "ceremony.yml")
        self.directory = record / "ceremonies" / self.plan.name
        self.directory.mkdir(parents=True)
        (self.directory / "ceremony.yml").write_bytes(text)
        self.now = self.plan.window.start + dt.timedelta(hours=1)
        self.log = Transcript.open(self.directory / "transcript.jsonl", lambda: self.now)
        nowhere: Any = None
        self.context = CeremonyContext(self.plan, nowhere, record, record, self.log, Lint(None), self.now)
        self.by = [{"name": one.name, "role": one.role, "how": "typed"} for one in self.plan.people]

    def begin(self) -> None:
        people = [dataclasses.asdict(person) for person in self.plan.people]
        self.log.append(
            EventKind.OPENED,
            ceremony=self.plan.name,
            plan_sha256=self.plan.sha256,
            people=people,
            previous=previous(self.directory),
            unattended=False,
            software={},
        )
        self.log.append(EventKind.PLAN_CONFIRMED, plan_sha256=self.plan.sha256, by=self.by)
        for key in self.plan.keys.values():
            public = KEYS[key.name].public_key()
            policies = {name: getattr(key, name) for name in ("origin", "algorithm", "pin_policy", "touch_policy")}
            made = self.plan.made_root(key.name) is not None
            if made:
                asked = {"key": key.name, **policies}
                digest = sha256(json.dumps(asked, sort_keys=True).encode())
                self.log.append(EventKind.CONFIRMED, act=f"key:{key.name}", digest=digest, asked=asked, by=self.by)
            self.log.append(
                EventKind.KEY,
                act=f"key:{key.name}",
                key=key.name,
                serials=["11111111"],
                made=made,
                attestation=None,
                public_key=base64.b64encode(
                    public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                ).decode(),
                public_key_sha256=spki_sha256(public),
                **policies,
            )

    def sign(self, act: Any) -> None:
        output = self.context.output(act)
        serial = x509.random_serial_number()
        draft = output.draft(serial)
        digest = draft.tbs_sha256()
        facts = output.form.facts(draft.sign_ephemeral())
        self.log.append(
            EventKind.DRAFT,
            act=act.id,
            what=output.what,
            serial=f"{serial:x}",
            tbs_sha256=digest,
            facts=facts,
            lint=self.context.lint.linters(),
        )
        self.log.append(EventKind.CONFIRMED, act=act.id, tbs_sha256=digest, by=self.by)
        signed = draft.sign(KEYS[act.signer])
        der = base64.b64encode(output.form.der(signed)).decode()
        self.log.append(EventKind.SIGNED, act=act.id, tbs_sha256=sha256(tbs(signed)), der=der, token_serial="11111111")
        output.write(signed)
        data = (self.context.directory / output.path).read_bytes()
        self.log.append(
            EventKind.WRITTEN, act=act.id, path=output.path, sha256=sha256(data), facts=output.form.facts(signed)
        )

    def perform(self, act: Any) -> None:
        if act.signing is None:
            self.log.append(EventKind.INSPECTED, act=act.id, facts={})
        else:
            self.sign(act)

    def close(self) -> None:
        self.log.append(EventKind.CONFIRMED, act="seal", digest=head(self.log.events), by=self.by)
        closing = report.closing_of(self.log.events, abandoned=False)
        reports = {
            "report.md": report.markdown(self.log.events, self.plan, closing),
            "report.html": report.html(self.log.events, self.plan, closing),
        }
        for name, text in reports.items():
            (self.directory / name).write_text(text)
        digests = {name: sha256(text.encode()) for name, text in reports.items()}
        self.log.append(EventKind.CLOSED, **closing, reports=digests)
        self.seal()
        list_roots(self.context.directory)

    def seal(self) -> None:
        data = self.log.path.read_bytes()
        (self.directory / "transcript.p7s").write_bytes(seal(data, self.context.root("r1"), KEYS["r1"]))

    def hold(self) -> Ceremony:
        self.begin()
        for act in self.plan.acts:
            self.perform(act)
        self.close()
        return self


def hold_all(record: Path) -> None:
    """A first ceremony, one that revokes, and one that renews."""
    for plan in (first_plan, second_plan, third_plan):
        Ceremony(record, plan(record)).hold()
