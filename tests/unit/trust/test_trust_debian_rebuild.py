# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundle and links made here are those that update-ca-certificates makes, which runs on the same directories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import commands
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted, entry_name
from factories import accounts, pki

PUBLIC = {name: pki.root(name) for name in ("First", "Second", "Off")}
R1, R2 = pki.root("R1"), pki.root("R2")


def wanted(*authorities: pki.Authority) -> Wanted:
    return Wanted(tuple(Root("", one.sha256, pem=one.pem) for one in authorities))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host's directories, as the package leaves them; one certificate has no newline at its end."""
    accounts.as_current_user(monkeypatch)
    names = {"SOURCE": "local", "DIRECTORY": "certs", "DISTRIBUTION": "public", "HOOKS": "hooks"}
    for constant, name in names.items():
        (tmp_path / name).mkdir()
        monkeypatch.setattr(debian, constant, str(tmp_path / name))
    monkeypatch.setattr(debian, "BUNDLE", f"{tmp_path}/certs/ca-certificates.crt")
    monkeypatch.setattr(debian, "CONFIGURATION", f"{tmp_path}/ca-certificates.conf")
    for name, one in PUBLIC.items():
        (tmp_path / f"public/{name}.crt").write_text(one.pem.rstrip("\n") if name == "Second" else one.pem)
    (tmp_path / "ca-certificates.conf").write_text("# of the package\n\nSecond.crt\nFirst.crt\n!Off.crt\nGone.crt\n")
    program(tmp_path)
    return tmp_path


def program(host: Path, hooks: str = "absent") -> str:
    """Run update-ca-certificates itself."""
    options = {"certsconf": "ca-certificates.conf", "certsdir": "public", "localcertsdir": "local"}
    options |= {"etccertsdir": "certs", "hooksdir": hooks}
    arguments = [part for name, value in options.items() for part in (f"--{name}", f"{host}/{value}")]
    command = ["/usr/sbin/update-ca-certificates", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def picture(host: Path) -> dict[str, bytes | str]:
    paths = sorted((host / "certs").iterdir())
    return {path.name: os.readlink(path) if path.is_symlink() else path.read_bytes() for path in paths}


def count_programs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that are run from now on; update-ca-certificates itself is not, its paths are not the test's."""
    seen: list[str] = []
    run = commands.run

    def noted(command: list[str], *more: Any, **options: Any) -> subprocess.CompletedProcess[bytes]:
        seen.append(command[0])
        if command[0] == "update-ca-certificates":
            return subprocess.CompletedProcess(command, 0, b"", b"")
        return run(command, *more, **options)

    monkeypatch.setattr(debian, "run", noted)
    monkeypatch.setattr(commands, "run", noted)
    return seen


def test_it_is_what_the_program_makes(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count_programs(monkeypatch)
    for authorities in ((R1,), (R1, R2), (R2,), (R2, R1)):
        debian.SystemStore().converge(wanted(*authorities))
        here = picture(host)
        assert "0 added, 0 removed" in program(host)
        assert picture(host) == here
        assert all(one.state == "ok" for one in debian.SystemStore().find(wanted(*authorities)))
    assert set(seen) == {"openssl"}


@pytest.mark.parametrize("what", ["hook", "waiting", "new of the package", "deselected"])
def test_when_others_want_something_the_program_is_run(host: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    changes = {
        "hook": lambda: (host / "hooks/other").write_text("#!/bin/sh\n"),
        "waiting": lambda: (host / "local/corp root (old),1.crt").write_text(pki.root("Corp").pem),
        "new of the package": lambda: (host / "public/Gone.crt").write_text(pki.root("Gone").pem),
        "deselected": lambda: (host / "ca-certificates.conf").write_text("Second.crt\n!First.crt\n"),
    }
    changes[what]()
    seen = count_programs(monkeypatch)
    debian.SystemStore().converge(wanted(R1))
    assert "update-ca-certificates" in seen


def test_a_killed_run_is_finished(host: Path) -> None:
    link = host / f"certs/{entry_name(R1.sha256)}.pem.new"
    link.symlink_to("/nowhere")
    debian.SystemStore().converge(wanted(R1))
    assert not os.path.lexists(link)
    assert all(one.state == "ok" for one in debian.SystemStore().find(wanted(R1)))


def test_what_others_have_is_kept(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (host / "local/sub").mkdir()
    (host / "local/sub/corp root (old),1.crt").write_text(pki.root("Corp").pem.rstrip("\n"))
    (host / "hooks/jks-keystore").write_text("#!/bin/sh\n")
    program(host)
    seen = count_programs(monkeypatch)
    debian.SystemStore().converge(wanted(R1))
    here = picture(host)
    assert "corp_root_=old=_1.pem" in here
    assert "0 added, 0 removed" in program(host)
    assert picture(host) == here
    assert set(seen) == {"openssl"}


def test_what_is_deselected_goes_from_bundle_and_links(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out that is told of a root of the distribution that must be absent; its file stays."""
    off = PUBLIC["First"]
    must = Wanted(wanted(R1).roots, frozenset({off.sha256}), frozenset({off.sha256}))
    real = commands.run

    def on_the_host(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        if command[0] != "update-ca-certificates":
            return real(command, **options)
        return subprocess.CompletedProcess(command, 0, program(host).encode(), b"")

    monkeypatch.setattr(debian, "run", on_the_host)
    debian.SystemStore().converge(must)
    bundle, directory = debian.SystemStore().find(must)[1:]
    assert bundle.unwanted == directory.unwanted == (off.sha256,)
    assert f"write !First.crt in {host}/ca-certificates.conf" in bundle.why
    (host / "ca-certificates.conf").write_text("Second.crt\n!First.crt\n")
    debian.SystemStore().converge(must)
    assert [one.state for one in debian.SystemStore().find(must)] == ["ok"] * 3
    assert (host / "public/First.crt").read_text() == off.pem
