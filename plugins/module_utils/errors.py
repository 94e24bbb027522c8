# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that the domain raises for a fault that a person can act on."""

from __future__ import annotations

from collections.abc import Sequence


class TrustAnchorError(Exception):
    """A fault, told in three parts.

    Args:
        what: what is wrong, with the value that is wrong.
        why: why it matters, or what was expected.
        next_step: what the operator does next.
    """

    def __init__(self, what: str, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        fault = ": ".join(part.rstrip(".") for part in (self.what, self.why) if part)
        return " ".join(f"{part.rstrip('.')}." for part in (fault, self.next_step) if part)

    def as_dict(self) -> dict[str, str]:
        """The parts, for a module's structured result."""
        return {"what": self.what, "why": self.why, "next_step": self.next_step}


def joined(faults: Sequence[TrustAnchorError]) -> TrustAnchorError:
    """Several faults as one, when the work went on after each of them.

    Args:
        faults: at least one.
    """
    if len(faults) == 1:
        return faults[0]
    listed = "".join(f"\n* {one}" for one in faults)
    return TrustAnchorError(f"{len(faults)} things are not as they should be:{listed}", "", "Correct each of them")
