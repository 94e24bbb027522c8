# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try the mutants of one file, in a copy of the checkout: python -m dev.mutation.trial REQUEST RESULTS

REQUEST is JSON: ``copy`` (directory of the copied checkout), ``file``, ``tests``, ``changes`` (lists of start, end
and text). RESULTS gets one line of JSON for the run without a change, and one for each change.

pytest and the libraries are loaded once, and each run is a fork. First come the tests that run the changed lines, the
fastest first; only what survives them meets the other tests.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import pytest

from . import ENDLESS

LIBRARIES = ("cryptography.x509", "cryptography.hazmat.primitives.serialization.pkcs7", "hypothesis", "yaml", "ssl")
# A run may take so many times the processor time that its tests took without a change, and so much more. The clock on
# the wall is for what waits for ever: on a busy machine it tells little.
CPU_TIMES, CPU_SECONDS = 5, 20
WALL_TIMES, WALL_SECONDS = 20, 120


@dataclass
class Watch:
    """A plugin of pytest for the run without a change: which test runs which lines of the file, and how long."""

    file: str
    lines: dict[str, set[int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Around each test."""
        began, lines = time.monotonic(), self.lines.setdefault(item.nodeid, set())

        def inside(frame: FrameType, _event: str, _argument: object) -> Callable[..., Any]:
            lines.add(frame.f_lineno)
            return inside

        def enter(frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
            return inside(frame, event, argument) if frame.f_code.co_filename == self.file else None

        sys.settrace(enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.seconds[item.nodeid] = time.monotonic() - began


@dataclass
class Choice:
    """A plugin of pytest: these tests in this order; it notes the first that failed.

    Tests that were not there without the change are taken, too, at the end: their names come from what was changed.
    """

    names: list[str]
    known: Collection[str]
    note: Path

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the others out."""
        place = {name: index for index, name in enumerate(self.names)}
        chosen = [item for item in items if item.nodeid in place or item.nodeid not in self.known]
        items[:] = sorted(chosen, key=lambda item: place.get(item.nodeid, len(place)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After each phase of a test."""
        if report.failed and not self.note.exists():
            self.note.write_text(report.nodeid)


class Trial:
    """One file and its tests."""

    def __init__(self, request: dict[str, Any], results: TextIO) -> None:
        self.copy, self.results = Path(request["copy"]), results
        self.file, self.tests = self.copy / request["file"], list(request["tests"])
        self.source = self.file.read_bytes()
        self.note, self.output = self.copy / "note", self.copy / "output"
        self.watched: dict[str, Any] = {}

    def measure(self) -> bool:
        """Run all tests without a change; return whether they pass."""
        watch, answer = Watch(str(self.file)), self.copy / "watched"

        def run() -> int:
            code = int(pytest.main(self._arguments(), plugins=[watch]))
            lines = {name: sorted(found) for name, found in watch.lines.items()}
            answer.write_text(json.dumps({"lines": lines, "seconds": watch.seconds}))
            return code

        code = self._fork(run, 3600)
        if code == 0:
            self.watched = json.loads(answer.read_text())
        self._tell({"passed": code == 0, "output": self.output.read_text()[-3000:] if code else ""})
        return code == 0

    def attempt(self, start: int, end: int, text: str) -> None:
        """One change."""
        changed = self.source[:start] + text.encode() + self.source[end:]
        first, last = (self.source.count(b"\n", 0, place) + 1 for place in (start, end))
        seconds: dict[str, float] = self.watched["seconds"]
        names = sorted(seconds, key=lambda name: seconds[name])
        near = [name for name in names if set(range(first, last + 1)) & set(self.watched["lines"][name])]
        began = time.monotonic()
        self._write(changed)
        try:
            killed = any(self._kills(some) for some in (near, [n for n in names if n not in near]) if some)
        finally:
            self._write(self.source)
        by = self.note.read_text() if self.note.exists() else ""
        self._tell({"killed": killed, "by": by, "seconds": round(time.monotonic() - began, 1), "tests": len(near)})

    def _kills(self, names: list[str]) -> bool:
        self.note.unlink(missing_ok=True)
        seconds = sum(self.watched["seconds"][name] for name in names)
        choice = Choice(names, self.watched["seconds"], self.note)

        def run() -> int:
            limit = round(CPU_TIMES * seconds + CPU_SECONDS)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            return int(pytest.main([*self._arguments(), "-x"], plugins=[choice]))

        code = self._fork(run, WALL_TIMES * seconds + WALL_SECONDS)
        if code is None or code < 0:
            self.note.write_text(ENDLESS)
        return code != 0

    def _arguments(self) -> list[str]:
        return ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={self.copy}", *self.tests]

    def _write(self, source: bytes) -> None:
        """Python takes a compiled file for fresh that is of the same second and size: so there is none."""
        for compiled in (self.file.parent / "__pycache__").glob(f"{self.file.stem}.*"):
            compiled.unlink()
        self.file.write_bytes(source)

    def _fork(self, run: Callable[[], int], limit: float) -> int | None:
        """The exit code; None where the time was over."""
        shutil.rmtree(self.copy / "tmp", ignore_errors=True)
        (self.copy / "tmp").mkdir()
        child = os.fork()
        if child == 0:
            self._become(run)
        watched = os.pidfd_open(child)
        ended = bool(select.select([watched], [], [], limit)[0])
        os.close(watched)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # also what it left behind
        status = os.waitpid(child, 0)[1]
        return os.waitstatus_to_exitcode(status) if ended else None

    def _become(self, run: Callable[[], int]) -> None:
        code = 3
        try:
            os.setsid()
            output = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for standard in (1, 2):
                os.dup2(output, standard)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(self.copy)
            code = run()
        finally:
            os._exit(code)

    def _tell(self, result: dict[str, Any]) -> None:
        print(json.dumps(result), file=self.results, flush=True)


def main(request: str, results: str) -> None:
    """Try them all."""
    for name in LIBRARIES:
        importlib.import_module(name)
    asked = json.loads(Path(request).read_text())
    with Path(results).open("w") as file:
        trial = Trial(asked, file)
        if trial.measure():
            for start, end, text in asked["changes"]:
                trial.attempt(start, end, text)


if __name__ == "__main__":
    main(*sys.argv[1:])
