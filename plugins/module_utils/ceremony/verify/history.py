# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the ceremonies of a record as a whole: each stands on the one before, and nothing was lost or put there.

A record alone cannot show that its end was cut off, or that all of it was exchanged. What is written down elsewhere
(`Anchors`: the head on the last printed report, fingerprints of the roots) can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509

from ...host.files import read, sha256
from ...journal.chain import head
from ...trust.manifest.model import parse_manifest
from ...trust.root import Root
from ...x509 import certificates as certs
from ...x509.builders import checked_key
from ...x509.fingerprints import normalise_fingerprint
from ...x509.signatures import tbs
from ..acts.crl import CrlAct
from ..acts.crl_history import dropped, known_crls, require_in_place, revocations
from ..acts.registry import FILES, files_of
from ..transcript import SEAL, EventKind
from .checks import Check, look
from .recorded import RecordedCeremony


@dataclass(frozen=True)
class Anchors:
    """What is known from elsewhere than the record.

    Args:
        roots: SHA-256 fingerprints of the roots that are not distrusted, all of them; empty: not known.
        head: SHA-256 of the last line of the last ceremony, or of the line before its closing, as the printed report
            has it; empty: not known.
    """

    roots: frozenset[str] = frozenset()
    head: str = ""


def parse_anchors(expected_head: str, expected_roots: Iterable[str]) -> Anchors:
    """The anchors that an operator gives, with colons or without.

    Raises:
        TrustAnchorError: one of them is not a SHA-256.
    """
    roots = frozenset(normalise_fingerprint(one) for one in expected_roots)
    return Anchors(roots, normalise_fingerprint(expected_head) if expected_head else "")


def history_checks(record: Path, loaded: Sequence[RecordedCeremony], anchors: Anchors) -> Iterator[Check]:
    """Everything that one ceremony cannot show.

    Args:
        record: the public record, or a directory below its ``rehearsals``.
        loaded: its ceremonies.
        anchors: what is known from elsewhere.
    """
    ordered = in_order(loaded)
    checks: dict[str, Callable[[], Iterable[str]]] = {
        "each ceremony stands on the one before": lambda: _links(ordered),
        "CRL numbers rise, and nothing leaves a CRL": lambda: _crls(record, ordered),
        "every signed file is known": lambda: _files(record, ordered),
        "what was found was written before": lambda: _found(ordered),
    }
    if record.parent.name != "rehearsals":
        checks["the trust manifest lists the roots"] = lambda: _manifest(record)
    if anchors.head:
        checks["the last ceremony is the expected one"] = lambda: _last(ordered, anchors.head)
    if anchors.roots:
        checks["the roots are the expected ones"] = lambda: _expected_roots(record, anchors.roots)
    for title, problems in checks.items():
        yield look("", title, problems)


def in_order(loaded: Sequence[RecordedCeremony]) -> list[RecordedCeremony]:
    """As each names the one before; what cannot be reached that way comes last, by its time."""
    rest = sorted(loaded, key=lambda one: one.records[0].time if one.records else "")
    ordered: list[RecordedCeremony] = []
    while rest:
        last = ordered[-1].name if ordered else None
        following = next((one for one in rest if _name_before(one) == last), rest[0])
        rest.remove(following)
        ordered.append(following)
    return ordered


def _name_before(recorded: RecordedCeremony) -> Any:
    before = recorded.opened.get("previous")
    return before.get("ceremony") if isinstance(before, Mapping) else None


def _links(ordered: Sequence[RecordedCeremony]) -> Iterator[str]:
    by_name = {one.name: one for one in ordered}
    followers: dict[Any, str] = {}
    for one in ordered:
        if "previous" not in one.opened:
            yield f"{one.name} does not say which ceremony was before it"
            continue
        before = _name_before(one)
        if before in followers:
            said = "say that they are the first" if before is None else f"both follow {before}"
            yield f"{followers[before]} and {one.name} {said}"
        followers.setdefault(before, one.name)
        if before is not None:
            yield from _link(one, by_name.get(before))


def _link(one: RecordedCeremony, before: RecordedCeremony | None) -> Iterator[str]:
    said = one.opened["previous"]
    if before is None:
        yield f"{one.name} follows the ceremony {said['ceremony']}, which the record does not have"
        return
    if said.get("head") != head(before.records):
        yield f"{one.name} follows a ceremony {before.name} with the head {said.get('head')}, not this one"
    seal = read(before.ceremony_directory / SEAL)
    if said.get("seal") != (sha256(seal) if seal is not None else ""):
        yield f"{one.name} follows a ceremony {before.name} with another seal"


def _last(ordered: Sequence[RecordedCeremony], expected: str) -> Iterator[str]:
    closed = [one for one in ordered if one.closed is not None]
    heads = [{head(one.records), one.records[-1].previous} for one in closed]
    if heads and expected in heads[-1]:
        return
    older = next((one.name for one, known in zip(closed, heads, strict=True) if expected in known), None)
    if older is not None:
        yield f"the expected head is of the ceremony {older}, and {closed[-1].name} was held since"
    else:
        yield f"no ceremony of the record has the head {expected}"


def _crls(record: Path, ordered: Sequence[RecordedCeremony]) -> Iterator[str]:
    last: dict[str, int] = {}
    for recorded in ordered:
        for act in recorded.signing_acts:
            if isinstance(act, CrlAct) and recorded.find(EventKind.WRITTEN, act.id):
                if act.number <= last.get(act.issuer, 0):
                    yield f"the CRL of '{act.issuer}' went from {last[act.issuer]} to {act.number} in {recorded.name}"
                last[act.issuer] = act.number
    for issuer in last:
        yield from _entries(record, issuer)


def _entries(record: Path, root: str) -> Iterator[str]:
    certificate = _certificate(record / f"roots/{root}.crt")
    known = known_crls(record, root, checked_key(certificate.public_key(), f"the root '{root}'"))
    require_in_place(record, root, known)
    for before, after in pairwise(known):
        if before.number == after.number:
            if tbs(before.crl) != tbs(after.crl):
                yield f"{before.source} and {after.source} have two CRLs with the number {after.number}"
            continue
        for lost in dropped(before.crl, revocations(after.crl)):
            yield f"{before.source} revokes {lost.serial:x}, {after.source} with number {after.number} does not"


def _files(record: Path, ordered: Sequence[RecordedCeremony]) -> Iterator[str]:
    """Each file that a ceremony wrote last is in its place, and nothing else is there."""
    written = [(path, digest) for one in ordered for path, digest in one.written()]
    last = dict(written)
    pinned = {f"roots/{root.name}.crt": root.sha256 for one in ordered for root in one.plan.roots.values()}
    there = {str(path.relative_to(record)): path for files in FILES for path in _below(record / files.directory)}
    for name, path in sorted(there.items()):
        data = read(path) or b""
        if last.get(name) == sha256(data) or _is_archived(name, data, written):
            continue
        if name in last:
            yield f"{name} is not the one that was written last"
        elif name not in pinned or certs.fingerprint(certs.load_certificate(data, name)) != pinned[name]:
            yield f"no transcript has {name}"
    yield from (f"{name} is absent" for name in sorted(last) if name not in there)


def _below(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir())


def _is_archived(name: str, data: bytes, written: Iterable[tuple[str, str]]) -> bool:
    """Whether a file is one that was written, under the name in the archive that is its own."""
    digest = sha256(data)
    for path, known in written:
        files = files_of(path)
        if known == digest and files is not None and files.form.archive(path, files.form.load(data, name)) == name:
            return True
    return False


def _found(ordered: Sequence[RecordedCeremony]) -> Iterator[str]:
    """A ceremony may find a file as planned, where another one that was over had written it."""
    before: set[tuple[str, str]] = set()
    for recorded in ordered:
        for path, _digest in sorted(set(recorded.outputs()) - set(recorded.written()) - before):
            yield f"{recorded.name} found {path}, which no ceremony before it wrote"
        if recorded.closed is not None:
            before |= set(recorded.written())


def _manifest(record: Path) -> Iterator[str]:
    listed = _listed(record)
    present = _roots(record)
    for root in listed:
        if root.state != "distrusted" and present.get(root.name) != root.sha256:
            yield f"trust.yml lists the root '{root.name}' as {root.sha256}, roots/ has {present.get(root.name)}"
    known = {(root.name, root.sha256) for root in listed}
    yield from (
        f"trust.yml does not list roots/{name}.crt" for name, digest in present.items() if (name, digest) not in known
    )


def _expected_roots(record: Path, expected: frozenset[str]) -> Iterator[str]:
    distrusted = {root.sha256 for root in _listed(record) if root.state == "distrusted"}
    present = {digest: name for name, digest in _roots(record).items() if digest not in distrusted}
    yield from (f"roots/{present[one]}.crt ({one}) is not expected" for one in sorted(set(present) - expected))
    yield from (f"the expected root {one} is not in roots/" for one in sorted(expected - set(present)))


def _listed(record: Path) -> tuple[Root, ...]:
    return parse_manifest(read(record / "trust.yml"), "trust.yml").roots


def _roots(record: Path) -> dict[str, str]:
    return {path.stem: certs.fingerprint(_certificate(path)) for path in sorted((record / "roots").glob("*.crt"))}


def _certificate(path: Path) -> x509.Certificate:
    return certs.load_certificate(read(path) or b"", f"{path.parent.name}/{path.name}")
