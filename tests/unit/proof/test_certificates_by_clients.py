# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All clients read what the profiles make in one way: what is right is accepted by all, what is wrong by none."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import registry
from dev import compatibility
from factories import proof_clients, proof_shapes
from factories.collection import CHECKOUT


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> proof_shapes.Answers:
    """What each client says about each server."""
    return proof_shapes.ask_all(tmp_path_factory.mktemp("estate"))


@proof_clients.as_root
@pytest.mark.parametrize("what", proof_shapes.GOOD)
def test_what_is_right_is_accepted_by_every_client(answers: proof_shapes.Answers, what: str) -> None:
    assert set(answers[what]) >= set(registry.CLIENTS)
    assert {client: said for client, said in answers[what].items() if said != "ok"} == {}


@proof_clients.as_root
@pytest.mark.parametrize("what", proof_shapes.BAD)
def test_what_is_wrong_is_refused_by_every_client(answers: proof_shapes.Answers, what: str) -> None:
    assert set(answers[what]) >= set(registry.CLIENTS)
    assert [client for client, said in answers[what].items() if said == "ok"] == []


@proof_clients.as_root
def test_name_constraints_of_a_root_alone_do_not_stop_java(answers: proof_shapes.Answers) -> None:
    """So the intermediate has them, too."""
    accepted = {client.split()[0] for client, said in answers[proof_shapes.FORMER].items() if said == "ok"}
    assert accepted == {"java"}


@proof_clients.as_root
def test_the_page_says_what_was_seen(answers: proof_shapes.Answers) -> None:
    """Versions on it are those of the machine that wrote it: ./dev compatibility"""
    page = (CHECKOUT / compatibility.PAGE).read_text()
    assert compatibility.table(answers) in page
    assert [client for client in registry.CLIENTS if f"| {client} |" not in page] == []
