# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a token; nothing is signed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ...schema import check_keys
from ..plan.schema import read_name
from .base import ActKind, Entry, PlanSoFar, no_drafts


@dataclass(frozen=True)
class InspectAct:
    """Look at a token."""

    token: str

    made_root = signing = None

    @property
    def id(self) -> str:
        """Names the act in the transcript."""
        return f"inspect:{self.token}"

    @property
    def what(self) -> str:
        """The act in words."""
        return f"inspect the token '{self.token}'"

    @property
    def inspects(self) -> str:
        """The token."""
        return self.token

    def dump(self, start: dt.datetime) -> Entry:
        """As a plan has it."""
        return {"act": KIND.name, "token": self.token}

    def check(self, plan: PlanSoFar) -> None:
        """Any token may be looked at."""

    def marked(self, mark: str) -> InspectAct:
        """Itself: it gives no name."""
        return self


def _parse(entry: Entry, _start: dt.datetime) -> InspectAct:
    return InspectAct(read_name(check_keys(entry, ("token",), "act inspect"), "token", "act inspect"))


KIND = ActKind("inspect", _parse, no_drafts, files=None)
