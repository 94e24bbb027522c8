# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores that are files of ours alone: each is exactly what it must be. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...host.accounts import run_as, writer_of
from ...host.files import Directory, File, wrong
from ...host.files import converge as converge_files
from .base import StoreFinding, Wanted, found
from .certificate_files import all_in, take_out

Items = Sequence[File | Directory]


@dataclass
class ManagedFiles:
    """Files that hold roots, or the settings that lead programs to them.

    Args:
        name: for people.
        path: the file, or their directory.
        render: the files that must be there; may raise `TrustAnchorError`.
        stale: paths of ours that must not be there.
        stray: files of others that hold what must not be trusted.
        holds_roots: the files hold the roots themselves, so fingerprints can be compared.
        after: what makes a change known, such as a reload of systemd.
        unread: why those whom the files are for do not read them; empty: they do.
        declared: by the operator.
    """

    name: str
    path: str
    render: Callable[[Wanted], Items]
    stale: Callable[[Wanted], list[str]] = field(default=lambda _wanted: [])
    stray: Callable[[Wanted], list[str]] = field(default=lambda _wanted: [])
    holds_roots: bool = True
    after: Callable[[], None] | None = None
    unread: Callable[[], str] = field(default=lambda: "")
    declared: bool = True
    user: int | None = None

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Compare byte by byte, and say what that means in fingerprints. Files that nobody reads are wrong."""
        items, stale, stray = self.render(wanted), self.stale(wanted), self.stray(wanted)
        differences = [f"{path}: {', '.join(what)}" for path, what in wrong(items).items()]
        differences += [f"{path}: must not be there" for path in stale]
        differences += [f"{path}: holds what must not be trusted" for path in stray]
        if unread := self.unread():
            differences.append(unread)
        if not differences or not self.holds_roots:
            return [found(self.name, self.path, (), (), "; ".join(differences))]
        paths = [*(item.path for item in items if isinstance(item, File)), *stale]
        present = all_in(paths).keys()
        unwanted = (present - wanted.sha256s) | wanted.unwanted(all_in(stray))
        missing = sorted(wanted.sha256s - present)
        return [found(self.name, self.path, missing, sorted(unwanted), "; ".join(differences))]

    def converge(self, wanted: Wanted) -> list[str]:
        """New files before old ones go. In a directory of a user, the user's own process does it."""
        run_as(*writer_of(self.path), lambda: self._write(wanted))
        if self.after:
            self.after()
        return []

    def writes(self, wanted: Wanted) -> list[str]:
        """What is rendered, what is stale and what is stray."""
        files = [item.path for item in self.render(wanted) if isinstance(item, File)]
        return [*files, *self.stale(wanted), *self.stray(wanted)]

    def _write(self, wanted: Wanted) -> None:
        converge_files(self.render(wanted), check=False)
        for path in self.stale(wanted):
            os.unlink(path)
        for path in self.stray(wanted):
            take_out(path, wanted.unwanted)
