# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles that programs bring with them, such as certifi's in a virtual environment. Standard library only.

They are the program's own, and its next upgrade writes them again: nothing is ever changed there. But people put roots
into them by hand, and a root that must be absent is trusted by whoever reads them, so it is looked for and named.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...host import pem
from ...host.files import read
from .base import StoreFinding, Wanted, compared
from .cache import Cache
from .kind import Declared, StoreKind, entries


@dataclass
class Bundle:
    """A file of certificates that belongs to a program.

    Args:
        path: of it.
    """

    path: str
    declared: bool = True
    user: int | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"bundle {self.path}"

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Whether it holds what must not be trusted. Our roots belong elsewhere: without them it is right."""
        content = read(self.path)
        if content is None:
            raise TrustAnchorError(
                f"{self.path} is not there", "it is declared as a program's bundle", "Correct the declaration"
            )
        held = pem.issuers(content.decode(errors="replace"))
        bad = wanted.unwanted(held)
        why = "it is the program's own, so take it out by hand, or install the program's bundle again" if bad else ""
        return [compared(self.name, self.path, {**dict.fromkeys(wanted.sha256s, ""), **held}, wanted, why=why)]

    def converge(self, _wanted: Wanted) -> list[str]:
        """Nothing is changed."""
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """Nothing is changed."""
        return []


def _open(declared: Declared, _cache: Cache) -> list[Bundle]:
    return [Bundle(KIND.filled(entry)["path"]) for entry in declared]


KIND = StoreKind(
    name="bundles of programs",
    option="bundles",
    spec=entries(),
    open=_open,
    example=({"path": "/opt/app/venv/lib/python3.11/site-packages/certifi/cacert.pem"},),
)
