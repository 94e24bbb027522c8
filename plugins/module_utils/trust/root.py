# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root of the estate, from the trust manifest to the stores of a host. Standard library only."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass, field

STATES = ("staged", "trusted", "retiring", "distrusted")
TRUSTED_STATES = ("trusted", "retiring")  # hosts trust roots in these


@dataclass(frozen=True)
class Root:
    """One root.

    Args:
        name: its file name in the record, without ``.crt``; empty where nobody named it, as on a host.
        sha256: fingerprint, 64 lower-case hex digits.
        state: one of `STATES`.
        pem: one PEM block with a newline at its end: the same certificate gives the same bytes. Empty where only the
            fingerprint is known: in ``trust.yml``, and of a distrusted root.
        standby: it takes the place of another root that has to be abandoned, and signs nothing until then.
        since: when it came into its state, UTC; None in a manifest that does not say.
        incident: reference of the incident that was the reason for its state; empty for a planned change.
        not_before: start of its validity, seconds since the epoch; 0 where nobody asked.
        not_after: the end of it.
    """

    name: str
    sha256: str
    state: str = "trusted"
    pem: str = ""
    standby: bool = False
    since: dt.datetime | None = None
    incident: str = ""
    not_before: int = field(default=0, compare=False)
    not_after: int = field(default=0, compare=False)

    @property
    def is_trusted(self) -> bool:
        """Whether hosts trust it."""
        return self.state in TRUSTED_STATES

    @property
    def is_distrusted(self) -> bool:
        """Whether no store of a host may trust it."""
        return self.state == "distrusted"

    def has_expired(self, now: float) -> bool:
        """Whether it is known to have ended; ``now`` in seconds since the epoch."""
        return 0 < self.not_after <= now

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return ssl.PEM_cert_to_DER_cert(self.pem)

    def for_hosts(self) -> dict[str, str]:
        """Plain form, as a host is told to trust it."""
        return {"name": self.name, "sha256": self.sha256, "pem": self.pem}
