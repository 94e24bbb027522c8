# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import program
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import units
from factories.service_host import SETTINGS


def renewer() -> bytes:
    return next(file.content for file in units.unit_files(SETTINGS, "hourly", 0) if file.path == units.PROGRAM)


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As on a host: without the collection and without site packages."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(path), *arguments], capture_output=True, check=False, text=True, cwd="/"
    )


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "renew-certificate"
    path.write_bytes(renewer())
    path.chmod(0o755)
    return path


def test_the_same_bytes_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first = renewer()
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert renewer() == first
    assert program.pack(["host.files", "errors"], "host.commands") == program.pack(
        ["errors", "host.files"], "host.commands"
    )


def test_nothing_in_it_has_a_date_of_its_own() -> None:
    with zipfile.ZipFile(io.BytesIO(renewer())) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.testzip() is None


def test_usage(packed: Path) -> None:
    done = run(packed)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "usage: renew-certificate NAME\n")


def test_it_runs_by_itself(packed: Path) -> None:
    """The first line names the interpreter."""
    assert packed.read_bytes().startswith(b"#!/usr/bin/python3\n")
    if Path("/usr/bin/python3").exists():
        assert subprocess.run([str(packed)], capture_output=True, check=False).returncode == 2


def test_a_fault_is_told_without_a_traceback(packed: Path) -> None:
    done = run(packed, "no-such-certificate")
    assert done.returncode == 1
    assert done.stderr.startswith("no certificate is called no-such-certificate")
    assert "Traceback" not in done.stderr


def test_a_host_needs_the_standard_library_only() -> None:
    with zipfile.ZipFile(io.BytesIO(renewer())) as archive:
        sources = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}
    imported = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).partition(".")[0]
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
        for alias in node.names
    }
    assert imported - {"trustanchor"} <= sys.stdlib_module_names


def test_the_source_comes_from_the_collection() -> None:
    with zipfile.ZipFile(io.BytesIO(program.pack(["errors"], "host.commands"))) as archive:
        sources = [
            "__main__.py",
            "trustanchor/__init__.py",
            "trustanchor/errors.py",
            "trustanchor/host/__init__.py",
            "trustanchor/host/commands.py",
        ]
        assert sorted(archive.namelist()) == sorted([*sources, *(f"{name}c" for name in sources)])
        assert "class TrustAnchorError" in archive.read("trustanchor/errors.py").decode()


def test_a_module_that_is_missing_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(FileNotFoundError):
        program.pack(["no_such_module"], "host.commands")


@pytest.mark.parametrize(("compiled", "source"), [(True, False), (False, True)], ids=["this Python", "another Python"])
def test_it_is_compiled_for_this_python_and_runs_on_others(
    packed: Path, tmp_path: Path, compiled: bool, source: bool
) -> None:
    """Another Python has another magic number."""
    changed = tmp_path / "changed"
    with zipfile.ZipFile(packed) as archive, zipfile.ZipFile(changed, "w") as copy:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith(".pyc"):
                copy.writestr(name, data if compiled else b"\0\0\0\0" + data[4:])
            elif source:
                copy.writestr(name, data)
    assert run(changed).stderr == "usage: renew-certificate NAME\n"
