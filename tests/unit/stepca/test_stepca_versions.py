# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No step-ca with known holes is installed or run, however it gets to the host."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.action import step_ca_preflight
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files, systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import inputs, service, unit, versions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout

WHY = "CVE-2026-30836.*CVE-2026-40097"
OLD = [
    "0.29.9-1",
    "0.29.10",
    "0.9.9",
    "0.30.0~rc1-1",
    "0.30.0-rc.2",
    "0.30.0-0.20260101000000-abcdef",
    "0",
    "1:0.29.0-1",
]
NEW = ["0.30.0", "0.30.0-1", "0.30.2-1", "0.31.0~rc1", "1.0.0", "1", "0.100.0-1", "1:0.30.2-1"]
NONE = ["", "latest", "0.30.x", "v0.30.2", "\u0660.\u0663\u0660.\u0662", "0.30.2\n", "9" * 5000]


@pytest.mark.parametrize("version", OLD)
def test_an_older_version_is_refused_with_the_reason(version: str) -> None:
    with pytest.raises(TrustAnchorError, match=WHY):
        versions.require_safe(version, "step_ca_version")


@pytest.mark.parametrize("version", NEW)
def test_a_newer_version(version: str) -> None:
    versions.require_safe(version, "step_ca_version")


@pytest.mark.parametrize("version", NONE)
def test_what_does_not_say_which_version_it_is(version: str) -> None:
    with pytest.raises(TrustAnchorError, match="says no version"):
        versions.require_safe(version, "step_ca_version")


def preflight(monkeypatch: pytest.MonkeyPatch, installed: str = "", **options: Any) -> dict[str, Any]:
    """The module's answer; the host has a version installed, or none."""
    answer = {"changed": False, "installed": {"step-ca": installed, "step-cli": "1", "python3-cryptography": "1"}}
    monkeypatch.setattr(inputs, "check", lambda *_, **__: {"ports": [443], "key_sha256": ""})
    monkeypatch.setattr(inputs, "warnings", lambda *_: [])
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    action = object.__new__(step_ca_preflight.ActionModule)
    monkeypatch.setattr(action, "_execute_module", lambda *_, **__: answer, raising=False)
    monkeypatch.setattr(action, "_find_needle", lambda _kind, path: path, raising=False)
    given = {"settings": {}, "root": "x", "root_sha256": "x", "version": "0.30.2-1", "cli_version": "1", **options}
    action._task = SimpleNamespace(args=given, check_mode=False)
    found: dict[str, Any] = action.run(None, {})
    return found


def test_a_declared_version_with_holes_installed_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for installed in ("", "0.29.0-1"):
        found = preflight(monkeypatch, installed, version="0.29.0-1")
        assert found["failed"]
        assert "step_ca_version is 0.29.0-1" in found["msg"]
        assert "CVE-2026-30836" in found["error"]["why"]


def test_an_old_step_is_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not preflight(monkeypatch, "0.30.2-1", cli_version="0.20.0-1", apt_key=__file__).get("failed")


@pytest.mark.parametrize(("method", "place"), [("deb", "url"), ("file", "path")])
def test_a_package_with_holes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str, place: str) -> None:
    """The declared version is good, and the package that would be installed is an older one."""
    for name, refused in (("step-ca_0.29.0-1_amd64.deb", True), ("step-ca_0.30.2-1_amd64.deb", False)):
        package = tmp_path / name
        package.write_bytes(b"deb")
        where = f"https://x.example/{name}" if place == "url" else str(package)
        debs = [{place: where, "sha256": hashlib.sha256(b"deb").hexdigest()}]
        found = preflight(monkeypatch, install_method=method, debs=debs)
        assert bool(found.get("failed")) is refused
        assert ("CVE-2026-30836" in str(found)) is refused


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("step-ca_0.30.0%7Erc1-1_amd64.deb", "step-ca_0.30.0%7Erc1-1_amd64.deb in step_ca_debs is 0.30.0~rc1-1"),
        ("step-ca_0.30.0~rc1-1_amd64.deb", "in step_ca_debs is 0.30.0~rc1-1"),
        ("step-ca_0.29.0%2Bdfsg-1_amd64.deb", r"in step_ca_debs is 0.29.0\+dfsg-1"),
        ("step-ca_0.30.2%2Bdfsg%7Ebpo12-1_amd64.deb", ""),
        ("step-ca_new_amd64.deb", "is 'new', which says no version"),
        ("step-ca.deb", ""),
        ("step-cli_0.29.0-1_amd64.deb", ""),
    ],
)
def test_the_name_of_a_package(name: str, message: str) -> None:
    """In URLs some signs of a version are escaped."""
    for path in (name, f"https://x.example/step-ca_0.1.0-1_all.deb/{name}"):
        if not message:
            versions.require_safe_file(path)
            continue
        with pytest.raises(TrustAnchorError, match=message):
            versions.require_safe_file(path)


SCRIPT = "#!/bin/sh\n[ \"$*\" = version ] && printf '%s'\n"


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("Smallstep CA/0.30.2 (linux/amd64)\\nRelease Date: 2026-03-19 00:00 UTC\\n", ""),
        ("Smallstep CA/0.29.0 (linux/amd64)\\n", WHY),
        ("Smallstep CA/0000000-dev (linux/amd64)\\n", WHY),
        ("Smallstep CLI/0.30.2 (linux/amd64)\\n", "says no version"),
        ("x\\nSmallstep CA/0.30.2 (linux/amd64)\\n", "step-ca is 'x', which says no version"),
        ("y" * 200, "step-ca is 'y{80}', which says no version"),
        ("", "says no version"),
    ],
)
def test_the_program_that_is_there(tmp_path: Path, said: str, refused: str) -> None:
    program = tmp_path / "step-ca"
    program.write_text(SCRIPT % said)
    program.chmod(0o755)
    if not refused:
        versions.require_safe_program(str(program))
        return
    with pytest.raises(TrustAnchorError, match=refused):
        versions.require_safe_program(str(program))


def test_a_program_with_holes_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's package: somebody has copied it to its place."""
    program = tmp_path / "step-ca"
    program.write_text(SCRIPT % "Smallstep CA/0.28.4 (linux/amd64)\\n")
    program.chmod(0o755)
    monkeypatch.setattr(unit, "PROGRAM", str(program))
    monkeypatch.setattr(systemd, "show", lambda _unit: pytest.fail("systemd was asked"))
    layout = Layout(base=str(tmp_path))
    (tmp_path / "config").mkdir()
    Path(layout.config).write_text('{"address": ":443"}')
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(files, "converge", lambda *_: pytest.fail("a file was written"))
    with pytest.raises(TrustAnchorError, match=f"the version of {program} is 0.28.4.*CVE-2026-30836"):
        service.converge(unit.UnitSettings(), layout, False, check=False)
    assert sorted(tmp_path.rglob("*")) == before
