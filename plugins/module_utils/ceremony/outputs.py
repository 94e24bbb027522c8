# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that an act of the ceremony signs: whether it is there as planned, and how it gets there.

The plan decides every byte but the serial number and the signature. So a file is as planned when building it
again with its own serial gives the bytes that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from ..errors import TrustAnchorError
from ..host.files import read, save, save_once
from ..x509.builders import PublicKey
from ..x509.signatures import signature_holds, tbs
from .draft import Draft, Signed


@dataclass(frozen=True)
class Form(Generic[Signed]):
    """How a signed thing is kept in a file.

    Args:
        load: from bytes and the name of their source.
        load_der: from DER, as the transcript has it.
        dump: to the file's bytes.
        der: to DER, for the transcript.
        facts: what a reviewer wants to know, JSON-serialisable.
        serial: its serial number; 0 for what has none.
        archive: path in the record where a replaced one is kept, from path and content.
    """

    load: Callable[[bytes, str], Signed]
    load_der: Callable[[bytes], Signed]
    dump: Callable[[Signed], bytes]
    der: Callable[[Signed], bytes]
    facts: Callable[[Signed], dict[str, Any]]
    serial: Callable[[Signed], int]
    archive: Callable[[str, Signed], str]


@dataclass(frozen=True)
class Output(Generic[Signed]):
    """What one act signs.

    Args:
        directory: the working directory.
        path: of the file, relative to it.
        what: names it for people.
        form: how it is kept.
        build: the builder for a serial number.
        issuer_key: public key that signs.
        lint: problems of the signed form.
        succeeds: whether this one may replace the given one, which then goes to the archive.
    """

    directory: Path
    path: str
    what: str
    form: Form[Signed]
    build: Callable[[int], Any]
    issuer_key: PublicKey
    lint: Callable[[Signed], Iterable[str]]
    succeeds: Callable[[Signed], bool] = lambda _existing: False

    def draft(self, serial: int) -> Draft[Signed]:
        """What is to be signed, with this serial number."""
        return Draft(self.what, self.build(serial), self.issuer_key, self.lint)

    def existing(self) -> Signed | None:
        """What the file holds.

        Raises:
            TrustAnchorError: it cannot be read or parsed.
        """
        data = read(self.directory / self.path)
        return None if data is None else self.form.load(data, self.path)

    def is_done(self) -> bool:
        """Whether the file is there as planned.

        Raises:
            TrustAnchorError: another one is there, which this one may not replace.
        """
        existing = self.existing()
        if existing is None:
            return False
        wanted = self.draft(self.form.serial(existing)).sign_ephemeral()
        if tbs(wanted) == tbs(existing):
            if not signature_holds(existing, self.issuer_key):
                raise TrustAnchorError(
                    f"the signature of {self.path} does not verify", "the file may have been tampered with"
                )
            return True
        if self.succeeds(existing):
            return False
        raise TrustAnchorError(
            f"{self.path} exists and differs from what is planned: {self._differences(existing, wanted)}",
            "signed artefacts are never overwritten",
            "Restore the plan it was signed from, or use a new name (root) or a new key (intermediate)",
        )

    def _differences(self, existing: Signed, wanted: Signed) -> str:
        found, asked = self.form.facts(existing), self.form.facts(wanted)
        names = [name for name in found if found[name] != asked[name] and name not in ("sha256", "serial")]
        return "; ".join(f"{name} is {found[name]!r}, the plan says {asked[name]!r}" for name in names) or "encoding"

    def write(self, signed: Signed) -> None:
        """Put it into its place, once. What it replaces goes to the archive first. Doing it twice is harmless.

        Raises:
            TrustAnchorError: a file cannot be written, or something else is there.
        """
        data, target = self.form.dump(signed), self.directory / self.path
        existing = self.existing()
        if existing is None:
            save_once(target, data)
        elif existing != signed:
            if not self.succeeds(existing):
                raise TrustAnchorError(f"{target} exists", "signed artefacts are never overwritten")
            kept = self.directory / self.form.archive(self.path, existing)
            if read(kept) is None:
                save_once(kept, self.form.dump(existing))
            save(target, data)

    def diff(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Facts before, and facts planned (with serial and fingerprint left out)."""
        existing = self.existing()
        before = self.form.facts(existing) if existing is not None else {}
        after = self.form.facts(self.draft(1).sign_ephemeral())
        return before, {name: value for name, value in after.items() if name not in ("sha256", "serial")}
