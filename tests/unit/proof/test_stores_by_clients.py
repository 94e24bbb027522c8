# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which client reads which store, by real handshakes: the table of docs/guides/stores.md."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import packages
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import registry
from dev import compatibility
from factories import proof_clients, store_places
from factories.collection import CHECKOUT


def cells(row: str) -> list[str]:
    return [one.strip() for one in row.strip("|").split("|")]


@proof_clients.as_root
@pytest.mark.parametrize("place", store_places.PLACES)
def test_the_page_says_who_reads_a_place(place: str, tmp_path: Path) -> None:
    """Written by ./dev compatibility"""
    said = store_places.ask(place, tmp_path)
    names = list(registry.CLIENTS)
    # The page is about Node.js of its makers; Debian's reads what OpenSSL does.
    left_out = {"node"} if packages.owner(shutil.which("node") or "") else set()
    page = (CHECKOUT / compatibility.STORES_PAGE).read_text().splitlines()
    (written,) = [row for row in page if row.startswith(f"| {place} |")]
    found = dict(zip(names, cells(compatibility.store_row(place, said))[1:], strict=True))
    shown = dict(zip(names, cells(written)[1:], strict=True))
    assert {name: one for name, one in found.items() if name not in left_out} == {
        name: one for name, one in shown.items() if name not in left_out
    }
