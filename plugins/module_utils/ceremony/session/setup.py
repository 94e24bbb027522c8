# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was handed in to a ceremony's context, and from there to what is handed back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import TrustAnchorError
from ...host.files import sha256
from ...schema import check_keys
from ...text import times
from ...text.words import words
from ...token.devices import PinnedFile, parse_tokens
from ...token.provision import Credentials
from ..attestation import AttestationFiles
from ..linting import Lint
from ..plan.document import parse_plan
from ..plan.model import Plan
from ..rehearsal import MARK, rehearsal_directory, rehearsal_plan
from ..transcript import EventKind, Transcript
from .context import CeremonyContext
from .rehearsal_tokens import rehearsal_tokens
from .runner import Order, Run, is_over, survey
from .steps import Confirmation, Consent


@dataclass(frozen=True)
class Material:
    """What a ceremony is held with.

    Args:
        plan: content of ceremony.yml.
        tokens: content of tokens.yml.
        attestation_files: content of the pinned files by name.
        directory: working directory of this machine.
        rehearsal: on software tokens.
        abandon: close the transcript as it is.
    """

    plan: bytes
    tokens: bytes
    attestation_files: Mapping[str, str]
    directory: Path
    rehearsal: bool
    abandon: bool = False


def ceremony_context(
    material: Material, pins: Mapping[str, str], management_keys: Mapping[str, str]
) -> CeremonyContext:
    """The context for a plan.

    Args:
        material: what it is held with.
        pins: by token name.
        management_keys: by token name, hexadecimal.

    Raises:
        TrustAnchorError: plan or tokens are refused, an input is absent, or the transcript is broken.
    """
    plan = parse_plan(material.plan, "ceremony.yml")
    home = material.directory
    tokens = parse_tokens(material.tokens, "tokens.yml", home / "softhsm")
    files = AttestationFiles(
        tuple(_pinned(material, one) for one in tokens.attestation_roots),
        tuple(_pinned(material, one) for one in tokens.attestation_intermediates),
    )
    performed: Plan = plan
    if material.rehearsal:
        home = rehearsal_directory(material.directory, plan)
        performed = rehearsal_plan(plan, material.directory)
        tokens = rehearsal_tokens(plan, tokens, home)
    names = {*pins, *management_keys}
    return CeremonyContext(
        plan=performed,
        tokens=tokens,
        directory=home,
        inputs=material.directory,
        transcript=Transcript.open(home / "ceremonies" / plan.name / "transcript.jsonl"),
        lint=Lint.choose(plan.pkilint),
        now=times.utc_now(),
        mark=MARK if material.rehearsal else "",
        attestation=files,
        abandon=material.abandon,
        tokens_sha256=sha256(material.tokens),
        secrets={name: Credentials(_text(pins.get(name)), _text(management_keys.get(name))) for name in names},
    )


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _pinned(material: Material, pinned: PinnedFile) -> bytes:
    content = material.attestation_files.get(pinned.file)
    data = (content or "").encode()
    if content is None or sha256(data) != pinned.sha256:
        raise TrustAnchorError(
            f"the attestation file {pinned.file} is absent or not the one that tokens.yml pins",
            f"its SHA-256 must be {pinned.sha256}",
            "Get the file from its publisher again and compare",
        )
    return data


def parse_run(given: Mapping[str, Any], confirmed_plan: str, rehearsal: bool) -> Run:
    """The run that the action describes.

    Args:
        given: ``run``, ``plan_sha256`` and ``confirmed_by``.
        confirmed_plan: digest that was confirmed beforehand; empty where people are asked.
        rehearsal: on software tokens.
    """
    digest = confirmed_plan or sha256(str(given["plan"]).encode())
    consent = Consent(digest.lower(), _confirmations(given["confirmed_by"]))
    return Run(str(given["run"]), rehearsal, bool(confirmed_plan), consent)


def parse_orders(given: Sequence[Mapping[str, Any]]) -> list[Order]:
    """The steps to take.

    Raises:
        TrustAnchorError: not in the form that the action gives.
    """
    found = []
    for entry in given:
        data = check_keys(entry, ("step", "digest", "confirmed_by"), "order")
        found.append(Order(str(data["step"]), Consent(str(data["digest"]), _confirmations(data["confirmed_by"]))))
    return found


def _confirmations(given: Sequence[Mapping[str, Any]]) -> tuple[Confirmation, ...]:
    return tuple(Confirmation(str(one["name"]), str(one["role"]), str(one["how"])) for one in given)


def state(context: CeremonyContext) -> dict[str, Any]:
    """How the ceremony stands, JSON-serialisable and without secrets.

    Raises:
        TrustAnchorError: the plan cannot be carried out as it is.
    """
    over = is_over(context)
    records = [record for record in context.transcript.events if record.kind in (EventKind.WRITTEN, EventKind.FOUND)]
    return {
        "name": context.plan.name,
        "ceremony_directory": str(context.ceremony_directory.relative_to(context.inputs)),
        "plan_sha256": context.plan.sha256,
        "plan_words": list(words(bytes.fromhex(context.plan.sha256))),
        "clock": times.render(context.now),
        "window": [times.render(context.plan.window.start), times.render(context.plan.window.end)],
        "people": [{"name": person.name, "role": person.role} for person in context.plan.people],
        "quorum": context.plan.quorum,
        "roots": _roots(context),
        "tokens": {name: str(device) for name, device in context.tokens.devices.items()},
        "steps": [] if over else [status.as_dict() for status in survey(context)],
        "signed": {record.data["act"]: record.data["facts"] for record in records},
        "over": over,
    }


def _roots(context: CeremonyContext) -> list[dict[str, Any]]:
    """The roots that there are; those of a ceremony that was abandoned may not be."""
    plan = context.plan
    made = [(root.name, root.standby) for root in plan.made_roots]
    known = [(root.name, root.standby) for root in plan.roots.values()]
    return [
        {"name": name, "standby": standby}
        for name, standby in (*known, *made)
        if not context.transcript.closed or (context.directory / "roots" / f"{name}.crt").exists()
    ]


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What the steps change, as parsed facts."""
    planned = {step["id"]: step for step in before["steps"] if step["state"] != "done"}
    return {
        "before": {name: step["before"] for name, step in planned.items()},
        "after": {name: after["signed"].get(name, step["facts"]) for name, step in planned.items()},
        "before_header": "ceremony",
        "after_header": "ceremony",
    }
