# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""./dev mutants: draw a sample, try it, say what survived."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

import yaml

from ..console import Failure, say
from ..settings import CHECKOUT, ansible_environment
from . import ENDLESS
from .operators import Mutant, mutants
from .table import subjects

EQUIVALENT = Path(__file__).parent / "equivalent.yml"
# Wrong code, run as root: it sees no process but its own, and can write into its copy and a /tmp of its own alone. All
# of it ends with us.
NAMESPACES = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
READ_ONLY = (
    'mount --make-rprivate / && mount --bind "$0" "$0" && mount -o bind,remount,ro / '
    '&& mount -t tmpfs -o mode=1777,size=256m tmpfs /tmp && exec "$@"'
)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Args:
        mutant: it.
        killed: whether a test failed, or did not end.
        by: the first test that failed.
        seconds: of its trial.
    """

    mutant: Mutant
    killed: bool
    by: str
    seconds: float


@dataclass(frozen=True)
class Known:
    """A mutant that no test can kill, since it does the same: an entry of equivalent.yml."""

    file: str
    before: str
    after: str
    why: str


def known_equivalents() -> list[Known]:
    """The entries of equivalent.yml."""
    return [Known(**entry) for entry in yaml.safe_load(EQUIVALENT.read_text()) or []]


def candidates(files: Sequence[str]) -> list[Mutant]:
    """All mutants of these files but the equivalent ones, in order."""
    same = {(one.file, one.before, one.after) for one in known_equivalents()}
    found = []
    for file in sorted(files):
        source = (CHECKOUT / file).read_bytes()
        found += [one for one in mutants(file, source) if (file, *one.lines(source)) not in same]
    return found


def diff(mutant: Mutant) -> str:
    """The change, as a unified diff."""
    before = (CHECKOUT / mutant.file).read_bytes()
    old, new = (text.decode().splitlines() for text in (before, mutant.apply(before)))
    return "\n".join(list(unified_diff(old, new, mutant.file, mutant.kind, lineterm="", n=2)))


def try_file(file: str, these: Sequence[Mutant]) -> list[Verdict]:
    """Try the mutants of one file.

    Raises:
        Failure: its tests do not pass without a change, or the trial broke off.
    """
    with _copied() as base:
        copy = base / "ansible_collections/trustanchor/private_ca"
        changes = [(one.start, one.end, one.text) for one in these]
        request, results = base / "request", base / "results"
        tests = [test for test in subjects()[file] if (copy / test).exists()]
        request.write_text(json.dumps({"copy": str(copy), "file": file, "tests": tests, "changes": changes}))
        command = ["nice", "-n", "10", sys.executable, "-m", "dev.mutation.trial", str(request), str(results)]
        if os.geteuid() == 0:
            command = [*NAMESPACES, "sh", "-c", READ_ONLY, str(base), *command]
        done = subprocess.run(command, env=_environment(base, copy), capture_output=True, text=True, check=False)
        answers = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    if not answers or not answers[0]["passed"]:
        raise Failure(f"{file}: its tests fail without a change:\n{answers[0]['output'] if answers else done.stderr}")
    if len(answers) != len(these) + 1:
        raise Failure(f"{file}: the trial broke off after {len(answers) - 1} mutants:\n{done.stderr[-2000:]}")
    verdicts = zip(these, answers[1:], strict=True)
    return [Verdict(one, answer["killed"], answer["by"], answer["seconds"]) for one, answer in verdicts]


@contextmanager
def _copied() -> Iterator[Path]:
    """A copy of the checkout in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutants-", dir="/var/tmp") as name:
        copy = Path(name) / "ansible_collections/trustanchor/private_ca"
        skipped = shutil.ignore_patterns(".git", ".mypy_cache", ".ruff_cache", ".hypothesis", "__pycache__", "build")
        shutil.copytree(CHECKOUT, copy, symlinks=True, ignore=skipped)
        (Path(name) / "home").mkdir()
        yield Path(name)


def _environment(base: Path, copy: Path) -> dict[str, str]:
    return {
        **ansible_environment(),
        "HOME": str(base / "home"),
        "TMPDIR": str(copy / "tmp"),
        "TRUSTANCHOR_CHECKOUT": str(copy),
        "ANSIBLE_COLLECTIONS_PATH": str(base),
        "PYTHONPATH": f"{base}:{copy / 'tests'}",
    }


def report(verdicts: Sequence[Verdict], options: argparse.Namespace) -> int:
    """Print the share; return 0 when it is reached."""
    survivors = [one for one in verdicts if not one.killed]
    endless = sum(one.by == ENDLESS for one in verdicts)
    share = 100 * (len(verdicts) - len(survivors)) / max(1, len(verdicts))
    print(
        f"\n{len(verdicts)} mutants, {len(survivors)} survived: {share:.1f} % killed ({options.threshold:g} wanted),"
        f" {endless} of them since they did not end"
    )
    if options.json:
        content: dict[str, Any] = {"seed": options.seed, "share": share, "verdicts": [asdict(one) for one in verdicts]}
        options.json.write_text(json.dumps(content, indent=1))
    return int(share < options.threshold)


def main(arguments: list[str]) -> int:
    """./dev mutants [--sample N] [--seed N] [FILE...]"""
    options = _options(arguments)
    files = [file for file in subjects() if not options.files or any(wanted in file for wanted in options.files)]
    found = candidates(files)
    if not found:
        raise Failure("no file that decides has such a name; tests/dev/mutation/table.py lists them")
    sample = sorted(random.Random(options.seed).sample(found, min(options.sample or len(found), len(found))))
    say(f"{len(sample)} of {len(found)} mutants of {len(files)} files")
    chosen = {file: [one for one in sample if one.file == file] for file in files}

    broken = []

    def one_file(file: str) -> list[Verdict]:
        began = time.monotonic()
        try:
            verdicts = try_file(file, chosen[file])
        except Failure as problem:
            broken.append(file)
            say(f"FAILED: {problem}")
            return []
        survivors = [one.mutant for one in verdicts if not one.killed]
        say(f"{file}: {len(verdicts)} mutants, {len(survivors)} survived ({time.monotonic() - began:.0f} s)")
        for one in survivors:
            print(f"\nsurvived, line {one.line}: {one.kind}\n{diff(one)}", flush=True)
        return verdicts

    with ThreadPoolExecutor(options.jobs) as pool:
        verdicts = [one for some in pool.map(one_file, [file for file in files if chosen[file]]) for one in some]
    return max(report(verdicts, options), int(bool(broken)))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev mutants")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of all (default: all)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which of them")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="files at a time")
    parser.add_argument("--threshold", type=float, default=95, metavar="PERCENT", help="the share to be killed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all verdicts there")
    parser.add_argument("files", nargs="*", metavar="FILE", help="files that decide, or parts of their names")
    return parser.parse_args(arguments)
