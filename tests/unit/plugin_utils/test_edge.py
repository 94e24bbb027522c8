# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's edge: an action's options, its errors, and its calls of the host."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import edge
from factories.collection import CHECKOUT

ANSIBLES = object()  # ansible-core puts objects of its own into results


class Action(edge.EdgeAction):
    """An action whose work the test gives."""

    module = "example"
    specification: ClassVar = {
        "name": {"type": "str", "required": True},
        "names": {"type": "list", "elements": "str", "default": ["a"]},
        "size": {"type": "int"},
        "file": {"type": "path"},
        "key": {"type": "str", "no_log": True},
    }
    required_if: ClassVar = [("name", "sized", ("size",))]
    work: Any = None

    def handle(self) -> edge.Result:
        found: edge.Result = self.work()
        return found


@pytest.fixture
def action(monkeypatch: pytest.MonkeyPatch) -> Action:
    monkeypatch.setattr(ActionBase, "run", lambda *_: {"base": 1})
    made: Action = object.__new__(Action)
    made.work = dict
    return made


def run(action: Action, check_mode: bool = False, **options: Any) -> edge.Result:
    action._task = SimpleNamespace(args=options, check_mode=check_mode)
    return action.run(None, {"inventory_hostname": "web1"})


def answer(action: Action, *answers: Any) -> list[tuple[str, edge.Result, bool]]:
    """Have the host answer; what reached it."""
    seen: list[tuple[str, edge.Result, bool]] = []
    left = list(answers)

    def execute(name: str, args: edge.Result, task_vars: Any) -> Any:
        assert task_vars == {"inventory_hostname": "web1"}
        seen.append((name, args, action._task.check_mode))
        said = left.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    action._execute_module = execute
    return seen


def test_options_have_their_types_and_defaults(action: Action) -> None:
    run(action, name="x", size="5")
    assert action.options == {"name": "x", "names": ["a"], "size": 5, "file": None, "key": None}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "missing required arguments: name"),
        ({"name": "x", "nme": "y"}, r"Unsupported parameters for \(trustanchor.private_ca.example\) module: nme"),
        ({"name": "x", "size": "big"}, "'size' is of type str"),
        ({"name": "sized"}, "name is sized but all of the following are missing: size"),
    ],
)
def test_options_are_refused_by_the_rules_of_modules(action: Action, options: dict[str, Any], what: str) -> None:
    with pytest.raises(AnsibleActionFail, match=what):
        run(action, **options)


def test_the_result(action: Action) -> None:
    action.work = lambda: {"changed": True}
    assert run(action, name="x") == {"base": 1, "changed": True}


def test_an_error_is_told_as_modules_tell_it(action: Action) -> None:
    def work() -> edge.Result:
        raise TrustAnchorError("no key", "it is needed", "Give one")

    action.work = work
    assert run(action, name="x") == {
        "base": 1,
        "failed": True,
        "msg": "no key: it is needed. Give one.",
        "error": {"what": "no key", "why": "it is needed", "next_step": "Give one"},
    }


def test_no_secret_is_in_a_result(action: Action) -> None:
    action.work = lambda: {"facts": {"said": "the key is hunter22"}, "exception": ANSIBLES, "warnings": [ANSIBLES]}
    found = run(action, name="x", key="hunter22")
    assert found["facts"] == {"said": "the key is ********"}
    assert (found["exception"], found["warnings"]) == (ANSIBLES, [ANSIBLES])


def test_no_secret_is_in_an_error(action: Action) -> None:
    def work() -> edge.Result:
        raise TrustAnchorError("cannot read hunter22")

    action.work = work
    assert "hunter22" not in str(run(action, name="x", key="hunter22"))


def test_what_was_given_is_passed_on_as_it_was_written(action: Action) -> None:
    run(action, name="x", file="~/x", key="k")
    assert action.options["file"] != "~/x"
    assert action.given({"file": {}, "names": {}, "name": {}}) == {"name": "x", "file": "~/x"}


@pytest.mark.parametrize(
    ("asked", "ordered", "expected"), [(False, None, False), (True, None, True), (False, True, True)]
)
def test_a_module_runs_on_the_host(action: Action, asked: bool, ordered: bool | None, expected: bool) -> None:
    seen = answer(action, {"changed": False, "facts": 1})
    action.work = lambda: action.on_host("other", {"a": 1}, ordered)
    assert run(action, check_mode=asked, name="x") == {"base": 1, "changed": False, "facts": 1}
    assert seen == [("trustanchor.private_ca.other", {"a": 1}, expected)]
    assert action._task.check_mode is asked


def test_the_tasks_check_mode_is_back_after_a_lost_connection(action: Action) -> None:
    answer(action, AnsibleConnectionFailure("gone"))
    action.work = lambda: action.on_host("other", {}, True)
    with pytest.raises(AnsibleConnectionFailure):
        run(action, name="x")
    assert action._task.check_mode is False


@pytest.mark.parametrize(
    "said", [None, [], "ok", {"changed": "no"}, {"failed": 1}, {"msg": ["x"]}, {"msg": "x" * 10**6}]
)
def test_an_answer_of_no_module_is_a_failure(action: Action, said: Any) -> None:
    answer(action, said)
    action.work = lambda: action.on_host("other", {})
    found = run(action, name="x")
    assert found["failed"]
    assert "the host's answer cannot be used" in found["error"]["what"]


def test_the_message_of_a_host_moves_no_cursor(action: Action) -> None:
    answer(action, {"failed": True, "msg": "first\x1b[1A\r\nsecond\ttab", "warnings": ["\x07", ANSIBLES]})
    action.work = lambda: action.on_host("other", {})
    found = run(action, name="x")
    assert found["msg"] == "first\\x1b[1A\\r\nsecond\\ttab"
    assert edge.warnings(found) == ["\\x07", ANSIBLES]


@pytest.mark.parametrize("warnings", [None, "abc", {"a": 1}])
def test_warnings_that_are_not_a_list_are_none(warnings: Any) -> None:
    assert edge.warnings({"warnings": warnings}) == []


HALVES = sorted(path.stem for path in (CHECKOUT / "plugins/modules").glob("*_host.py"))


@pytest.mark.parametrize("half", HALVES)
def test_no_task_calls_a_hosts_half(half: str) -> None:
    """It would sign, enrol or publish without what the controller checks and asks."""
    plugin = importlib.import_module(f"ansible_collections.trustanchor.private_ca.plugins.action.{half}")
    action = object.__new__(plugin.ActionModule)
    public = half.removesuffix("_host")
    with pytest.raises(AnsibleActionFail, match=rf"Use trustanchor\.private_ca\.{public}\."):
        action.run(None, {})
    assert (CHECKOUT / f"plugins/modules/{public}.py").exists()
