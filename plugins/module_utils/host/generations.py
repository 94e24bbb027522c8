# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that belong together, replaced together by one rename, and taken back by another. Standard library only.

DIRECTORY/generations/0001/…
DIRECTORY/current -> generations/0001

Whoever reads below ``current`` finds one generation, whole: it is prepared under a name that nobody reads, verified
there, and then the link is exchanged (rename(2)). A process that is killed at any moment leaves the old or the new one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import TrustAnchorError
from .files import sync_directory

_PREPARING = ".new-"
_MODE = 0o755  # of a generation; secret files in it have modes of their own


@dataclass(frozen=True)
class Generations:
    """The generations of one thing: the current one and the one before are kept.

    Whoever adds or takes back holds a lock of its own, which covers what it decides by, too.

    Args:
        directory: absolute path; it and ``generations`` below it must exist.
    """

    directory: str

    @property
    def current(self) -> str:
        """The link by which everybody reads."""
        return f"{self.directory}/current"

    @property
    def parent(self) -> str:
        """The directory in which the generations are."""
        return f"{self.directory}/generations"

    def add(self, prepare: Callable[[str], None]) -> str:
        """Make a new generation and let ``current`` name it.

        Args:
            prepare: writes the files into the directory that it is given, and verifies them; what it raises leaves
                everything as it was.

        Returns:
            Path of the new generation.

        Raises:
            TrustAnchorError: a directory cannot be written.
        """
        final = self._prepared(prepare)
        # Where somebody has removed the link, the newest one is what was current.
        before = self._current_number() or self._numbers()[-2:][0]
        self._forget(above=before, below=_number(final))
        self._point(final)
        self._forget(above=0, below=before)
        self._clear()
        return final

    def previous(self) -> str | None:
        """Path of the generation before the current one; None where there is none."""
        now = self._current_number()
        numbers = [number for number in self._numbers() if number < now]
        return self._path(numbers[-1]) if numbers else None

    def rollback(self) -> str:
        """Let ``current`` name the generation before it; the one that is left is removed by the next `add`.

        Returns:
            Path of the generation that is current now.

        Raises:
            TrustAnchorError: there is none before.
        """
        before = self.previous()
        if before is None:
            raise TrustAnchorError(
                f"there is nothing before {self.current} to go back to", f"{self.parent} has no older generation"
            )
        self._point(before)
        return before

    def _prepared(self, prepare: Callable[[str], None]) -> str:
        """A generation under its final name, which nothing names yet."""
        fresh = tempfile.mkdtemp(prefix=_PREPARING, dir=self.parent)
        try:
            prepare(fresh)
            os.chmod(fresh, _MODE)
            final = self._path(max(self._numbers(), default=0) + 1)
            os.rename(fresh, final)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        sync_directory(self.parent)
        return final

    def _point(self, generation: str) -> None:
        link = f"{self.directory}/.current"
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(os.path.relpath(generation, self.directory), link)
        os.rename(link, self.current)
        sync_directory(self.directory)

    def _forget(self, above: int, below: int) -> None:
        """Remove the generations between two numbers, both exclusive.

        Between the current one and a new one are those that were taken back, and those that a killed process never
        made current: nobody may go back to these. Numbers still rise, so a path never names something else.
        """
        for number in self._numbers():
            if above < number < below:
                shutil.rmtree(self._path(number), ignore_errors=True)

    def _clear(self) -> None:
        """Remove what a killed process had not finished."""
        for name in os.listdir(self.parent):
            if name.startswith(_PREPARING):
                shutil.rmtree(os.path.join(self.parent, name), ignore_errors=True)

    def _path(self, number: int) -> str:
        return f"{self.parent}/{number:04d}"

    def _numbers(self) -> list[int]:
        return sorted(int(name) for name in os.listdir(self.parent) if name.isdigit())

    def _current_number(self) -> int:
        """0 where there is no current one, or the link names nothing."""
        named = os.path.islink(self.current) and os.path.isdir(self.current)
        return _number(os.readlink(self.current)) if named else 0


def _number(path: str) -> int:
    """Number of a generation, 0 of anything else."""
    name = os.path.basename(path)
    return int(name) if name.isdigit() else 0
