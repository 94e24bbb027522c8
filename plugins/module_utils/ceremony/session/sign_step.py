# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that signs one file: drafted, confirmed, signed, checked, written, each noted in the transcript."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read, sha256
from ...token.signing_keys import signing_key
from ...x509.signatures import signature_holds, tbs
from ..acts.base import SigningAct
from ..outputs import Output
from ..transcript import EventKind
from .context import CeremonyContext
from .previous import wrote
from .steps import DONE, PENDING, Consent, Status, pin_of, ready_device, require_consent, touches


@dataclass(frozen=True)
class SignStep:
    """Sign one file."""

    act: SigningAct

    @property
    def id(self) -> str:
        """As in the plan."""
        return self.act.id

    def status(self, context: CeremonyContext) -> Status:
        """Done when the file is there as planned and the transcript says so."""
        output = context.output(self.act)
        if output.is_done():
            facts = output.form.facts(output.existing())
            recorded = any(context.transcript.find(kind, self.id) for kind in (EventKind.WRITTEN, EventKind.FOUND))
            if not recorded:
                self._require_ours(context, output)
            return Status(self.id, f"sign the {output.what}", DONE if recorded else PENDING, facts=facts)
        before, after = output.diff()
        if self._signed(context) is not None:
            return Status(self.id, f"write the {output.what}", PENDING, before=before, facts=after)
        return self._unsigned(context, output, before, after)

    def is_owed(self, context: CeremonyContext) -> bool:
        """Whether it was signed and has not got into its place."""
        signed, written = (context.transcript.find(kind, self.id) for kind in (EventKind.SIGNED, EventKind.WRITTEN))
        return signed is not None and written is None

    def _require_ours(self, context: CeremonyContext, output: Output[Any]) -> None:
        """What is there as planned was signed in this ceremony, or written by another one that is over.

        Raises:
            TrustAnchorError: nobody knows where it comes from.
        """
        signed, existing = self._signed(context), output.existing()
        data = read(context.directory / output.path) or b""
        if signed is not None and signed != existing:
            raise TrustAnchorError(
                f"{output.path} is as planned, but not the one that this ceremony signed",
                "two of them for one act",
                "Find out where the file comes from; revoke one of the two",
            )
        if signed is None and not wrote(context.ceremony_directory, output.path, sha256(data)):
            raise TrustAnchorError(
                f"{output.path} is there as planned, and no ceremony of this record wrote it",
                "whoever put it there used the key without being asked",
                "Find out who signed it; restore the transcript of its ceremony if that was lost",
            )

    def _unsigned(
        self, context: CeremonyContext, output: Output[Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Status:
        missing = self._missing(context)
        key = context.plan.keys[self.act.signer]
        if self.id not in context.linted:
            output.draft(_random_serial()).rehearse()
            context.linted.add(self.id)
        draft = context.transcript.find(EventKind.DRAFT, self.id)
        return Status(
            self.id,
            f"sign the {output.what}",
            PENDING,
            consent=True,
            digest=draft.data["tbs_sha256"] if draft else "",
            token=context.signing_token(key),
            secrets=("pin",),
            touches=touches(context, key),
            pin_holders=key.pin_holders,
            before=before,
            facts=_known(after) if missing else after,
            missing=missing,
        )

    def _missing(self, context: CeremonyContext) -> str:
        """Why what will be signed cannot be known yet. A cross-certificate needs two keys."""
        missing = (context.public_key(name).missing for name in self.act.needs if name in context.plan.keys)
        return next((why for why in missing if why), "")

    def prepare(self, context: CeremonyContext) -> None:
        """Draw the serial number and write down what will be signed.

        Raises:
            TrustAnchorError: it breaks a rule, or is no longer what was written down.
        """
        output = context.output(self.act)
        if output.is_done() or self._missing(context):
            return
        record = context.transcript.find(EventKind.DRAFT, self.id)
        if record is not None:
            self._require_unchanged(output, record.data)
            return
        serial = _random_serial()
        draft = output.draft(serial)
        rehearsed = draft.rehearse()
        context.linted.add(sha256(tbs(rehearsed)))
        facts = {name: value for name, value in output.form.facts(rehearsed).items() if name != "sha256"}
        context.transcript.append(
            EventKind.DRAFT,
            act=self.id,
            what=output.what,
            serial=f"{serial:x}",
            tbs_sha256=sha256(tbs(rehearsed)),
            facts=facts,
            lint=context.lint.linters(),
            **self._request(context),
        )

    def _request(self, context: CeremonyContext) -> dict[str, str]:
        """The request itself: its file is replaced one day, the transcript stays."""
        if not self.act.request:
            return {}
        return {"request": (read(context.inputs / self.act.request) or b"").decode("ascii", "replace")}

    def _require_unchanged(self, output: Output[Any], draft: Mapping[str, Any]) -> None:
        found = output.draft(int(draft["serial"], 16)).tbs_sha256()
        if found != draft["tbs_sha256"]:
            raise TrustAnchorError(
                f"{self.id}: what would be signed has the digest {found}",
                f"the transcript has a draft with {draft['tbs_sha256']}: an input has changed since",
                "Restore the inputs, or plan again under another name",
            )

    def perform(self, context: CeremonyContext, consent: Consent) -> None:
        """Sign unless that was done, check, write, and say so.

        Raises:
            TrustAnchorError: no consent, the token is not fit or refuses, or the result is not what it should be.
        """
        output = context.output(self.act)
        if not output.is_done():
            self.prepare(context)
            signed = self._signed(context)
            if signed is None:  # an empty CRL is false
                signed = self._sign(context, output, consent)
            self._draft(context, output).check(signed)
            output.write(signed)
        self._require_ours(context, output)
        kind = EventKind.FOUND if self._signed(context) is None else EventKind.WRITTEN
        data = read(context.directory / output.path) or b""
        facts = output.form.facts(output.form.load(data, output.path))
        context.transcript.append(kind, act=self.id, path=output.path, sha256=sha256(data), facts=facts)

    def _draft(self, context: CeremonyContext, output: Output[Any]) -> Any:
        record = context.transcript.find(EventKind.DRAFT, self.id)
        if record is None:
            raise TrustAnchorError(f"{self.id} cannot be signed yet", self._missing(context))
        return output.draft(int(record.data["serial"], 16))

    def _signed(self, context: CeremonyContext) -> Any:
        """What the token signed according to the transcript, None where it did not."""
        record, draft = (context.transcript.find(kind, self.id) for kind in (EventKind.SIGNED, EventKind.DRAFT))
        if record is None or draft is None or record.data["tbs_sha256"] != draft.data["tbs_sha256"]:
            return None
        der = base64.b64decode(record.data["der"])
        signed = self.act.form.load_der(der)
        # One by another key, which a token in the wrong place made, is as good as none.
        return signed if signature_holds(signed, context.public_key(self.act.signer).public) else None

    def _sign(self, context: CeremonyContext, output: Output[Any], consent: Consent) -> Any:
        draft = self._draft(context, output)
        digest = draft.tbs_sha256()
        if digest not in context.linted:
            draft.rehearse()
        require_consent(consent, digest, output.what)
        key = context.plan.keys[self.act.signer]
        device = context.signing_device(key)
        facts = ready_device(context, device, key, public=output.issuer_key)
        context.transcript.append(EventKind.CONFIRMED, act=self.id, tbs_sha256=digest, by=consent.as_list())
        signed = draft.sign(signing_key(device.spec, device.key, pin_of(context, device.name), output.issuer_key))
        # At once, before any check: whatever happens next, this signature is known and no second one is needed.
        context.transcript.append(
            EventKind.SIGNED,
            act=self.id,
            tbs_sha256=sha256(tbs(signed)),
            der=base64.b64encode(output.form.der(signed)).decode(),
            token=device.name,
            token_serial=facts.serial,
        )
        return signed


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that do not come from a key that is not there yet."""
    return {name: value for name, value in facts.items() if name != "public_key_sha256"}


def _random_serial() -> int:
    return x509.random_serial_number()
