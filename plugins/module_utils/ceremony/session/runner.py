# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a ceremony: survey all steps, open the transcript, take the steps that people agreed to.

The survey rehearses every signature of the plan in order, each below rehearsals of what is not signed yet, so that
a plan that cannot be carried through stops before its first signature.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from ...errors import TrustAnchorError
from ...text import times
from ...text.words import words
from ...token.backends.registry import backend_of
from ...version import VERSION
from .. import transcript
from ..acts.base import Act
from ..transcript import EventKind
from .context import CeremonyContext
from .key_steps import KeyStep, SoftwareTokenStep
from .previous import previous, require_alone
from .seal_step import SealStep
from .sign_step import SignStep
from .steps import DONE, Consent, InspectStep, Status, Step

MINIMUM_FREE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Order:
    """Take one step.

    Args:
        step: its id.
        consent: what people agreed to.
    """

    step: str
    consent: Consent


@dataclass(frozen=True)
class Run:
    """One run of the ceremony's program.

    Args:
        id: random; names the run in the transcript.
        rehearsal: on software tokens, for practice.
        unattended: nobody is asked; people confirmed the plan's digest beforehand.
        consent: to the plan; its digest is the SHA-256 of the plan's file.
    """

    id: str
    rehearsal: bool
    unattended: bool
    consent: Consent


def steps_of(context: CeremonyContext) -> list[Step]:
    """All steps of a plan, in order; of a ceremony that is abandoned the last, and to write what was signed."""
    if context.abandon:
        acts = [SignStep(act) for act in context.plan.signing_acts]
        return [*(step for step in acts if step.is_owed(context)), SealStep()]
    found: list[Step] = []
    used = [name for key in context.plan.keys.values() for name in key.tokens]
    used += [act.inspects for act in context.plan.acts if act.inspects]
    found += [SoftwareTokenStep(name) for name in dict.fromkeys(used) if backend_of(context.device(name)).software]
    found += [KeyStep(key) for key in context.plan.keys.values()]
    found += [_step(act) for act in context.plan.acts]
    return [*found, SealStep()]


def _step(act: Act) -> Step:
    return InspectStep(act.id, act.inspects) if act.signing is None else SignStep(act.signing)


def is_over(context: CeremonyContext) -> bool:
    """Whether the ceremony is sealed and reported: then nothing is looked at any more.

    Raises:
        TrustAnchorError: it was held with another plan.
    """
    _require_same_plan(context)
    return SealStep.is_done(context)


def survey(context: CeremonyContext) -> list[Status]:
    """How every step stands. Reads only; nothing is signed with a key of a token.

    Raises:
        TrustAnchorError: a step of the plan cannot be taken as planned.
    """
    _require_same_plan(context)
    return [step.status(context) for step in steps_of(context)]


def _require_same_plan(context: CeremonyContext) -> None:
    if not context.transcript.events:
        return
    opened = context.transcript.events[0].data
    if opened["plan_sha256"] != context.plan.sha256:
        raise TrustAnchorError(
            f"the plan has the SHA-256 {context.plan.sha256}",
            f"the ceremony '{context.plan.name}' was opened with {opened['plan_sha256']}: the plan was changed since",
            "Restore the plan that people confirmed, or plan a ceremony of another name",
        )


def _require_begun(context: CeremonyContext) -> None:
    if context.abandon and not context.transcript.events:
        raise TrustAnchorError(f"the ceremony '{context.plan.name}' has not begun", "there is nothing to abandon")


def begin(context: CeremonyContext, run: Run) -> None:
    """Open the transcript, or note that it goes on; once a run.

    Raises:
        TrustAnchorError: people confirmed another plan, the clock is outside of the window, or the disk is full.
    """
    require_plan_consent(context, run)
    _require_mode(context, run)
    _require_begun(context)
    _require_clock(context)
    _require_space(context)
    _require_openssl()
    runs = [
        event.data.get("run")
        for event in context.transcript.events
        if event.kind in (EventKind.OPENED, EventKind.RESUMED)
    ]
    if run.id in runs or context.transcript.closed:
        return
    about = {
        "run": run.id,
        "unattended": run.unattended,
        "tokens_sha256": context.tokens_sha256,
        "software": software(context),
    }
    if runs:
        context.transcript.append(EventKind.RESUMED, **about)
    else:
        require_alone(context.ceremony_directory)
        context.transcript.append(
            EventKind.OPENED,
            version=transcript.VERSION,
            previous=previous(context.ceremony_directory),
            ceremony=context.plan.name,
            title=context.plan.title,
            plan_sha256=context.plan.sha256,
            rehearsal=run.rehearsal,
            people=[{"name": person.name, "role": person.role} for person in context.plan.people],
            **about,
        )
    window = context.plan.window
    context.transcript.append(
        EventKind.CLOCK,
        time=times.render(context.now),
        window_start=times.render(window.start),
        window_end=times.render(window.end),
    )
    plan_words = " ".join(words(bytes.fromhex(context.plan.sha256)))
    context.transcript.append(
        EventKind.PLAN_CONFIRMED, plan_sha256=context.plan.sha256, words=plan_words, by=run.consent.as_list()
    )


def require_plan_consent(context: CeremonyContext, run: Run) -> None:
    """The plan's people have confirmed this very plan.

    Raises:
        TrustAnchorError: too few have, or they confirmed another one.
    """
    if run.consent.digest != context.plan.sha256:
        raise TrustAnchorError(
            f"the confirmed plan has the SHA-256 {run.consent.digest or '(none)'}",
            f"this one has {context.plan.sha256}",
            "Review the plan as it is now, and confirm it",
        )
    require_quorum(context, run.consent)


def require_quorum(context: CeremonyContext, consent: Consent) -> None:
    """As many people of the plan as it asks for confirm, an operator and a witness among them.

    Raises:
        TrustAnchorError: too few, or a role is missing.
    """
    people = context.plan.people
    confirmed = {(one.name, one.role) for one in consent.by}
    present = [person for person in people if (person.name, person.role) in confirmed]
    absent = ", ".join(person.name for person in people if person not in present)
    if len(present) < context.plan.quorum:
        raise TrustAnchorError(
            f"confirmed by {len(present)} of {context.plan.quorum} people; not confirmed by {absent}",
            "each signature is confirmed by as many people as the plan says",
        )
    missing = {person.role for person in people} - {person.role for person in present}
    if missing:
        raise TrustAnchorError(f"no {' and no '.join(sorted(missing))} has confirmed", "both roles confirm")


def _require_mode(context: CeremonyContext, run: Run) -> None:
    """Who sits at the table is decided by the plan, and once."""
    if run.unattended and not context.plan.unattended and not run.rehearsal:
        raise TrustAnchorError(
            "nobody would be asked, but the plan does not say unattended: true",
            "a root signs on the word of people",
            "Run the play from a terminal, without confirmed_plan",
        )
    if context.transcript.events and context.transcript.events[0].data["unattended"] != run.unattended:
        raise TrustAnchorError(
            f"the ceremony '{context.plan.name}' was begun {'without' if not run.unattended else 'with'} people",
            "it is finished as it was begun",
            "Give confirmed_plan, or leave it out, as before",
        )


def _require_openssl() -> None:
    """It verifies the seal, at the very end: too late to miss it."""
    if shutil.which("openssl") is None:
        raise TrustAnchorError("the program openssl is not there", "it verifies the seal", "Install it")


def _require_clock(context: CeremonyContext) -> None:
    """Whoever abandons a ceremony does it when the window is over, as a rule."""
    window = context.plan.window
    if context.abandon:
        return
    if not window.start <= context.now <= window.end:
        raise TrustAnchorError(
            f"the clock of this machine says {times.render(context.now)}",
            f"the plan is for {times.render(window.start)} to {times.render(window.end)}",
            "Set the clock (date --set) if it is wrong. Otherwise plan again for this day; a ceremony that was begun is"
            " sealed as it is first, with abandon",
        )


def _require_space(context: CeremonyContext) -> None:
    context.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    disk = os.statvfs(context.directory)
    free = disk.f_bavail * disk.f_frsize
    if free < MINIMUM_FREE_BYTES:
        raise TrustAnchorError(
            f"{context.directory} has {free // 1024} KiB left",
            f"{MINIMUM_FREE_BYTES // 1024 // 1024} MiB are wanted before anything is signed",
            "Make space",
        )


def perform(context: CeremonyContext, run: Run, orders: Sequence[Order]) -> None:
    """Begin, take the ordered steps and those that need nobody, and fix what comes next.

    Args:
        context: of the ceremony.
        run: this run.
        orders: steps that people agreed to, in the plan's order.

    Raises:
        TrustAnchorError: a step failed; those before it are done.
    """
    if not is_over(context):
        survey(context)
        begin(context, run)
        _advance(context, run, {order.step: order.consent for order in orders})


def _advance(context: CeremonyContext, run: Run, orders: dict[str, Consent]) -> None:
    """Stop at the first step that nobody ordered: what follows stands on it."""
    for step in steps_of(context):
        status = step.status(context)
        if status.state == DONE:
            continue
        ordered = step.id in orders
        if not ordered and (status.consent or status.secrets or status.missing):
            if not status.missing:
                step.prepare(context)
            return
        consent = orders.get(step.id, Consent("", ()))
        if status.consent:
            _require_consent(context, run, consent)
        with _failure_noted(context, step.id):
            step.perform(context, consent)
        context.forget_keys()


def _require_consent(context: CeremonyContext, run: Run, consent: Consent) -> None:
    require_quorum(context, consent)
    if not consent.digest and not run.unattended:
        raise TrustAnchorError("nobody confirmed what will be signed", "each signature is confirmed by its digest")


@contextlib.contextmanager
def _failure_noted(context: CeremonyContext, step: str) -> Iterator[None]:
    try:
        yield
    except TrustAnchorError as error:
        with contextlib.suppress(TrustAnchorError):  # the disk may be what is full
            context.transcript.append(EventKind.FAILED, act=step, error=error.what)
        raise


def software(context: CeremonyContext) -> dict[str, Any]:
    """What this machine runs, for the transcript."""
    return {
        "collection": VERSION,
        "python": platform.python_version(),
        "system": " ".join((platform.system(), platform.release(), platform.machine())),
        "executable": sys.executable,
        **{name: _version(name) for name in ("cryptography", "python-pkcs11", "pkilint")},
        "linters": context.lint.linters(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
