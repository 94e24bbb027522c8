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
from .context import Stage
from .steps import DONE, PENDING, Consent, Status, pin_of, ready_device, require_consent, touches


class SealStep:
    """Close and seal the transcript, and write the report."""

    id = "seal"

    def status(self, stage: Stage) -> Status:
        """Done when seal and report are there."""
        name = stage.plan.sealed_by
        what = f"write the report and seal the transcript with the key '{name}'"
        if self.is_done(stage):
            return Status(self.id, what, DONE)
        if _is_unsealable(stage):
            return Status(self.id, "close the transcript without a seal: its root was not signed", PENDING)
        key = stage.plan.keys[name]
        return Status(
            self.id,
            what,
            PENDING,
            consent=not stage.transcript.closed,
            digest="" if stage.transcript.closed else self._digest(stage),
            token=stage.signing_token(key),
            secrets=("pin",),
            touches=touches(stage, key),
            pin_holders=key.pin_holders,
        )

    @staticmethod
    def is_done(stage: Stage) -> bool:
        """Whether the ceremony is over: the seal comes last, where there is one."""
        closed = stage.transcript.find(EventKind.CLOSED)
        return (stage.place / SEAL).exists() or bool(closed and closed.data.get("unsealed"))

    def prepare(self, stage: Stage) -> None:
        """The digest is the transcript's own."""

    def perform(self, stage: Stage, consent: Consent) -> None:
        """Write the report, close, seal; each part unless it was done.

        Raises:
            TrustAnchorError: no consent, the token is not fit or refuses, the seal does not verify.
        """
        if _is_unsealable(stage):
            stage.transcript.append(EventKind.CONFIRMED, act=self.id, digest=self._digest(stage), by=consent.as_list())
            self._close(stage, unsealed=True)
            return
        key = stage.plan.keys[stage.plan.sealed_by]
        device = stage.signing_device(key)
        pin = pin_of(stage, device.name)
        if not stage.transcript.closed:
            digest = self._digest(stage)
            require_consent(consent, digest, "the transcript's head")
            ready_device(stage, device, key, public=stage.public_key(key.name).public)
            stage.transcript.append(EventKind.CONFIRMED, act=self.id, digest=digest, by=consent.as_list())
            self._close(stage)
        certificate = stage.root(stage.plan.sealed_by)
        data = read(stage.transcript.path) or b""
        signed = seal(data, certificate, signing_key(device.spec, device.key, pin, stage.public_key(key.name).public))
        # Verified before it has its name: a seal that is there is a good one.
        with tempfile.NamedTemporaryFile(prefix="seal-", suffix=".p7s") as draft:
            draft.write(signed)
            draft.flush()
            verify_seal(stage.transcript.path, Path(draft.name), certificate)
        save_once(stage.place / SEAL, signed)

    def _close(self, stage: Stage, unsealed: bool = False) -> None:
        records, plan = stage.transcript.events, stage.plan
        closing = report.closing_of(records, stage.abandon)
        reports = {
            "report.md": report.markdown(records, plan, closing).encode(),
            "report.html": report.html(records, plan, closing).encode(),
        }
        for name, data in reports.items():
            save(stage.place / name, data)
        digests = {name: sha256(data) for name, data in reports.items()}
        stage.transcript.append(EventKind.CLOSED, **closing, reports=digests, unsealed=unsealed)

    def _digest(self, stage: Stage) -> str:
        return head(stage.transcript.events)


def _is_unsealable(stage: Stage) -> bool:
    """Whether a ceremony is abandoned before the root that would seal it was signed."""
    return stage.abandon and not (stage.directory / "roots" / f"{stage.plan.sealed_by}.crt").exists()
