# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who writes a file: root where only root can change the way to it, else whoever owns its directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import accounts

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives directories away")


@as_root
def test_who_writes(tmp_path: Path) -> None:
    assert accounts.writer_of("/etc/ssl/certs/x.pem") == (os.geteuid(), os.getegid())
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 4711, 4712)
    assert accounts.writer_of(str(home / "x.pem")) == (4711, 4712)


@as_root
def test_root_does_not_write_where_a_user_leads_it(tmp_path: Path) -> None:
    """Who owns a directory can rename what root has in it, and put a link there."""
    home, theirs, roots = tmp_path / "home", tmp_path / "home/theirs", tmp_path / "home/roots"
    for one in (home, theirs, roots):
        one.mkdir()
    for one in (home, theirs):
        os.chown(one, 4711, 4712)
    (home / "link").symlink_to("/etc/ssl/certs")
    os.lchown(home / "link", 4711, 4712)
    assert accounts.writer_of(str(theirs / "x.pem")) == (4711, 4712)
    for leads in (roots / "x.pem", home / "link/x.pem"):
        with pytest.raises(TrustAnchorError, match="somebody other than root decides where .* leads"):
            accounts.writer_of(str(leads))
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o775)
    shared.chmod(0o775)
    assert accounts.writer_of(str(shared / "x.pem")) == (0, 0)  # a group of root's choice, as in /usr/local
    shared.chmod(0o777)
    with pytest.raises(TrustAnchorError, match="somebody other than root"):
        accounts.writer_of(str(shared / "x.pem"))


@as_root
def test_who_can_turn_a_link_writes_what_it_leads_to(tmp_path: Path) -> None:
    home, own = tmp_path / "home", tmp_path / "own"
    home.mkdir()
    own.mkdir()
    os.chown(home, 4711, 4712)
    (home / "store").touch()
    (home / "planted").symlink_to("/etc/nologin-that-is-not-there")
    (own / "out").symlink_to(home / "store")
    (own / "round").symlink_to(home / "planted")
    (own / "file").touch()
    (own / "in").symlink_to(own / "file")
    assert accounts.writer_through(str(home / "planted")) == (4711, 4712)
    assert accounts.writer_through(str(own / "out")) == (4711, 4712)
    assert accounts.writer_through(str(own / "in")) == (0, 0)
    with pytest.raises(TrustAnchorError, match="somebody other than root decides"):
        accounts.writer_through(str(own / "round"))


@as_root
def test_slashes_too_many_make_no_other_path(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 4711, 4712)
    assert accounts.is_roots_alone("//etc///ssl/")
    assert not accounts.is_roots_alone(f"/{tmp_path}//home/")


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(TrustAnchorError, match="cannot look into .*No such file or directory"):
        accounts.writer_of(str(tmp_path / "open/missing/x.pem") if os.getuid() else _theirs(tmp_path))


def _theirs(tmp_path: Path) -> str:
    """A path through a directory of another user, at whose end there is none."""
    os.chown(tmp_path / "open", 4711, 4712)
    return str(tmp_path / "open/missing/x.pem")
