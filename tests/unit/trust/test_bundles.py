# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles that programs bring with them: searched, and never changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import bundles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import (
    OK,
    WRONG,
    Wanted,
    names_of,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from factories import pki

MADE = pki.root("One"), pki.root("Two"), pki.root("Of the web")
ONE, TWO, WEB = (Root("", made.sha256, pem=made.pem) for made in MADE)
OURS = MADE[0].intermediate("Ours")
WANTED = Wanted((ONE,), frozenset({TWO.sha256}), frozenset({TWO.sha256}), names_of([ONE, TWO]))


def store(path: Path) -> bundles.Bundle:
    (found,) = bundles.KIND.open(bundles.KIND.parse([{"path": str(path)}], "x"), Cache())
    assert isinstance(found, bundles.Bundle)
    return found


@pytest.mark.parametrize("held", [[WEB], [WEB, ONE]])
def test_without_our_roots_it_is_right(tmp_path: Path, held: list[Root]) -> None:
    path = tmp_path / "cacert.pem"
    path.write_text("".join(one.pem for one in held))
    (found,) = store(path).find(WANTED)
    assert (found.state, found.missing, found.unwanted) == (OK, (), ())


def test_what_somebody_put_there_is_named_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "cacert.pem"
    path.write_text(WEB.pem + TWO.pem)
    before = path.read_bytes()
    (found,) = store(path).find(WANTED)
    assert (found.name, found.state, found.unwanted) == (f"bundle {path}", WRONG, (TWO.sha256,))
    assert "the program's own" in found.why
    assert (store(path).converge(WANTED), store(path).writes(WANTED)) == ([], [])
    assert path.read_bytes() == before


def test_an_intermediate_of_ours_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cacert.pem"
    path.write_text(WEB.pem + pki.pem(OURS.certificate))
    (found,) = store(path).find(WANTED)
    assert found.state == WRONG
    assert "is not a root: one of ours has issued it" in found.why


def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match="is not there"):
        store(tmp_path / "cacert.pem").find(WANTED)


def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    """It may be in a directory of a service's user."""
    os.mkfifo(tmp_path / "cacert.pem")
    with pytest.raises(TrustAnchorError, match="regular file"):
        store(tmp_path / "cacert.pem").find(WANTED)


@pytest.mark.parametrize("content", [b"", b"\xfe\xed\xfe\xed keystore", ONE.pem.encode("utf-16")])
def test_what_holds_no_certificate_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cacert.pem").write_bytes(content)
    with pytest.raises(TrustAnchorError, match="holds no certificate in PEM"):
        store(tmp_path / "cacert.pem").find(WANTED)
