# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a token's PIN, PUK, management key and retry counts have to be set."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Device, TokenFacts


@dataclass(frozen=True, repr=False)
class NewCredentials:
    """What is set, or is already set; never shown.

    Args:
        pin: 6 to 8 bytes.
        puk: 6 to 8 bytes.
        management_key: hexadecimal; None makes a random one that only the PIN gives access to.
    """

    pin: str
    puk: str
    management_key: str | None = None

    def __repr__(self) -> str:
        return "NewCredentials(...)"


@dataclass(frozen=True)
class CredentialPlan:
    """What is to be set.

    Args:
        device: of which token.
        facts: as it is.
        steps: of retries, pin, puk, management_key, in the order of their execution.
        pin_retries: attempts at the PIN, with the step retries.
        puk_retries: attempts at the PUK, with the step retries.
        algorithm: of a new management key.
    """

    device: Device
    facts: TokenFacts
    steps: tuple[str, ...]
    pin_retries: int
    puk_retries: int
    algorithm: str

    @property
    def changed(self) -> bool:
        """Whether there is anything to set."""
        return bool(self.steps)

    @property
    def needed(self) -> list[str]:
        """The secrets that the steps take."""
        if not self.steps:
            return []
        needed = ["pin"] if self.steps != ("puk",) else []
        needed += ["puk"] if "puk" in self.steps else []
        unknown = "management_key" not in self.facts.defaults and not self.facts.management_key_protected
        return [*needed, "management_key"] if "retries" in self.steps and unknown else needed


def nothing_to_set(
    device: Device, facts: TokenFacts, pin_retries: int | None, puk_retries: int | None, algorithm: str
) -> CredentialPlan:
    """The plan for a token that leaves its factory without credentials; arguments as of `CredentialPlan`."""
    return CredentialPlan(device, facts, (), *wanted_retries(facts, pin_retries, puk_retries), algorithm)


def wanted_retries(facts: TokenFacts, pin_retries: int | None, puk_retries: int | None) -> tuple[int, int]:
    """The counts that are asked for, or else those that the token has; 0 where it has none."""
    return pin_retries or facts.pin_retries_max or 0, puk_retries or facts.puk_retries_max or 0
