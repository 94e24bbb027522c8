# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import TrustAnchorError


@dataclass(frozen=True)
class Check:
    """One result.

    Args:
        ceremony: its name; empty for a check of the whole record.
        check: what was checked.
        ok: whether it holds.
        detail: what is wrong, or worth knowing; empty where nothing is.
    """

    ceremony: str
    check: str
    ok: bool
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """For a module's result."""
        return asdict(self)


def look(ceremony: str, title: str, problems: Callable[[], Iterable[str]]) -> Check:
    """A check that holds where there are no problems."""
    found = _found(problems)
    return Check(ceremony, title, not found, "; ".join(found))


def tell(ceremony: str, title: str, remarks: Callable[[], Iterable[str]]) -> Check:
    """A check that always holds, and tells a person what to judge."""
    return Check(ceremony, title, True, "; ".join(_found(remarks)))


def _found(problems: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return list(problems())
    except TrustAnchorError as error:
        return [str(error)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a record that no program of ours wrote
        return [f"the transcript has facts of another shape ({error})"]
