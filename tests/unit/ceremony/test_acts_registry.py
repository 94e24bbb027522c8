# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of act has all that a kind needs; a kind that lacks something is named here, not on the day."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.trustanchor.private_ca.plugins.doc_fragments import ceremony_declaration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import exchange
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts.base import ActKind, SigningAct
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts.registry import KINDS, parse_act
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.linting import Lint
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.preview import Preview
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.signatures import tbs
from ansible_collections.trustanchor.private_ca.plugins.modules import ceremony_plan
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from factories import plans
from factories.collection import CHECKOUT
from factories.pki import profiled as make

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
NO_LINT = Lint(None)  # pkilint has its own tests


def examples(kind: ActKind) -> list[dict[str, Any]]:
    """Acts of a kind in the plan that the tests of whole ceremonies hold."""
    found = plans.acts(plans.full(), kind.name)
    assert found, f"tests/factories/plans.py has no act '{kind.name}'"
    return found


def text(*parts: str) -> str:
    return CHECKOUT.joinpath(*parts).read_text()


def test_each_kind_has_a_name_and_an_option_of_its_own() -> None:
    names = [kind.name for kind in KINDS]
    options = [kind.entries.option for kind in KINDS if kind.entries is not None]
    assert len(set(names)) == len(names)
    assert len(set(options)) == len(options)


@every_kind
def test_from_the_plan_and_back(kind: ActKind) -> None:
    for example in examples(kind):
        act = parse_act(example, plans.START)
        for start in (plans.START, plans.START + dt.timedelta(hours=1)):
            dumped = act.dump(start)
            assert dumped["act"] == kind.name
            assert parse_act(dumped, start) == act
        assert act.id.startswith(f"{kind.name}:")
        assert act.what
        assert act.marked("") == act


@every_kind
def test_an_unknown_key_is_refused(kind: ActKind) -> None:
    with pytest.raises(TrustAnchorError, match="nonsense"):
        parse_act({**examples(kind)[0], "nonsense": 1}, plans.START)


@every_kind
def test_a_rule_binds_it_to_the_rest_of_the_plan(kind: ActKind) -> None:
    assert kind.name in plans.BROKEN_RULES, f"tests/factories/plans.py breaks no rule of '{kind.name}'"
    break_it, refusal = plans.BROKEN_RULES[kind.name]
    data = plans.full()
    plans.parsed(data)
    break_it(data)
    with pytest.raises(TrustAnchorError, match=refusal):
        plans.parsed(data)


@every_kind
def test_the_exchange_carries_what_it_signs(kind: ActKind) -> None:
    acts = [parse_act(example, plans.START) for example in examples(kind)]
    assert all((act.signing is None) == (kind.files is None) for act in acts)
    for path in [act.signing.path for act in acts if act.signing is not None]:
        for name in (path, f"rehearsals/0001-abcd/{path}"):
            assert [one for one in exchange.PATHS if one.holds(name)], f"{name} is not carried"


@every_kind
def test_what_replaces_another_has_an_archive_that_is_carried(kind: ActKind) -> None:
    if kind.files is None or kind.files.resolve_archived is None:
        return
    archived = f"{kind.files.directory}/archive/name{kind.files.suffix}"
    assert [one for one in exchange.PATHS if one.holds(archived)], f"{archived} is not carried"


class Memory(Preview):
    """A record whose roots have keys in memory."""

    def __init__(self, record: Path) -> None:
        super().__init__(record, NO_LINT)
        self.keys: dict[str, Any] = {}

    def root_key(self, name: str) -> Any:
        """Made when it is asked for first."""
        return self.keys.setdefault(name, make.new_key()).public_key()

    def sign(self, act: SigningAct) -> Any:
        """Sign and write, as a ceremony does."""
        output = act.output(self)
        signed = output.draft(x509.random_serial_number()).sign(self.keys[act.signer])
        output.write(signed)
        assert output.is_done()
        return signed


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[SigningAct, Any, Memory]]:
    """Every act of the full plan, signed."""
    record = tmp_path_factory.mktemp("record")
    data = plans.full()
    (record / "requests").mkdir()
    for act in data["acts"]:
        if "request_sha256" in act:
            pem = make.request(make.new_key(), act["subject"]).public_bytes(Encoding.PEM)
            (record / "requests" / f"{act['name']}.csr").write_bytes(pem)
            act["request_sha256"] = hashlib.sha256(pem).hexdigest()
    memory = Memory(record)
    return [(act, memory.sign(act), memory) for act in plans.parsed(data).signing_acts]


@every_kind
def test_verification_builds_again_what_was_signed(kind: ActKind, signed: list[tuple[SigningAct, Any, Memory]]) -> None:
    mine = [(act, one, memory) for act, one, memory in signed if act.id.startswith(f"{kind.name}:")]
    assert bool(mine) == (kind.files is not None)
    for act, one, memory in mine:
        rebuilt = act.rebuilt(one, memory, NO_LINT)
        assert tbs(rebuilt.sign_ephemeral()) == tbs(one)
        assert not list(rebuilt.lint(one))
        assert act.form.load_der(act.form.der(one)) == one
        assert set(act.needs) <= set(memory.keys)


@every_kind
def test_it_is_documented(kind: ActKind) -> None:
    guide = text("docs/guides/ceremony.md")
    named = (f"`{kind.name}`", f"act: {kind.name}\n", f"act: {kind.name},")
    assert any(one in guide for one in named), f"docs/guides/ceremony.md does not name the act '{kind.name}'"


@every_kind
def test_what_is_declared_of_it_is_an_option_of_module_and_role(kind: ActKind) -> None:
    if kind.entries is None:
        return
    option, keys = kind.entries.option, set(kind.entries.known)
    documented = yaml.safe_load(ceremony_declaration.ModuleDocFragment.DOCUMENTATION)["options"]
    assert option in documented, f"doc_fragments/ceremony_declaration.py does not document '{option}'"
    assert "trustanchor.private_ca.ceremony_declaration" in ceremony_plan.DOCUMENTATION
    assert keys <= set(documented[option]["suboptions"])
    assert keys <= set(ceremony_plan._specification()[option]["options"])
    assert f"    {option}: " in text("roles/root_ceremony/tasks/plan.yml")
    specs = yaml.safe_load(text("roles/root_ceremony/meta/argument_specs.yml"))["argument_specs"]
    assert f"root_ceremony_{option}" in specs["plan"]["options"]
