# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last step: the transcript is closed, sealed by a root, and printed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...host.files import read, save, save_once, sha256
from ...journal.chain import head
from ...token.signing_keys import signing_key
from .. import report
from ..seal import seal, verify_seal
from ..transcript import SEAL, EventKind
from .context import CeremonyContext
from .steps import DONE, PENDING, Consent, Status, pin_of, ready_device, require_consent, touches


class SealStep:
    """Close and seal the transcript, and write the report."""

    id = "seal"

    def status(self, context: CeremonyContext) -> Status:
        """Done when seal and report are there."""
        name = context.plan.sealed_by
        what = f"write the report and seal the transcript with the key '{name}'"
        if self.is_done(context):
            return Status(self.id, what, DONE)
        if _is_unsealable(context):
            return Status(self.id, "close the transcript without a seal: its root was not signed", PENDING)
        key = context.plan.keys[name]
        return Status(
            self.id,
            what,
            PENDING,
            consent=not context.transcript.closed,
            digest="" if context.transcript.closed else self._digest(context),
            token=context.signing_token(key),
            secrets=("pin",),
            touches=touches(context, key),
            pin_holders=key.pin_holders,
        )

    @staticmethod
    def is_done(context: CeremonyContext) -> bool:
        """Whether the ceremony is over: the seal comes last, where there is one."""
        closed = context.transcript.find(EventKind.CLOSED)
        return (context.ceremony_directory / SEAL).exists() or bool(closed and closed.data.get("unsealed"))

    def prepare(self, context: CeremonyContext) -> None:
        """The digest is the transcript's own."""

    def perform(self, context: CeremonyContext, consent: Consent) -> None:
        """Write the report, close, seal; each part unless it was done.

        Raises:
            TrustAnchorError: no consent, the token is not fit or refuses, the seal does not verify.
        """
        if _is_unsealable(context):
            context.transcript.append(
                EventKind.CONFIRMED, act=self.id, digest=self._digest(context), by=consent.as_list()
            )
            self._close(context, unsealed=True)
            return
        key = context.plan.keys[context.plan.sealed_by]
        device = context.signing_device(key)
        pin = pin_of(context, device.name)
        if not context.transcript.closed:
            digest = self._digest(context)
            require_consent(consent, digest, "the transcript's head")
            ready_device(context, device, key, public=context.public_key(key.name).public)
            context.transcript.append(EventKind.CONFIRMED, act=self.id, digest=digest, by=consent.as_list())
            self._close(context)
        certificate = context.root(context.plan.sealed_by)
        data = read(context.transcript.path) or b""
        signed = seal(data, certificate, signing_key(device.spec, device.key, pin, context.public_key(key.name).public))
        # Verified before it has its name: a seal that is there is a good one.
        with tempfile.NamedTemporaryFile(prefix="seal-", suffix=".p7s") as draft:
            draft.write(signed)
            draft.flush()
            verify_seal(context.transcript.path, Path(draft.name), certificate)
        save_once(context.ceremony_directory / SEAL, signed)

    def _close(self, context: CeremonyContext, unsealed: bool = False) -> None:
        records, plan = context.transcript.events, context.plan
        closing = report.closing_of(records, context.abandon)
        reports = {
            "report.md": report.markdown(records, plan, closing).encode(),
            "report.html": report.html(records, plan, closing).encode(),
        }
        for name, data in reports.items():
            save(context.ceremony_directory / name, data)
        digests = {name: sha256(data) for name, data in reports.items()}
        context.transcript.append(EventKind.CLOSED, **closing, reports=digests, unsealed=unsealed)

    def _digest(self, context: CeremonyContext) -> str:
        return head(context.transcript.events)


def _is_unsealable(context: CeremonyContext) -> bool:
    """Whether a ceremony is abandoned before the root that would seal it was signed."""
    return context.abandon and not (context.directory / "roots" / f"{context.plan.sealed_by}.crt").exists()
