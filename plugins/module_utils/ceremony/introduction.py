# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roots of a record were made at a ceremony that a trusted root has sealed (controller).

A seal by the very root that a ceremony made says nothing: anybody can make a root and seal with it. So the first root
is anchored outside the record, and each further one comes with a ceremony sealed by a root that counts already, at the
end of an unbroken chain: each ceremony names the last line and the seal of the one before. A seal covers all lines of
its transcript, so nothing else of the record is asked, neither plans nor what people confirmed: that is `verify/`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from ..errors import TrustAnchorError
from ..host.files import read, sha256
from ..journal.chain import Event, head
from ..trust.manifest import anchors as anchoring
from ..trust.manifest.anchors import Anchor
from ..trust.root import Root
from ..x509 import certificates as certs
from .seal import verify_sealed_by
from .transcript import SEAL, TRANSCRIPT, EventKind, read_transcript

_NOBODY = "nothing outside of the record vouches for any root: pki_anchors is empty"


@dataclass(frozen=True)
class Introductions:
    """The ceremonies of a record, seen from the anchors; a `RootCheck`.

    Args:
        record: directory of the public record.
        anchors: from the inventory.
    """

    record: Path
    anchors: tuple[Anchor, ...]

    def require(self, roots: Iterable[Root]) -> None:
        """Refuse roots that the inventory refuses, or that are neither anchored nor introduced by a sealed ceremony.

        Raises:
            TrustAnchorError: there is one; the message has the line for the inventory.
        """
        anchored = {one.sha256 for one in self.anchors if not one.refused}
        refused = {one.sha256: one for one in self.anchors if one.refused}
        wanted = {root.sha256: root for root in roots if root.sha256 not in anchored}
        if not wanted:
            return
        for fingerprint, root in wanted.items():
            if fingerprint in refused:
                raise _refused(root, refused[fingerprint].reason)
        remarks = [] if anchored else [_NOBODY]
        found = _introduced(self.record, anchored, refused, wanted, remarks) if anchored else set()
        for fingerprint, root in wanted.items():
            if fingerprint not in found:
                raise _stranger(root, remarks)


def find(record: str, option: object) -> Introductions:
    """The check of a record's roots.

    Args:
        record: directory of the public record.
        option: anchors as the inventory has them, see `anchors.parse`.

    Raises:
        TrustAnchorError: the anchors are not as they must be.
    """
    return Introductions(Path(record), anchoring.parse(option))


def _refused(root: Root, reason: str) -> TrustAnchorError:
    return TrustAnchorError(
        f"root '{root.name}' ({root.sha256}) is refused by the inventory ({reason})",
        "whoever has its key could certify everything",
        "Find out who lists it in the record as one that hosts trust, and make it distrusted",
    )


def _stranger(root: Root, remarks: Collection[str]) -> TrustAnchorError:
    said = "; ".join(remarks) or "no ceremony of the record made it"
    line = anchoring.line(root, "printed report of the first ceremony")
    return TrustAnchorError(
        f"root '{root.name}' ({root.sha256}) was introduced by no ceremony that an anchored root has sealed",
        said,
        "Find out who put it into the record. If its fingerprint is the one on the printed report, add it to the "
        f"inventory, outside of the record, with a reason of your own: pki_anchors: [{line.removeprefix('- ')}]",
    )


@dataclass(frozen=True)
class _Held:
    """A ceremony of the record that is closed."""

    directory: Path
    events: tuple[Event, ...]

    @property
    def previous(self) -> Mapping[str, object] | None:
        """What it says of the ceremony before it; None where it is the first.

        Raises:
            KeyError: it does not say.
            ValueError: in another shape.
        """
        said = self.events[0].data["previous"]
        if said is not None and not isinstance(said, Mapping):
            raise ValueError("what it says of the ceremony before is not a mapping")
        return said

    def follows(self, before: _Held) -> bool:
        """Whether it names the last line and the seal of another one as they are in the record."""
        said, seal = self.previous or {}, read(before.directory / SEAL)
        pinned = {"head": head(before.events), "seal": "" if seal is None else sha256(seal)}
        return all(said.get(name) == value for name, value in pinned.items())

    def made(self) -> dict[str, x509.Certificate]:
        """The roots that it signed and wrote, by fingerprint.

        Raises:
            ValueError, TypeError, KeyError: a line is of another shape.
        """
        written = {
            str(one.data["act"])
            for one in self.events
            if one.kind in (EventKind.WRITTEN, EventKind.FOUND) and str(one.data["path"]).startswith("roots/")
        }
        signed = (
            base64.b64decode(one.data["der"], validate=True)
            for one in self.events
            if one.kind == EventKind.SIGNED and one.data["act"] in written
        )
        return {hashlib.sha256(der).hexdigest(): x509.load_der_x509_certificate(der) for der in signed}


def _introduced(
    record: Path, anchored: Collection[str], refused: Collection[str], wanted: Collection[str], remarks: list[str]
) -> set[str]:
    """Fingerprints of the roots that count, at least those of ``wanted`` that do; ``remarks`` says why others do not.

    A seal is verified only where a ceremony has made a root that does not count yet: the chain pins all others.
    """
    accepted = set(anchored)
    sealers = {one: certificate for one, certificate in _roots(record) if one in accepted}
    for held in _chain(record, remarks):
        if accepted.issuperset(wanted):
            break
        try:
            made = {one: certificate for one, certificate in held.made().items() if one not in refused}
            sealers |= {one: certificate for one, certificate in made.items() if one in accepted}
            if not accepted.issuperset(made):
                verify_sealed_by(held.directory / TRANSCRIPT, held.directory / SEAL, sealers.values())
        except (TypeError, KeyError, ValueError) as error:
            remarks.append(f"{held.directory.name}: its transcript has facts of another shape ({error})")
            continue
        except TrustAnchorError as error:
            remarks.append(f"{held.directory.name}: {error.what}")
            continue
        accepted |= made.keys()
        sealers |= made
    return accepted


def _roots(record: Path) -> Iterator[tuple[str, x509.Certificate]]:
    for path in sorted((record / "roots").glob("*.crt")):
        with contextlib.suppress(TrustAnchorError):  # what is not a certificate seals nothing
            certificate = certs.load_certificate(read(path) or b"", str(path))
            yield certs.fingerprint(certificate), certificate


def _chain(record: Path, remarks: list[str]) -> Iterator[_Held]:
    """The ceremonies that are over, each behind the one that it stands on; those that hang in the air are left out."""
    rest = list(_held(record, remarks))
    ordered: list[_Held] = []
    for one in rest:
        try:
            first = one.previous is None
        except (KeyError, ValueError) as error:
            remarks.append(f"{one.directory.name} does not say which ceremony was before it ({error})")
            continue
        if first:
            ordered.append(one)
    for before in ordered:  # grows meanwhile
        yield before
        ordered += [one for one in rest if _name_before(one) == before.directory.name and one.follows(before)]
    loose = {one.directory.name for one in rest} - {one.directory.name for one in ordered}
    remarks += [f"{name} does not stand on a ceremony of the record as it is there" for name in sorted(loose)]


def _name_before(held: _Held) -> object:
    said = held.events[0].data.get("previous")
    return said.get("ceremony") if isinstance(said, Mapping) else None


def _held(record: Path, remarks: list[str]) -> Iterator[_Held]:
    for path in sorted((record / "ceremonies").glob(f"*/{TRANSCRIPT}")):
        try:
            events = read_transcript(read(path) or b"", str(path))
        except TrustAnchorError as error:
            remarks.append(error.what)
            continue
        if events and events[-1].kind == EventKind.CLOSED:
            yield _Held(path.parent, events)
        else:
            remarks.append(f"{path.parent.name} is not over")
