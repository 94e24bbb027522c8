# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A packed program's files are what its entry imports."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import program

PROGRAMS = ["publication.program", "service_certificate.program", "trust.agent.program"]


@pytest.mark.parametrize("entry", PROGRAMS)
def test_it_is_all_that_the_program_loads(entry: str) -> None:
    """Each module of the closure is needed, and with nothing else beside it, all of them can be imported."""
    script = "import importlib, sys; sys.path.insert(0, sys.argv[1]); " + "".join(
        f"importlib.import_module('trustanchor.{name}'); " for name in program.closure(entry)
    )
    script += "print(*sorted(name for name in sys.modules if name.startswith('trustanchor.')))"
    with tempfile.NamedTemporaryFile(suffix=".zip") as packed:
        packed.write(program.pack(entry))
        packed.flush()
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", script, packed.name], capture_output=True, text=True, check=True
        )
    loaded = {name.removeprefix("trustanchor.") for name in done.stdout.split()}
    packages = {name.rpartition(".")[0] for name in loaded} | {"trust"}
    assert loaded - packages == set(program.closure(entry))


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Modules of a package of its own; whoever imports one of them fails."""
    home = tmp_path / "closure_sources"
    for folder in ("", "low", "high", "high/deep"):
        (home / folder).mkdir(parents=True, exist_ok=True)
        (home / folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(program, "_PACKAGE", "closure_sources")
    yield home
    for name in [name for name in sys.modules if name.startswith("closure_sources")]:
        del sys.modules[name]


def write(home: Path, name: str, text: str) -> None:
    (home / f"{name}.py").write_text(f"{text}\nraise SystemExit('it was run')\n")


def test_all_ways_to_import(sources: Path) -> None:
    write(sources, "errors", "import os")
    write(sources, "low/one", "from ..errors import A, B")
    write(sources, "low/two", "from . import one")
    write(sources, "low/lazy", "x = 1")
    write(sources, "low/tried", "x = 1")
    write(sources, "low/fallback", "x = 1")
    write(sources, "low/matched", "x = 1")
    write(sources, "low/typing_only", "x = 1")
    write(sources, "low/at_run_time", "x = 1")
    write(sources, "high/beside", "from .. import errors")
    write(
        sources,
        "high/deep/entry",
        """
from __future__ import annotations
import typing
from typing import TYPE_CHECKING
from ...low import two as renamed
from .. import beside
if TYPE_CHECKING:
    from ...low.typing_only import x
if typing.TYPE_CHECKING:
    from ...low import typing_only
else:
    from ...low import at_run_time
TEXT = "from ...low import never"
class C:
    async def f(self):
        with open(__file__):
            from ...low import lazy
try:
    from ...low import tried
except ImportError:
    from ...low import fallback
match TEXT:
    case "":
        from ...low.matched import x
""",
    )
    found = program.closure("high.deep.entry")
    low = [f"low.{name}" for name in ("at_run_time", "fallback", "lazy", "matched", "one", "tried", "two")]
    assert found == ["errors", "high.beside", "high.deep.entry", *low]


@pytest.mark.parametrize(
    "wrong", ["from . import missing", "from .missing import x", "from ..missing import x", "from ... import x"]
)
def test_what_is_not_there_is_told(sources: Path, wrong: str) -> None:
    write(sources, "low/entry", wrong)
    with pytest.raises(TrustAnchorError):
        program.closure("low.entry")


def test_it_may_import_itself_in_a_circle(sources: Path) -> None:
    write(sources, "low/a", "from . import b")
    write(sources, "low/b", "from . import a")
    assert program.closure("low.a") == ["low.a", "low.b"]
