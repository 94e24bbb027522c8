# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a ceremony: what the people sign. Made from the plan and the transcript, and from nothing else.

It is made just before the transcript is closed, which then holds its digest: so the seal covers the report too, and a
later version that words its reports differently takes nothing away from this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..journal.chain import Event, head
from ..text import times
from ..text.document import Banner, Block, Cell, Heading, Lines, Paragraph, Strong, Table, as_html, as_markdown
from ..text.words import fingerprint_lines
from .plan.model import Plan
from .transcript import EventKind

_VERIFY = (
    "openssl cms -verify -binary -inform PEM -in transcript.p7s -content transcript.jsonl "
    "-nointern -certfile ../../roots/{root}.crt -CAfile ../../roots/{root}.crt -no-CApath -no-CAstore "
    "-purpose any -no_check_time -out /dev/null"
)
_HIDDEN = ("act", "der", "public_key", "attestation_chain")  # shown elsewhere, or by their digests


def closing_of(events: Sequence[Event], abandoned: bool) -> dict[str, Any]:
    """What the closing of a transcript says: outputs, the number of signatures, whether the rest is left undone."""
    outputs = {
        one.data["path"]: one.data["sha256"] for one in events if one.kind in (EventKind.WRITTEN, EventKind.FOUND)
    }
    return {
        "outputs": [{"path": path, "sha256": digest} for path, digest in sorted(outputs.items())],
        "signatures": len(_of(events, EventKind.SIGNED)),
        "abandoned": abandoned,
    }


def markdown(events: Sequence[Event], plan: Plan, closing: Mapping[str, Any] | None = None) -> str:
    """The report as Markdown.

    Args:
        events: the transcript, without its closing.
        plan: what was performed.
        closing: as of `closing_of`; None for a ceremony that is not over.
    """
    return as_markdown(_document(events, plan, closing))


def html(events: Sequence[Event], plan: Plan, closing: Mapping[str, Any] | None = None) -> str:
    """The report as one page of HTML; arguments as `markdown`."""
    return as_html(f"Ceremony {plan.name}", _document(events, plan, closing))


def _document(events: Sequence[Event], plan: Plan, closing: Mapping[str, Any] | None) -> Iterator[Block]:
    opened = _data(events, EventKind.OPENED)
    yield from _banners(opened, closing)
    yield Heading(1, f"Ceremony {plan.name}: {plan.title}" if plan.title else f"Ceremony {plan.name}")
    yield from _plan(events, plan, closing)
    yield from _machine(events)
    yield from _tokens(events)
    yield from _keys(events)
    for act in plan.acts:
        yield from _act(events, act)
    yield from _failures(events)
    yield from _outputs(events, plan, closing or {})
    yield from _signatures(plan, opened, closing)


def _banners(opened: Mapping[str, Any], closing: Mapping[str, Any] | None) -> Iterator[Block]:
    if opened.get("rehearsal"):
        yield Banner("REHEARSAL: nothing in this report may be trusted")
    if opened.get("unattended"):
        yield Banner("UNATTENDED: no person confirmed what was signed")
    if closing and closing.get("abandoned"):
        yield Banner("ABANDONED: the rest of the plan was left undone")
    if closing is None:
        yield Banner("NOT CLOSED: this ceremony is not over")


def _plan(events: Sequence[Event], plan: Plan, closing: Mapping[str, Any] | None) -> Iterator[Block]:
    opened = _data(events, EventKind.OPENED)
    yield Heading(2, "Plan")
    rows = [
        ("window", f"{_time(plan.window.start)} to {_time(plan.window.end)}"),
        ("keys", ", ".join(plan.keys)),
        ("sealed by", plan.sealed_by),
        ("pkilint", "required" if plan.pkilint else "optional"),
        ("begun", events[0].time if events else "never"),
        ("closed", events[-1].time if events and closing is not None else "not yet"),
    ]
    yield Table(("", ""), rows)
    yield Paragraph("SHA-256 of ceremony.yml, as confirmed:")
    yield _digest(plan.sha256)
    if opened.get("plan_sha256") != plan.sha256:
        yield Banner(f"ANOTHER PLAN: the transcript is of the plan {opened.get('plan_sha256')}")
    yield Heading(3, "People")
    yield Table(("name", "role"), [(person.name, person.role) for person in plan.people])
    for event in _of(events, EventKind.PLAN_CONFIRMED):
        yield from _confirmed(event, "The plan was confirmed")


def _machine(events: Sequence[Event]) -> Iterator[Block]:
    yield Heading(2, "Machine")
    for event in events:
        if event.kind in (EventKind.OPENED, EventKind.RESUMED):
            yield Paragraph(f"{event.kind} at {event.time}")
            yield from _facts(event.data.get("software", {}))
    clocks = [(one.time, _text(one.data.get("time")), _window(one.data)) for one in _of(events, EventKind.CLOCK)]
    if clocks:
        yield Table(("checked", "clock of the machine", "window"), clocks)


def _window(data: Mapping[str, Any]) -> str:
    return f"{_text(data.get('window_start'))} to {_text(data.get('window_end'))}"


def _tokens(events: Sequence[Event]) -> Iterator[Block]:
    found = _of(events, EventKind.TOKEN)
    if found:
        yield Heading(2, "Tokens")
    for event in found:
        yield Heading(3, f"Token {_text(event.data.get('token'))}, seen at {event.time}")
        given = {name: value for name, value in event.data.items() if value is not None}
        yield from _facts(given, "token")


def _keys(events: Sequence[Event]) -> Iterator[Block]:
    found = _of(events, EventKind.KEY)
    if found:
        yield Heading(2, "Keys")
    for event in found:
        yield Heading(3, f"Key {_text(event.data.get('key'))}")
        if event.data.get("origin") == "imported":
            yield Paragraph("This key was made outside of its tokens and imported. No token attests it.")
        yield from _facts(event.data, "key", "public_key_sha256")
        yield Paragraph("SHA-256 of the public key:")
        yield _digest(event.data.get("public_key_sha256"))
        yield from _confirmations(events, event.data.get("act"), "Making the key was confirmed")


def _act(events: Sequence[Event], act: Any) -> Iterator[Block]:
    yield Heading(2, f"Act {act.id}")
    mine = [event for event in events if event.data.get("act") == act.id]
    if not mine:
        yield Paragraph("Nothing was done yet.")
    draft = next((one for one in reversed(mine) if one.kind == EventKind.DRAFT), None)
    if draft is not None:
        yield Paragraph(f"Drafted at {draft.time}: {_text(draft.data.get('what'))}")
        yield from _facts({name: draft.data.get(name) for name in ("serial", "lint")})
        yield Paragraph("SHA-256 of the bytes to be signed:")
        yield _digest(draft.data.get("tbs_sha256"))
    for event in mine:
        yield from _done(event)


def _done(event: Event) -> Iterator[Block]:
    if event.kind == EventKind.CONFIRMED:
        yield from _confirmed(event, "The signature was confirmed")
    elif event.kind == EventKind.SIGNED:
        yield Paragraph(f"Signed at {event.time}")
        yield from _facts(event.data)
    elif event.kind in (EventKind.WRITTEN, EventKind.FOUND):
        verb = "Written" if event.kind == EventKind.WRITTEN else "Found as planned"
        yield Paragraph(f"{verb} at {event.time}: {_text(event.data.get('path'))}")
        facts = event.data.get("facts", {})
        yield from _facts(facts)
        fingerprint = facts.get("sha256") if isinstance(facts, Mapping) else None
        yield Paragraph("Fingerprint (SHA-256 of the DER form):" if fingerprint else "SHA-256 of the file:")
        yield _digest(fingerprint or event.data.get("sha256"))
    elif event.kind == EventKind.INSPECTED:
        yield Paragraph(f"Inspected at {event.time}")
        yield from _facts(event.data.get("facts", {}))


def _confirmed(event: Event, what: str) -> Iterator[Block]:
    people = event.data.get("by", [])
    yield Paragraph(f"{what} at {event.time} by:")
    rows = [[_text(person.get(name)) for name in ("name", "role", "how")] for person in people]
    yield Table(("name", "role", "how"), rows)


def _confirmations(events: Sequence[Event], act: Any, what: str) -> Iterator[Block]:
    for event in _of(events, EventKind.CONFIRMED):
        if event.data.get("act") == act:
            yield from _confirmed(event, what)


def _failures(events: Sequence[Event]) -> Iterator[Block]:
    rows = [
        (one.time, _text(one.data.get("act")), _text(one.data.get("error"))) for one in _of(events, EventKind.FAILED)
    ]
    if rows:
        yield Heading(2, "Failures on the way")
        yield Table(("time", "act", "error"), rows)


def _outputs(events: Sequence[Event], plan: Plan, closing: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading(2, "Outputs")
    rows = [(_text(one.get("path")), _text(one.get("sha256"))) for one in closing.get("outputs", [])]
    yield Table(("file", "SHA-256"), rows)
    yield Paragraph(f"Signatures made: {_text(closing.get('signatures'))}")
    yield from _confirmations(events, "seal", "The transcript was confirmed")
    sealed = [event for event in _of(events, EventKind.CONFIRMED) if event.data.get("act") == "seal"]
    if sealed:
        yield Paragraph("Head of the transcript as it was confirmed:")
        yield _digest(sealed[-1].data.get("digest"))
    yield Paragraph("Head of the transcript, SHA-256 of its last line before the closing:")
    yield _digest(head(events))
    yield Paragraph("To verify the seal of the root, in the directory of this report within the record:")
    yield Lines([_VERIFY.format(root=plan.sealed_by)])


def _signatures(plan: Plan, opened: Mapping[str, Any], closing: Mapping[str, Any] | None) -> Iterator[Block]:
    yield Heading(2, "Signatures")
    yield Paragraph("I was present. What this report says agrees with what I saw.")
    yield from _banners(opened, closing)
    rows = [(person.name, person.role, "", "") for person in plan.people]
    yield Table(("name", "role", "place and date", "signature"), rows, "sign")


def _of(events: Iterable[Event], kind: EventKind) -> list[Event]:
    return [event for event in events if event.kind == kind]


def _data(events: Iterable[Event], kind: EventKind) -> Mapping[str, Any]:
    found = _of(events, kind)
    return found[-1].data if found else {}


def _time(moment: Any) -> str:
    return times.render(moment)


def _digest(value: Any) -> Block:
    """A digest as hex and words; what is not one is shown as it is."""
    try:
        return Lines(fingerprint_lines(bytes.fromhex(value).hex()))
    except (TypeError, ValueError):
        return Lines([_text(value)])


def _facts(data: Any, *hidden: str) -> Iterator[Block]:
    rows = list(_rows(data, "", (*_HIDDEN, *hidden)))
    if rows:
        yield Table(("", ""), rows)


def _rows(data: Any, prefix: str, hidden: Sequence[str]) -> Iterator[tuple[str, Cell]]:
    for name, value in sorted(data.items()) if isinstance(data, Mapping) else [("", data)]:
        label = f"{prefix}{name}".replace("_", " ")
        if name in hidden:
            continue
        if isinstance(value, Mapping) and value:
            yield from _rows(value, f"{label}: ", hidden)
        else:
            yield label, Strong("IMPORTED") if (name, value) == ("origin", "imported") else _text(value)


def _text(value: Any) -> str:
    if value is None or value in ([], {}, ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(one) for one in value)
    return str(value)
