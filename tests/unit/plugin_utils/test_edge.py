# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's edge: an action's options, its errors, and its calls of the host."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge as modules_edge
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


@dataclasses.dataclass(frozen=True)
class Message:
    """As ansible-core makes them of warnings and errors."""

    msg: str
    events: tuple[Any, ...] = ()


def test_nothing_of_a_result_moves_a_cursor(action: Action) -> None:
    """Not only the message: Ansible prints diffs, warnings, and with -v all of it."""
    raw = "\x1b]0;x\x07\x9b2J\u202e\udcff"
    answer(
        action,
        {
            "changed": True,
            "stores": [{"name": f"nss /home/a/{raw}", raw: (raw, 1)}],
            "diff": {"before": {raw: raw}, "prepared": f"- {raw}\n+ b\n"},
            "warnings": [raw, Message(raw, (Message(raw),))],
            "exception": Message(raw),
            "pem": "-----BEGIN\r\nA\n",
        },
    )
    action.work = lambda: action.on_host("other", {})
    found = run(action, name="x")
    told = [json.dumps(found["diff"], ensure_ascii=False), json.dumps(found["stores"], ensure_ascii=False)]
    told += [found["warnings"][0], found["warnings"][1].msg, found["warnings"][1].events[0].msg, found["exception"].msg]
    assert all(one.isprintable() for one in told)
    assert found["diff"]["prepared"].count("\n") == 2
    assert found["pem"] == "-----BEGIN\nA\n"
    assert isinstance(found["exception"], Message)


def test_a_long_message_has_an_end(action: Action) -> None:
    answer(action, {"failed": True, "msg": "x" * 60_000})
    action.work = lambda: action.on_host("other", {})
    assert len(run(action, name="x")["msg"]) < 5000


def test_a_host_gives_ansible_no_orders(action: Action) -> None:
    python = {"discovered_interpreter_python": "/usr/bin/python3"}
    orders = {"add_host": {"host_name": "x"}, "add_group": "x", "ansible_stats": {"data": {"x": 1}}}
    answer(action, {"changed": False, "ansible_facts": {"pki_directory": "/x", **python}, **orders}, {"changed": False})
    action.work = lambda: action.on_host("other", {})
    assert run(action, name="x") == {"base": 1, "changed": False, "ansible_facts": python}
    assert "ansible_facts" not in run(action, name="x")


HALVES_AND_CONTROLLERS = ("ceremony_plan", "ceremony_verify", "trust_manifest")  # they read the record, on its machine


@pytest.mark.parametrize(
    "module",
    sorted(
        path.stem
        for path in (CHECKOUT / "plugins/modules").glob("*.py")
        if not path.stem.endswith("_host") and path.stem not in HALVES_AND_CONTROLLERS
    ),
)
def test_what_a_host_answers_to_any_module_goes_through_the_edge(module: str) -> None:
    plugin = importlib.import_module(f"ansible_collections.trustanchor.private_ca.plugins.action.{module}")
    assert issubclass(plugin.ActionModule, edge.EdgeAction)
    assert plugin.ActionModule.module == module
    assert plugin.ActionModule.handle is not edge.EdgeAction.handle


def test_modules_warn_and_end_through_their_edge() -> None:
    """What a local user has named is harmless before it leaves the host; `exit_json` is called with constants only."""
    for path in (CHECKOUT / "plugins/modules").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("warn", "fail_json") or ast.unparse(node) == "edge.warn", path
    module = SimpleNamespace(**{name: lambda **found: ended.append(found) for name in ("fail_json", "exit_json")})
    ended: list[dict[str, Any]] = []
    modules_edge.run(module, lambda _module: {"changed": False, "stores": [{"name": "\x1b[2J\udcff"}]})
    assert ended == [{"changed": False, "stores": [{"name": "\\x1b[2J\\udcff"}]}]
    assert modules_edge.failure(TrustAnchorError("\x1b[2J"))["error"]["what"] == "\\x1b[2J"


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
