# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ceremony machine in a directory: software tokens, requests, a plan, and runs that may be cut short."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts.registry import parse_act
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import dump
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session import runner, setup
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session.context import CeremonyContext
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session.steps import Status
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from cryptography.hazmat.primitives.serialization import Encoding

from factories import plans as plan_factory
from factories.pki import profiled
from factories.softhsm import PIN

PEOPLE = [
    {"name": "Ada Lovelace", "role": "operator", "how": "test"},
    {"name": "Grace Hopper", "role": "witness", "how": "test"},
]
SUBJECTS = {act["name"]: act["subject"] for act in plan_factory.FULL["acts"] if "request_sha256" in act}
TOKENS = {name: {"kind": "softhsm", "label": name, "id": "02"} for name in ("primary", "standby")}
PINS = {"primary": PIN, "standby": PIN}


class CeremonyHost:
    """One machine.

    Args:
        home: its working directory.
        acts: ids of the acts of the full plan that the plan has; default all.
    """

    def __init__(self, home: Path, acts: Iterable[str] = ()) -> None:
        self.home = home
        self.plan = plan_factory.full()
        self.plan["unattended"] = True
        for key in self.plan["keys"].values():
            key["attested"] = False
        self.set_window(times.utc_now() - dt.timedelta(hours=1))
        self.tokens: dict[str, Any] = dict(TOKENS)
        self.pins = dict(PINS)
        self.rehearsal = self.abandon = False
        self.clock: dt.datetime | None = None
        self.keys = {name: self.request(name, subject) for name, subject in SUBJECTS.items()}
        if acts:
            self.keep(*acts)

    def save(self) -> None:
        """Keep the plan, for another process."""
        (self.home / "ceremony.yml").write_bytes(dump(self.plan))

    @classmethod
    def load(cls, home: Path) -> CeremonyHost:
        """The machine whose plan was kept."""
        host = cls.__new__(cls)
        host.home, host.rehearsal, host.abandon, host.clock = home, False, False, None
        host.plan = yaml.safe_load((home / "ceremony.yml").read_bytes())
        host.tokens, host.pins = dict(TOKENS), dict(PINS)
        return host

    def set_window(self, start: dt.datetime, hours: int = 24) -> None:
        """When the ceremony may be held."""
        end = start + dt.timedelta(hours=hours)
        self.plan["window"] = {"start": times.render(start), "end": times.render(end)}

    def keep(self, *ids: str) -> None:
        """Leave only these acts in the plan, and the keys that they need."""
        kept = [act for act in self.plan["acts"] if parse_act(act, plan_factory.START).id in ids]
        self.plan["acts"] = kept
        signing = [parse_act(act, plan_factory.START).signing for act in kept]
        names = {name for act in signing if act is not None for name in act.needs} | {"r1"}
        self.plan["keys"] = {name: key for name, key in self.plan["keys"].items() if name in names}

    def act(self, kind: str, index: int = 0) -> dict[str, Any]:
        """One act of the plan, to be changed."""
        acts: list[dict[str, Any]] = [act for act in self.plan["acts"] if act["act"] == kind]
        return acts[index]

    def request(self, name: str, subject: str, key: Any = None, *extensions: Any) -> Any:
        """Make a request and have the plan name it; its key."""
        key = key or profiled.new_key()
        self.put_request(name, profiled.request(key, subject, *extensions).public_bytes(Encoding.PEM))
        return key

    def put_request(self, name: str, pem: bytes) -> None:
        """Put a request into the record and its digest into the plan."""
        path = self.home / "requests" / f"{name}.csr"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pem)
        for act in self.plan["acts"]:
            if act.get("name") == name and "request_sha256" in act:
                act["request_sha256"] = hashlib.sha256(pem).hexdigest()

    @property
    def ceremony_directory(self) -> Path:
        """The files of the ceremony itself."""
        return self.outputs / "ceremonies" / str(self.plan["name"])

    @property
    def outputs(self) -> Path:
        """Where what is signed goes."""
        return self.context().directory

    def material(self) -> setup.Material:
        """What the action would hand over."""
        tokens = yaml.safe_dump({"version": 1, "tokens": self.tokens}).encode()
        return setup.Material(dump(self.plan), tokens, {}, self.home, self.rehearsal, self.abandon)

    def context(self) -> CeremonyContext:
        """The context as a new process would have it."""
        context = setup.ceremony_context(self.material(), self.pins, {})
        if self.clock is not None:
            context.now = self.clock
        return context

    def state(self) -> dict[str, Any]:
        """What check mode tells."""
        return setup.state(setup.ceremony_context(self.material(), {}, {}))

    def hold(self, confirmed: str | None = None) -> list[Status]:
        """Hold the ceremony in one run without people."""
        context = self.context()
        given = {"run": secrets.token_hex(4), "plan": self.material().plan.decode(), "confirmed_by": PEOPLE}
        run = setup.parse_run(given, context.plan.sha256 if confirmed is None else confirmed, self.rehearsal)
        orders = [{"step": step.id, "digest": "", "confirmed_by": PEOPLE} for step in runner.steps_of(context)]
        runner.perform(context, run, setup.parse_orders(orders))
        return runner.survey(context)

    def take(self, run: str, orders: Iterable[Mapping[str, Any]], attended: bool = True) -> dict[str, Any]:
        """One call of a run, by default with people; how the ceremony stands then."""
        context = self.context()
        confirmed = "" if attended else context.plan.sha256
        given = {"run": run, "plan": self.material().plan.decode(), "confirmed_by": PEOPLE}
        runner.perform(context, setup.parse_run(given, confirmed, self.rehearsal), setup.parse_orders(list(orders)))
        return setup.state(context)


def events(host: CeremonyHost) -> list[str]:
    """The transcript's events, none where there is no transcript."""
    path = host.ceremony_directory / "transcript.jsonl"
    return [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.exists() else []


def refused(host: CeremonyHost, message: str) -> None:
    """Check mode refuses, and so does the ceremony, before it opens its transcript or a token."""
    with pytest.raises(TrustAnchorError, match=message):
        host.state()
    with pytest.raises(TrustAnchorError, match=message):
        host.hold()
    assert events(host) == []
    assert not (host.home / "softhsm").exists()
    assert not (host.home / "roots").exists()
