# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates by the product's profiles, right and wrong, and what all clients say about them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import registry

from factories import pki, proof_clients, proof_estate

ROOT = proof_estate.root()
CA = proof_estate.below(ROOT, proof_estate.LIMITS)
_LONG = f"{'a' * 60}.corp.example"
# What it is: names of the certificate, and how clients call the server.
GOOD = {
    "one name": (["web.corp.example"], "web.corp.example"),
    "an address alone": (["127.0.0.1"], "127.0.0.1"),
    "an address first": (["127.0.0.1", "dual.corp.example"], "127.0.0.1"),
    "a name behind an address": (["127.0.0.1", "dual.corp.example"], "dual.corp.example"),
    "a wildcard": (["*.corp.example"], "any.corp.example"),
    "a wildcard and its domain": (["*.corp.example", "corp.example"], "corp.example"),
    "an international name": (["xn--bcher-kva.corp.example"], "xn--bcher-kva.corp.example"),
    "a name too long for a subject": ([_LONG], _LONG),
    "20 names": ([f"n{number}.corp.example" for number in range(20)], "n19.corp.example"),
    "100 names": ([f"n{number}.corp.example" for number in range(100)], "n99.corp.example"),
}
# Who has stolen an intermediate's key signs what he likes.
_FOREIGN = "www.foreign.example"
BAD = {
    "a foreign name": (CA.leaf(_FOREIGN), _FOREIGN),
    "a foreign name beside one of ours": (CA.leaf("web.corp.example", _FOREIGN), "web.corp.example"),
    "a foreign address": (proof_estate.below(ROOT, {"permitted_dns": ["corp.example"]}).leaf("127.0.0.1"), "127.0.0.1"),
    "an expired leaf": (CA.leaf("old.corp.example", end=pki.NOW - pki.DAY), "old.corp.example"),
    "another name": (CA.leaf("web.corp.example"), "other.corp.example"),
    "another root": (pki.root("Stranger").intermediate().leaf("web.corp.example"), "web.corp.example"),
}
FORMER = "a foreign name, below an intermediate without name constraints"
# What it is: the certificate, and how clients call the server.
ALL = {
    **{what: (CA.leaf(*names), host) for what, (names, host) in GOOD.items()},
    **BAD,
    FORMER: (proof_estate.below(ROOT, None).leaf(_FOREIGN), _FOREIGN),
}
Answers = dict[str, dict[str, str]]


def ask_all(directory: Path) -> Answers:
    """What each client says about each server: ``ok`` or its error. Needs root, for a name service of its own."""
    (directory / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch, proof_estate.running(directory) as estate:
        proof_clients.no_declarations(patch, directory / "home")
        proof_clients.put_on_path(patch, directory / "bin")
        for what, (leaf, host) in ALL.items():
            estate.serve(what, leaf, host)
        return estate.ask(list(registry.CLIENTS), ROOT)
