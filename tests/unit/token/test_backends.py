# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of token kinds is whole: what belongs to a kind, and nobody may forget."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.trustanchor.private_ca.plugins.doc_fragments.token import ModuleDocFragment
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import (
    attestation,
    devices,
    options,
    policy,
    readiness,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.base import Backend
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11.keys import KeySpec
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11.sessions import TokenSpec
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.registry import (
    BACKENDS,
    backend_of,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.credential_plan import CredentialPlan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.key_plan import KeyRequirement
from factories.token_facts import FIT

ROOT = Path(__file__).resolve().parents[3]
OPTIONAL = {"attest", "set_credentials"}  # a kind may have none
WANTED = KeyRequirement("ec-p384", touch_policy="never")


@dataclass(frozen=True)
class Surroundings:
    """What belongs to a kind outside of its file: documentation, the option's choices, tests."""

    fragment: str
    guides: str
    choices: tuple[str, ...]
    tests: str


def surroundings() -> Surroundings:
    """As they are."""
    return Surroundings(
        fragment=ModuleDocFragment.DOCUMENTATION,
        guides="\n".join(path.read_text() for path in sorted((ROOT / "docs/guides").glob("*.md"))),
        choices=tuple(options.TOKEN["kind"]["choices"]),
        tests="\n".join(
            path.read_text()
            for path in sorted(Path(__file__).parent.glob("test_*.py"))
            if path.name != "test_backends.py"
        ),
    )


def undocumented(backend: Backend, around: Surroundings) -> list[str]:
    """What the documentation does not say of a kind."""
    documented = yaml.safe_load(around.fragment)
    choices = documented["options"]["token"]["suboptions"]["kind"]["choices"]
    row = re.search(rf"^\| `{backend.kind}` \|([^|]*)\|", around.guides, re.MULTILINE)
    requirements = " ".join(documented["requirements"])
    return [
        *(["doc_fragments/token.py: the choice"] if backend.kind not in choices else []),
        *(["token.options: the choice"] if backend.kind not in around.choices else []),
        *(["docs/guides: a row in the table of kinds"] if row is None else []),
        *(f"docs/guides: the field {name}" for name in backend.fields if row and f"`{name}`" not in row[1]),
        *(f"doc_fragments/token.py: the library {name}" for name in backend.libraries if name not in requirements),
    ]


def missing(backend: Backend, around: Surroundings) -> list[str]:
    """All that a kind lacks."""
    found = undocumented(backend, around)
    found += [f"its {one.name}" for one in fields(backend) if one.name not in OPTIONAL and _empty(backend, one.name)]
    if not re.search(rf"kind: {backend.kind}\b", around.tests):
        found.append("a test that declares one")
    return found


def _empty(backend: Backend, name: str) -> bool:
    return getattr(backend, name) in (None, "", ())


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=list(BACKENDS))
def test_a_kind_is_whole(backend: Backend) -> None:
    assert missing(backend, surroundings()) == []
    assert set(backend.pin_policies) <= set(policy.PIN_POLICIES)


def test_nothing_else_is_offered() -> None:
    assert set(options.TOKEN["kind"]["choices"]) == set(BACKENDS)


def test_a_new_kind_is_told_all_that_it_lacks() -> None:
    unknown: Any = None
    new = replace(
        BACKENDS["pkcs11"],
        kind="tpm",
        libraries=("tpm2-pytss",),
        inspect=unknown,
        plan_credentials=unknown,
        problems=unknown,
    )
    assert missing(new, surroundings()) == [
        "doc_fragments/token.py: the choice",
        "token.options: the choice",
        "docs/guides: a row in the table of kinds",
        "doc_fragments/token.py: the library tpm2-pytss",
        "its inspect",
        "its problems",
        "its plan_credentials",
        "a test that declares one",
    ]


@pytest.mark.parametrize("kind", BACKENDS)
@pytest.mark.parametrize(
    ("forget", "lacks"),
    [
        (lambda one, kind: replace(one, guides=one.guides.replace(f"| `{kind}` |", "|")), "docs/guides: a row"),
        (lambda one, kind: replace(one, guides=one.guides.replace("`module_path`", "")), "docs/guides: the field"),
        (lambda one, kind: replace(one, fragment=re.sub(r"choices: .*", "choices: []", one.fragment)), "the choice"),
        (lambda one, kind: replace(one, fragment=one.fragment.replace("python-pkcs11", "another")), "the library"),
        (lambda one, kind: replace(one, choices=()), "token.options: the choice"),
        (lambda one, kind: replace(one, tests=one.tests.replace(f"kind: {kind}", "")), "a test that declares one"),
    ],
    ids=["guide", "field", "fragment", "library", "choices", "test"],
)
def test_what_is_forgotten_is_told(kind: str, forget: Callable[[Surroundings, str], Surroundings], lacks: str) -> None:
    assert any(lacks in text for text in missing(BACKENDS[kind], forget(surroundings(), kind)))


@pytest.mark.parametrize("kind", BACKENDS)
def test_what_each_kind_offers_without_a_token(kind: str) -> None:
    """Plans and rules are computed from facts, whatever library is missing here."""
    backend = BACKENDS[kind]
    device = backend.identify("one", TokenSpec("/lib/module.so", "11111111"), KeySpec(b"\x02"))
    assert (device.kind, backend_of(device)) == (kind, backend)
    facts = replace(FIT, kind=kind)
    plan = backend.plan_credentials(device, facts, None, None, "aes192")
    assert isinstance(plan, CredentialPlan)
    assert plan.changed is False
    assert isinstance(readiness.problems(device, facts, WANTED), list)
    assert backend.key_secret(facts) in ("pin", "management_key")


@pytest.mark.parametrize("kind", [kind for kind, backend in BACKENDS.items() if backend.attest is None])
def test_who_cannot_attest_says_so(kind: str) -> None:
    device = BACKENDS[kind].identify("one", TokenSpec("/lib/module.so", "1"), KeySpec(b"\x02"))
    with pytest.raises(TrustAnchorError, match=f"cannot attest keys. its kind is {kind}"):
        attestation.read_attestation(device)


@pytest.mark.parametrize("entry", ["{kind: [yubikey]}", "{kind: tpm}", "{}", "text", "[]"])
def test_a_kind_that_is_not_one(entry: str, tmp_path: Path) -> None:
    text = f"version: 1\ntokens:\n  one: {entry}\n"
    with pytest.raises(TrustAnchorError, match="token one"):
        devices.parse_tokens(text.encode(), "tokens.yml", tmp_path)
