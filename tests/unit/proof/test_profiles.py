# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All clients read what the profiles make in one way: what is right is accepted by all, what is wrong by none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import registry
from factories import pki, proof_clients, proof_estate

ROOT = proof_estate.root()
CA = proof_estate.below(ROOT)
LONG = f"{'a' * 60}.corp.example"
GOOD = {
    "one name": (["web.corp.example"], "web.corp.example"),
    "an address alone": (["127.0.0.1"], "127.0.0.1"),
    "an address first": (["127.0.0.1", "dual.corp.example"], "127.0.0.1"),
    "a name behind an address": (["127.0.0.1", "dual.corp.example"], "dual.corp.example"),
    "a wildcard": (["*.corp.example"], "any.corp.example"),
    "a wildcard and its domain": (["*.corp.example", "corp.example"], "corp.example"),
    "an international name": (["xn--bcher-kva.corp.example"], "xn--bcher-kva.corp.example"),
    "a name too long for a subject": ([LONG], LONG),
    "20 names": ([f"n{number}.corp.example" for number in range(20)], "n19.corp.example"),
    "100 names": ([f"n{number}.corp.example" for number in range(100)], "n99.corp.example"),
}
FOREIGN = "www.foreign.example"
BAD = {
    "a foreign name": (CA.leaf(FOREIGN), FOREIGN),
    "a foreign name beside one of ours": (CA.leaf("web.corp.example", FOREIGN), "web.corp.example"),
    "a foreign address": (proof_estate.below(ROOT, {"permitted_dns": ["corp.example"]}).leaf("127.0.0.1"), "127.0.0.1"),
    "an expired leaf": (CA.leaf("old.corp.example", end=pki.NOW - pki.DAY), "old.corp.example"),
    "another name": (CA.leaf("web.corp.example"), "other.corp.example"),
    "another root": (pki.root("Stranger").intermediate().leaf("web.corp.example"), "web.corp.example"),
}
FORMER = "a foreign name, below an intermediate without name constraints"
Answers = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """What each client says about each server."""
    directory = tmp_path_factory.mktemp("estate")
    (directory / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch, proof_estate.running(directory) as estate:
        proof_clients.no_declarations(patch, directory / "home")
        proof_clients.put_on_path(patch, directory / "bin")
        for what, (names, host) in GOOD.items():
            estate.serve(what, CA.leaf(*names), host)
        for what, (leaf, host) in BAD.items():
            estate.serve(what, leaf, host)
        estate.serve(FORMER, proof_estate.below(ROOT, None).leaf(FOREIGN), FOREIGN)
        yield estate.ask(list(registry.CLIENTS), ROOT)


@proof_clients.as_root
@pytest.mark.parametrize("what", GOOD)
def test_what_is_right_is_accepted_by_every_client(answers: Answers, what: str) -> None:
    assert set(answers[what]) >= set(registry.CLIENTS)
    assert {client: said for client, said in answers[what].items() if said != "ok"} == {}


@proof_clients.as_root
@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_refused_by_every_client(answers: Answers, what: str) -> None:
    assert set(answers[what]) >= set(registry.CLIENTS)
    assert [client for client, said in answers[what].items() if said == "ok"] == []


@proof_clients.as_root
def test_name_constraints_of_a_root_alone_do_not_stop_java(answers: Answers) -> None:
    """So the intermediate has them, too."""
    accepted = {client.split()[0] for client, said in answers[FORMER].items() if said == "ok"}
    assert accepted == {"java"}
