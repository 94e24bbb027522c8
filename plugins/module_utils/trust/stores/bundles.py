# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles that programs bring with them, such as certifi's in a virtual environment. Standard library only.

They are the program's own, and its next upgrade writes them again: nothing is ever changed there. But people put roots
into them by hand, and a root that must be absent is trusted by whoever reads them, so it is looked for and named.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...host import pem
from ...host.files import read
from . import debian, variable_stores
from .base import StoreFinding, Wanted, compared
from .cache import Cache
from .kind import Declared, StoreKind, entries

_UV_SWITCHES = ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "SSL_CERT_FILE")
_UV_DIRECTORIES = "/usr/local/bin:/usr/bin"


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
        if not held:
            said = "it is declared as a program's bundle"
            raise TrustAnchorError(f"{self.path} holds no certificate in PEM", said, "Correct the declaration")
        bad = wanted.unwanted(held)
        if not bad:
            return [StoreFinding(self.name, self.path, why=_told(len(wanted.sha256s - held.keys())))]
        why = "it is the program's own, so take it out by hand, or install the program's bundle again"
        return [compared(self.name, self.path, {**dict.fromkeys(wanted.sha256s, ""), **held}, wanted, why=why)]

    def converge(self, _wanted: Wanted) -> list[str]:
        """Nothing is changed."""
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """Nothing is changed."""
        return []


@dataclass
class BuiltInRoots:
    """Roots that are compiled into a program: nobody can look into them, or change them.

    Args:
        name: of the program.
        path: of it.
        way_out: what its users can do.
    """

    name: str
    path: str
    way_out: str
    declared: bool = False
    user: int | None = None

    def find(self, _wanted: Wanted) -> list[StoreFinding]:
        """That it has them is reported; the store is right, since none of our roots was ever among them."""
        return [StoreFinding(self.name, self.path, why=f"not ours: its roots are built into it. {self.way_out}")]

    def converge(self, _wanted: Wanted) -> list[str]:
        """Nothing is changed."""
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """Nothing is changed."""
        return []


def _told(missing: int) -> str:
    """What is to be known of a bundle that is right."""
    way_out = f"lead it to {debian.BUNDLE} by REQUESTS_CA_BUNDLE (requests) or SSL_CERT_FILE (httpx) in its own unit"
    return f"not ours: the program lacks {missing} of our roots; if it needs them, {way_out}" if missing else ""


def _discover(_cache: Cache, _declared: Declared) -> Iterator[BuiltInRoots]:
    """uv, unless a variable for all leads it to the system's roots."""
    program = shutil.which("uv", path=_UV_DIRECTORIES)
    if program and not variable_stores.is_set(_UV_SWITCHES):
        yield BuiltInRoots("uv", program, "Set UV_SYSTEM_CERTS=true (UV_NATIVE_TLS=true in earlier versions)")


def _open(declared: Declared, _cache: Cache) -> list[Bundle]:
    return [Bundle(KIND.filled(entry)["path"]) for entry in declared]


KIND = StoreKind(
    name="bundles of programs",
    option="bundles",
    spec=entries(),
    open=_open,
    discover=_discover,
    example=({"path": "/opt/app/venv/lib/python3.11/site-packages/certifi/cacert.pem"},),
)
