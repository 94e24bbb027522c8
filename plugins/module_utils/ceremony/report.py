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


def closing_of(records: Sequence[Event], abandoned: bool) -> dict[str, Any]:
    """What the closing of a transcript says: outputs, the number of signatures, whether the rest is left undone."""
    outputs = {
        one.data["path"]: one.data["sha256"] for one in records if one.kind in (EventKind.WRITTEN, EventKind.FOUND)
    }
    return {
        "outputs": [{"path": path, "sha256": digest} for path, digest in sorted(outputs.items())],
        "signatures": len(_of(records, EventKind.SIGNED)),
        "abandoned": abandoned,
    }


def markdown(records: Sequence[Event], plan: Plan, closing: Mapping[str, Any] | None = None) -> str:
    """The report as Markdown.

    Args:
        records: the transcript, without its closing.
        plan: what was performed.
        closing: as of `closing_of`; None for a ceremony that is not over.
    """
    return as_markdown(_document(records, plan, closing))


def html(records: Sequence[Event], plan: Plan, closing: Mapping[str, Any] | None = None) -> str:
    """The report as one page of HTML; arguments as `markdown`."""
    return as_html(f"Ceremony {plan.name}", _document(records, plan, closing))


def _document(records: Sequence[Event], plan: Plan, closing: Mapping[str, Any] | None) -> Iterator[Block]:
    opened = _data(records, EventKind.OPENED)
    yield from _banners(opened, closing)
    yield Heading(1, f"Ceremony {plan.name}: {plan.title}" if plan.title else f"Ceremony {plan.name}")
    yield from _plan(records, plan, closing)
    yield from _machine(records)
    yield from _tokens(records)
    yield from _keys(records)
    for act in plan.acts:
        yield from _act(records, act)
    yield from _failures(records)
    yield from _outputs(records, plan, closing or {})
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


def _plan(records: Sequence[Event], plan: Plan, closing: Mapping[str, Any] | None) -> Iterator[Block]:
    opened = _data(records, EventKind.OPENED)
    yield Heading(2, "Plan")
    rows = [
        ("window", f"{_time(plan.window.start)} to {_time(plan.window.end)}"),
        ("keys", ", ".join(plan.keys)),
        ("sealed by", plan.sealed_by),
        ("pkilint", "required" if plan.pkilint else "optional"),
        ("begun", records[0].time if records else "never"),
        ("closed", records[-1].time if records and closing is not None else "not yet"),
    ]
    yield Table(("", ""), rows)
    yield Paragraph("SHA-256 of ceremony.yml, as confirmed:")
    yield _digest(plan.sha256)
    if opened.get("plan_sha256") != plan.sha256:
        yield Banner(f"ANOTHER PLAN: the transcript is of the plan {opened.get('plan_sha256')}")
    yield Heading(3, "People")
    yield Table(("name", "role"), [(person.name, person.role) for person in plan.people])
    for record in _of(records, EventKind.PLAN_CONFIRMED):
        yield from _confirmed(record, "The plan was confirmed")


def _machine(records: Sequence[Event]) -> Iterator[Block]:
    yield Heading(2, "Machine")
    for record in records:
        if record.kind in (EventKind.OPENED, EventKind.RESUMED):
            yield Paragraph(f"{record.kind} at {record.time}")
            yield from _facts(record.data.get("software", {}))
    clocks = [(one.time, _text(one.data.get("time")), _window(one.data)) for one in _of(records, EventKind.CLOCK)]
    if clocks:
        yield Table(("checked", "clock of the machine", "window"), clocks)


def _window(data: Mapping[str, Any]) -> str:
    return f"{_text(data.get('window_start'))} to {_text(data.get('window_end'))}"


def _tokens(records: Sequence[Event]) -> Iterator[Block]:
    found = _of(records, EventKind.TOKEN)
    if found:
        yield Heading(2, "Tokens")
    for record in found:
        yield Heading(3, f"Token {_text(record.data.get('token'))}, seen at {record.time}")
        told = {name: value for name, value in record.data.items() if value is not None}
        yield from _facts(told, "token")


def _keys(records: Sequence[Event]) -> Iterator[Block]:
    found = _of(records, EventKind.KEY)
    if found:
        yield Heading(2, "Keys")
    for record in found:
        yield Heading(3, f"Key {_text(record.data.get('key'))}")
        if record.data.get("origin") == "imported":
            yield Paragraph("This key was made outside of its tokens and imported. No token attests it.")
        yield from _facts(record.data, "key", "public_key_sha256")
        yield Paragraph("SHA-256 of the public key:")
        yield _digest(record.data.get("public_key_sha256"))
        yield from _confirmations(records, record.data.get("act"), "Making the key was confirmed")


def _act(records: Sequence[Event], act: Any) -> Iterator[Block]:
    yield Heading(2, f"Act {act.id}")
    mine = [record for record in records if record.data.get("act") == act.id]
    if not mine:
        yield Paragraph("Nothing was done yet.")
    draft = next((one for one in reversed(mine) if one.kind == EventKind.DRAFT), None)
    if draft is not None:
        yield Paragraph(f"Drafted at {draft.time}: {_text(draft.data.get('what'))}")
        yield from _facts({name: draft.data.get(name) for name in ("serial", "lint")})
        yield Paragraph("SHA-256 of the bytes to be signed:")
        yield _digest(draft.data.get("tbs_sha256"))
    for record in mine:
        yield from _done(record)


def _done(record: Event) -> Iterator[Block]:
    if record.kind == EventKind.CONFIRMED:
        yield from _confirmed(record, "The signature was confirmed")
    elif record.kind == EventKind.SIGNED:
        yield Paragraph(f"Signed at {record.time}")
        yield from _facts(record.data)
    elif record.kind in (EventKind.WRITTEN, EventKind.FOUND):
        verb = "Written" if record.kind == EventKind.WRITTEN else "Found as planned"
        yield Paragraph(f"{verb} at {record.time}: {_text(record.data.get('path'))}")
        facts = record.data.get("facts", {})
        yield from _facts(facts)
        fingerprint = facts.get("sha256") if isinstance(facts, Mapping) else None
        yield Paragraph("Fingerprint (SHA-256 of the DER form):" if fingerprint else "SHA-256 of the file:")
        yield _digest(fingerprint or record.data.get("sha256"))
    elif record.kind == EventKind.INSPECTED:
        yield Paragraph(f"Inspected at {record.time}")
        yield from _facts(record.data.get("facts", {}))


def _confirmed(record: Event, what: str) -> Iterator[Block]:
    people = record.data.get("by", [])
    yield Paragraph(f"{what} at {record.time} by:")
    rows = [[_text(person.get(name)) for name in ("name", "role", "how")] for person in people]
    yield Table(("name", "role", "how"), rows)


def _confirmations(records: Sequence[Event], act: Any, what: str) -> Iterator[Block]:
    for record in _of(records, EventKind.CONFIRMED):
        if record.data.get("act") == act:
            yield from _confirmed(record, what)


def _failures(records: Sequence[Event]) -> Iterator[Block]:
    rows = [
        (one.time, _text(one.data.get("act")), _text(one.data.get("error"))) for one in _of(records, EventKind.FAILED)
    ]
    if rows:
        yield Heading(2, "Failures on the way")
        yield Table(("time", "act", "error"), rows)


def _outputs(records: Sequence[Event], plan: Plan, closing: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading(2, "Outputs")
    rows = [(_text(one.get("path")), _text(one.get("sha256"))) for one in closing.get("outputs", [])]
    yield Table(("file", "SHA-256"), rows)
    yield Paragraph(f"Signatures made: {_text(closing.get('signatures'))}")
    yield from _confirmations(records, "seal", "The transcript was confirmed")
    sealed = [record for record in _of(records, EventKind.CONFIRMED) if record.data.get("act") == "seal"]
    if sealed:
        yield Paragraph("Head of the transcript as it was confirmed:")
        yield _digest(sealed[-1].data.get("digest"))
    yield Paragraph("Head of the transcript, SHA-256 of its last line before the closing:")
    yield _digest(head(records))
    yield Paragraph("To verify the seal of the root, in the directory of this report within the record:")
    yield Lines([_VERIFY.format(root=plan.sealed_by)])


def _signatures(plan: Plan, opened: Mapping[str, Any], closing: Mapping[str, Any] | None) -> Iterator[Block]:
    yield Heading(2, "Signatures")
    yield Paragraph("I was present. What this report says agrees with what I saw.")
    yield from _banners(opened, closing)
    rows = [(person.name, person.role, "", "") for person in plan.people]
    yield Table(("name", "role", "place and date", "signature"), rows, "sign")


def _of(records: Iterable[Event], kind: EventKind) -> list[Event]:
    return [record for record in records if record.kind == kind]


def _data(records: Iterable[Event], kind: EventKind) -> Mapping[str, Any]:
    found = _of(records, kind)
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
