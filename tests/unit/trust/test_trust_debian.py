# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's store on directories of the test; update-ca-certificates itself is proven on real hosts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted, entry_name
from factories import accounts, pki

ROOTS = [Root("", made.sha256, pem=made.pem) for made in (pki.root("One"), pki.root("Two"))]
ONE, TWO = ROOTS


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of source files; the hash directory is beside it."""
    accounts.as_current_user(monkeypatch)
    found, links = tmp_path / "source", tmp_path / "certs"
    for path in (found, links):
        path.mkdir()
    monkeypatch.setattr(debian, "SOURCE", str(found))
    monkeypatch.setattr(debian, "DIRECTORY", str(links))
    monkeypatch.setattr(debian, "CONFIGURATION", str(tmp_path / "ca-certificates.conf"))
    monkeypatch.setattr(debian, "DISTRIBUTION", str(tmp_path / "public"))
    monkeypatch.setattr(debian, "BUNDLE", str(links / "ca-certificates.crt"))
    return found


@pytest.fixture
def links(source: Path) -> Path:
    return source.parent / "certs"


def wanted(*roots: Root, distrusted: Root | None = None) -> Wanted:
    return Wanted(roots, distrusted=frozenset([distrusted.sha256] if distrusted else []))


def test_one_file_for_each_root(source: Path) -> None:
    files.converge(debian.files(ROOTS), check=False)
    assert {path.name for path in source.iterdir()} == {f"trustanchor-{root.sha256[:32]}.crt" for root in ROOTS}
    assert files.converge(debian.files(ROOTS), check=False) == {}
    assert debian.foreign_files(wanted(*ROOTS)) == []


def test_a_root_that_left_the_set_goes(source: Path) -> None:
    files.converge(debian.files(ROOTS), check=False)
    assert debian.foreign_files(wanted(ONE)) == [str(source / f"{entry_name(TWO.sha256)}.crt")]


def test_files_of_others_stay_unless_they_hold_what_must_be_absent(source: Path) -> None:
    (source / "company.crt").write_text(ONE.pem)
    (source / "sub").mkdir()
    (source / "sub" / "deep.crt").write_text("# two in one\n" + ONE.pem + TWO.pem)
    (source / "broken.crt").write_bytes(b"\xff\xfe")
    assert debian.foreign_files(wanted()) == []
    assert debian.foreign_files(wanted(ONE, distrusted=TWO)) == [str(source / "sub" / "deep.crt")]
    assert set(debian.foreign_files(wanted(distrusted=ONE))) == {
        str(source / "company.crt"),
        str(source / "sub" / "deep.crt"),
    }


def test_no_directory_of_sources(source: Path) -> None:
    source.rmdir()
    assert debian.foreign_files(wanted(distrusted=ONE)) == []


def test_a_dangling_source_is_no_fault(source: Path) -> None:
    (source / "gone.crt").symlink_to(source / "nothing")
    assert debian.foreign_files(wanted(distrusted=ONE)) == []


def test_the_bundle_is_read_back(links: Path) -> None:
    assert set(debian.trusted_by_bundle()) == set()
    (links / "ca-certificates.crt").write_text(ONE.pem + TWO.pem)
    assert set(debian.trusted_by_bundle()) == {ONE.sha256, TWO.sha256}


def test_the_directory_counts_hash_links_only(links: Path, source: Path) -> None:
    """OpenSSL looks a certificate up by <hash of the subject>.<number> and by nothing else."""
    (source / "one.crt").write_text(ONE.pem)
    (source / "two.crt").write_text(TWO.pem)
    (links / "two.pem").symlink_to(source / "two.crt")
    assert set(debian.trusted_by_directory()) == set()
    (links / "0a1b2c3d.0").symlink_to(source / "one.crt")
    (links / "0a1b2c3d.1").symlink_to(source / "gone.crt")
    (links / "0A1B2C3D.0").symlink_to(source / "two.crt")
    assert set(debian.trusted_by_directory()) == {ONE.sha256}
    (links / "ffffffff.12").symlink_to("two.pem")
    assert set(debian.trusted_by_directory()) == {ONE.sha256, TWO.sha256}


def test_dangling_links_of_ours(links: Path, source: Path) -> None:
    (source / "trustanchor-a.crt").write_text(ONE.pem)
    (links / "trustanchor-a.pem").symlink_to(source / "trustanchor-a.crt")
    (links / "trustanchor-b.pem").symlink_to(source / "trustanchor-b.crt")
    (links / "other.pem").symlink_to(source / "other.crt")
    assert debian.dangling_links() == [str(links / "trustanchor-b.pem")]


def test_a_host_without_the_store(links: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links.rmdir()
    assert (debian.trusted_by_bundle(), debian.trusted_by_directory(), debian.dangling_links()) == ({}, {}, [])
    monkeypatch.setattr(os.path, "exists", lambda _path: False)
    with pytest.raises(
        TrustAnchorError, match=r"update-ca-certificates is missing.*Install the package ca-certificates"
    ):
        debian.require()


@pytest.mark.parametrize("waiting", [False, True])
def test_java_hook_runs_for_the_certificates_of_others_only(
    waiting: bool, source: Path, links: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("jks-keystore", "mono-keystore"):
        (hooks / name).touch()
    (source / "Company (Root), 1.crt").write_text(ONE.pem)
    if not waiting:
        (links / "Company_=Root=__1.pem").touch()
    monkeypatch.setattr(debian, "HOOKS", str(hooks))
    with debian._hooks() as chosen:
        assert set(os.listdir(chosen)) == {"mono-keystore", *(["jks-keystore"] if waiting else [])}


def test_a_loose_file_is_trusted_by_programs_that_read_every_file(
    links: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go and git do, hash link or not. A file is taken out, and a link to a file of somebody else."""
    monkeypatch.setattr(debian, "rebuild", list)
    loose, away = links / "corp", links / "link.pem"
    loose.write_text(TWO.pem + ONE.pem)
    (tmp_path / "elsewhere.pem").write_text(TWO.pem)
    away.symlink_to(tmp_path / "elsewhere.pem")
    without = Wanted((ONE,), frozenset({TWO.sha256}), frozenset({TWO.sha256}))
    assert debian.SystemStore().find(without)[2].unwanted == (TWO.sha256,)
    debian.SystemStore().converge(without)
    assert debian.SystemStore().find(without)[2].unwanted == ()
    assert loose.read_text() == ONE.pem
    assert not away.is_symlink()
    assert (tmp_path / "elsewhere.pem").exists()
