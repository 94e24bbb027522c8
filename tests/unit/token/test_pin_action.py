# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.action import token_credentials, token_key
from ansible_collections.trustanchor.private_ca.plugins.modules.token_key import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import prompts
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import PinAction, Secret

TOKEN = {"token": {"module_path": "/usr/lib/softhsm/libsofthsm2.so", "label": "test"}, "key": {"id": "02"}}
COPIES = [TOKEN["token"], TOKEN["token"]]


class NewPinAction(PinAction):
    """An action that sets two secrets."""

    module = "test"
    specification: ClassVar = {**SPECIFICATION, "puk": {"type": "str", "no_log": True}}
    secrets = (Secret("puk", "New PUK", new=True), Secret("pin", "New PIN", new=True))


class Harness:
    """An action whose module and terminal are played by the test."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, kind: type[Any], args: dict[str, Any], check: bool = False
    ) -> None:
        self.calls: list[tuple[bool, dict[str, Any]]] = []
        self.prompts: list[str] = []
        self.answers: list[bytes] = []
        self.rehearsal = {"changed": True, "purpose": "sign it", "missing": "", "needed": ["pin"]}
        self.pipelining = True
        self.action: Any = object.__new__(kind)
        self.action._task = SimpleNamespace(args={**TOKEN, **args}, check_mode=check)
        monkeypatch.setattr(ActionBase, "run", lambda *_: {})
        monkeypatch.setattr(kind, "_execute_module", self.execute)
        monkeypatch.setattr(kind, "_is_pipelining_enabled", lambda *_: self.pipelining)
        monkeypatch.setattr(prompts, "display", SimpleNamespace(prompt_until=self.prompt))

    def execute(self, _name: str, args: dict[str, Any], task_vars: Any = None) -> dict[str, Any]:
        assert args["token"] == TOKEN["token"]
        self.calls.append((self.action._task.check_mode, {name: args[name] for name in args if name not in TOKEN}))
        return self.rehearsal if self.action._task.check_mode else {"changed": True}

    def prompt(self, text: str, private: bool) -> bytes:
        assert private
        self.prompts.append(text)
        return self.answers.pop(0)

    def run(self) -> Any:
        return self.action.run(None, {})


def test_without_work_there_is_no_prompt_and_no_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, token_key.ActionModule, {"pin": "4711-secret"})
    harness.rehearsal = {"changed": False}
    assert harness.run() == {"changed": False}
    assert harness.calls == [(True, {})]


def test_check_mode_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, token_key.ActionModule, {}, check=True)
    assert harness.run()["changed"]
    assert harness.calls == [(True, {})]


def test_a_given_pin_is_sent_with_the_second_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, token_key.ActionModule, {"pin": "4711-secret", "algorithm": "ec-p384"})
    harness.run()
    assert harness.calls == [
        (True, {"algorithm": "ec-p384"}),
        (False, {"algorithm": "ec-p384", "pin": "4711-secret"}),
    ]
    assert harness.action._task.check_mode is False


def test_the_prompt_says_what_for(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, token_key.ActionModule, {"pin": ""})
    harness.answers = [b"4711-secret\r"]
    harness.run()
    assert harness.prompts == ["PIN to sign it: "]
    assert harness.calls[1][1]["pin"] == "4711-secret"


def test_no_pin_without_pipelining(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, token_key.ActionModule, {"pin": "4711-secret"})
    harness.pipelining = False
    with pytest.raises(AnsibleActionFail, match="Pipelining is off"):
        harness.run()
    assert len(harness.calls) == 1


def test_no_prompt_for_a_token_that_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, token_key.ActionModule, {})
    harness.rehearsal["missing"] = "no token is present"
    with pytest.raises(AnsibleActionFail, match="no token is present"):
        harness.run()


def test_a_new_pin_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, NewPinAction, {})
    del harness.rehearsal["needed"]
    harness.answers = [b"puk-4711", b"puk-4711", b"pin-4711", b"pin-4712"]
    with pytest.raises(AnsibleActionFail, match="differ"):
        harness.run()
    assert len(harness.calls) == 1


def test_only_what_is_needed_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, token_credentials.ActionModule, {"management_key": "0a" * 24})
    harness.rehearsal["needed"] = ["puk"]
    harness.answers = [b"87654321", b"87654321"]
    harness.run()
    assert harness.prompts == ["PUK to sign it: ", "PUK again: "]
    assert harness.calls[1][1] == {"puk": "87654321", "management_key": "0a" * 24}


def test_each_copy_of_a_key_has_its_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    args = {"pin": "pin-1", "copies": COPIES, "copy_pins": ["pin-2"]}
    harness = Harness(monkeypatch, token_key.ActionModule, args)
    harness.rehearsal["needed"] = ["pin", "copy_pins"]
    harness.answers = [b"pin-3"]
    harness.run()
    assert harness.prompts == ["PIN to import the key to copy 2: "]
    assert harness.calls == [
        (True, {"copies": COPIES}),
        (False, {"copies": COPIES, "pin": "pin-1", "copy_pins": ["pin-2", "pin-3"]}),
    ]


def test_a_secret_in_parts_is_asked_of_its_holders(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(monkeypatch, token_key.ActionModule, {"pin_holders": ["Ada", "Grace"]})
    harness.rehearsal["needed"] = ["pin"]
    harness.answers = [b"ada4", b"grac"]
    harness.run()
    assert harness.prompts == ["Ada: your part of the PIN to sign it: ", "Grace: your part of the PIN to sign it: "]
    assert harness.calls[1][1]["pin"] == "ada4grac"
