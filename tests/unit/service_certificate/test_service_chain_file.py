# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains as CAs send them, and as people edit them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import (
    chain_file,
    lifecycle,
    store,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate.settings import Settings
from factories import pki
from factories import service_host as host

NOW = pki.NOW.timestamp()
LEAF = host.leaf()
OWN = pki.pem(LEAF.certificate)
INTERMEDIATE = host.INTERMEDIATE.pem
OTHER_ROOT = pki.root("Standby Root")
CROSS = pki.pem(
    pki.authority_certificate("Test Intermediate", host.INTERMEDIATE.key, OTHER_ROOT, start=pki.NOW - pki.HOUR)
)
FORMER = pki.pem(
    pki.authority_certificate(
        "Test Intermediate", host.INTERMEDIATE.key, host.ROOT, start=pki.NOW - 9 * pki.DAY, end=pki.NOW - pki.DAY
    )
)
STRANGER = pki.root("Stranger").intermediate("Strange Intermediate").pem


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        ([INTERMEDIATE, host.ROOT.pem], "the root CN=.*, which clients have themselves"),
        ([INTERMEDIATE, CROSS], "CN=Test Intermediate twice"),
        ([INTERMEDIATE, INTERMEDIATE], "CN=Test Intermediate twice"),
        ([FORMER, INTERMEDIATE], "CN=Test Intermediate of former times, which has expired"),
        ([INTERMEDIATE, FORMER], "CN=Test Intermediate twice"),
        ([INTERMEDIATE, STRANGER], "CN=Strange Intermediate, which issued nothing in it"),
        ([INTERMEDIATE, OWN], "CN=web.corp.example, which issued nothing in it"),
    ],
    ids=["root", "cross", "double", "expired", "expired last", "stranger", "leaf again"],
)
def test_what_a_ca_sends_too_much_is_left_out(
    chain: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = host.make(tmp_path, monkeypatch)
    sent = OWN + "".join(chain)
    assert chain_file.served(sent, NOW) == OWN + INTERMEDIATE
    host.put(settings, pki.Leaf(LEAF.certificate, LEAF.key, sent))
    assert host.chain(settings) == OWN + INTERMEDIATE
    _edit(settings, sent)
    with pytest.raises(TrustAnchorError, match=why):
        store.verify(settings, store.current(settings))


def test_what_somebody_added_to_the_chain_is_a_reason_to_enrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = host.make(tmp_path, monkeypatch)
    host.put(settings, LEAF)
    assert lifecycle.fault(settings) == ""
    _edit(settings, LEAF.chain + host.ROOT.pem)
    assert "which clients have themselves" in lifecycle.fault(settings)


def test_a_cross_certificate_of_the_root_stays() -> None:
    """It leads to the other root whoever does not have the new one yet; its name is that of no other in the chain."""
    root = pki.root("New Root")
    cross = pki.pem(pki.authority_certificate("New Root", root.key, host.ROOT))
    intermediate = root.intermediate()
    chain = pki.pem(intermediate.leaf("web.corp.example").certificate) + intermediate.pem + cross
    assert chain_file.served(chain, NOW) == chain
    assert chain_file.fault(chain, NOW) == ""


def test_an_intermediate_that_has_expired_is_kept_where_there_is_no_other() -> None:
    """What is wrong is then said by who verifies the chain."""
    assert chain_file.served(OWN + FORMER, NOW) == OWN + FORMER


@pytest.mark.parametrize("chain", ["", "garbage", OWN])
def test_nothing_to_leave_out(chain: str) -> None:
    assert chain_file.served(chain, NOW) == chain


def _edit(settings: Settings, chain: str) -> None:
    Path(store.current(settings).chain).write_text(chain)
