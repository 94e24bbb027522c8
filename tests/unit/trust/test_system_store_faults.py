# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else is in /etc/ssl/certs, and roots of the distribution that must be absent."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import convergence, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import certificate_files, debian
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from factories.trust_host import ONE, TWO, Host, make_host, run

WANTED = Wanted((ONE,), frozenset({TWO.sha256}), frozenset({TWO.sha256}))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = make_host(tmp_path, monkeypatch)
    run(made, [ONE])
    return made


@pytest.fixture
def certs(host: Host, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory, which nothing makes again."""
    monkeypatch.setattr(debian, "rebuild", list)
    return host.home / "certs"


def test_links_to_nothing_directories_and_pipes_are_passed_over(certs: Path) -> None:
    """Programs pass them over, too; under the name of a hash link as well."""
    for name in ("corp", "0a1b2c3d.0"):
        (certs / f"{name}.d").mkdir()
        (certs / f"{name}.link").symlink_to("nowhere")
        os.mkfifo(certs / f"{name}.pipe")
    (certs / "0a1b2c3d.1").mkdir()
    (certs / "0a1b2c3d.2").symlink_to("loop")
    (certs / "loop").symlink_to("0a1b2c3d.2")
    os.mkfifo(certs / "0a1b2c3d.3")
    assert [one.state for one in debian.SystemStore().find(WANTED)] == ["ok"] * 3


def test_a_file_that_cannot_be_read_keeps_no_root_from_being_right(
    host: Host, certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it holds a root that is to be absent nobody knows, so it is named."""
    (certs / "bad.pem").write_text(TWO.pem)
    (certs / "stray.pem").write_text(TWO.pem)
    real = os.open

    def without(path: Any, *more: Any, **options: Any) -> int:
        if os.path.basename(path) == "bad.pem":
            raise PermissionError(13, "Permission denied", path)
        return real(path, *more, **options)

    monkeypatch.setattr(os, "open", without)
    outcome = convergence.converge([ONE], {TWO.sha256}, host.declaration, state.load())
    assert not (certs / "stray.pem").exists()
    found = {one.name: one for one in outcome.reported}["system directory"]
    assert (found.state, found.unwanted) == ("wrong", ())
    assert f"{certs}/bad.pem cannot be read: Permission denied" in found.why
    with pytest.raises(TrustAnchorError, match="bad.pem cannot be read"):
        run(host, [ONE], {TWO.sha256})


def test_each_of_many_files_is_read_once(certs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """10,200 of them, by whatever links, in measuring and converging together."""
    public = certs.parent / "elsewhere"
    public.mkdir()
    for number in range(3400):
        (public / f"{number}.crt").write_text(f"# {number}\n")
        for name in (f"{number}.pem", f"{number:08x}.7", f"{number}.again"):
            (certs / name).symlink_to(public / f"{number}.crt")
    (certs / "stray").write_text(TWO.pem)
    real, reads = files.read, Counter[str]()

    def counted(path: str) -> bytes | None:
        reads[os.path.realpath(path)] += 1
        return real(path)

    monkeypatch.setattr(certificate_files, "read", counted)
    store = debian.SystemStore()
    assert store.find(WANTED)[2].unwanted == (TWO.sha256,)
    store.converge(WANTED)
    assert store.find(WANTED)[2].unwanted == ()
    assert {reads[str(public / f"{number}.crt")] for number in range(3400)} == {1}
    assert sum(reads.values()) < 3500


def test_what_the_distribution_brings_is_told_with_the_way_out(host: Host) -> None:
    """A package's file stays: another version of the package would bring it again, behind our back."""
    public = host.home / "public/mozilla/Two.crt"
    public.parent.mkdir(parents=True)
    public.write_text(TWO.pem)
    configuration = host.home / "ca-certificates.conf"
    configuration.write_text("mozilla/Two.crt\n")
    host.distribution.append(TWO)
    host.rebuild()
    with pytest.raises(TrustAnchorError, match=r"mozilla/Two.crt is the distribution's.*write !mozilla/Two.crt in"):
        run(host, [ONE], {TWO.sha256})
    assert public.read_text() == TWO.pem
    configuration.write_text("!mozilla/Two.crt\n")  # as dpkg-reconfigure does
    host.distribution.clear()  # what update-ca-certificates then leaves out
    run(host, [ONE], {TWO.sha256})
    assert host.trusted() == {ONE.sha256}
    assert public.exists()


def test_a_root_of_ours_that_the_distribution_brings_as_well_stays(host: Host) -> None:
    """Retired by us, it is the distribution's all the same; only a distrusted one must go."""
    (host.home / "public").mkdir()
    (host.home / "public/Two.crt").write_text(TWO.pem)
    (host.home / "ca-certificates.conf").write_text("Two.crt\n")
    host.distribution.append(TWO)
    run(host, [ONE, TWO])
    run(host, [ONE])
    assert host.trusted() == {ONE.sha256, TWO.sha256}
