# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finger on the key: automatic, never, or when a test says so."""

from __future__ import annotations

import threading

MODES = ("automatic", "manual", "never")


class Touch:
    """Answers requests for a touch; used by the threads of all tokens.

    Args:
        mode: automatic touches at once; manual waits for `press`; never lets the time pass.
        seconds: how long a token waits.
    """

    def __init__(self, mode: str = "automatic", seconds: float = 15.0) -> None:
        self._first = (mode, seconds)
        self.mode = mode
        self.seconds = seconds
        self.requests = 0
        self._changed = threading.Condition()
        self._answers: dict[int, bool | None] = {}  # of the tokens that wait, by serial

    def renew(self) -> None:
        """Become as at the beginning."""
        self.mode, self.seconds = self._first
        self.requests = 0

    def waiting(self) -> list[int]:
        """Return the serials of the tokens that wait for a touch."""
        with self._changed:
            return sorted(serial for serial, answer in self._answers.items() if answer is None)

    def set_mode(self, mode: str, seconds: float | None = None) -> None:
        """Change how touches are given from now on."""
        if mode not in MODES:
            raise ValueError(f"touch: {', '.join(MODES)}")
        self.mode = mode
        self.seconds = self.seconds if seconds is None else seconds

    def request(self, serial: int) -> bool:
        """Wait for a touch of this token; return whether it came."""
        with self._changed:
            self.requests += 1
            if self.mode == "automatic":
                return True
            self._answers[serial] = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._answers[serial] is not None, self.seconds)
            return bool(self._answers.pop(serial))

    def press(self, serial: int, seconds: float) -> bool:
        """Wait until this token asks for a touch, and give it; return whether it asked in time."""
        return self._settle(serial, True, seconds)

    def cancel(self, serial: int) -> None:
        """End the request of a token that was pulled, if there is one."""
        self._settle(serial, False, 0)

    def _settle(self, serial: int, answer: bool, seconds: float) -> bool:
        with self._changed:
            asked = self._changed.wait_for(lambda: self._answers.get(serial, False) is None, seconds)
            if asked:
                self._answers[serial] = answer
                self._changed.notify_all()
            return asked
