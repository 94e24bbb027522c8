# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of a ceremony: people are played, the machine is real."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.action import ceremony
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session import runner, setup
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import prompts
from factories.ceremony_host import PINS, CeremonyHost


class Room:
    """A room with a terminal: what was shown, what was asked, and people who answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, host: CeremonyHost, **options: Any) -> None:
        self.host, self.check, self.pipelining = host, False, True
        self.shown: list[str] = []
        self.asked: list[str] = []
        self.pins = list(options.pop("type_pins", []))
        self.said = ""
        host.save()
        (host.home / "tokens.yml").write_text(yaml.safe_dump({"version": 1, "tokens": host.tokens}))
        self.args = {
            "plan": str(host.home / "ceremony.yml"),
            "tokens": str(host.home / "tokens.yml"),
            "directory": str(host.home),
            **options,
        }
        monkeypatch.setattr(ActionBase, "run", lambda *_: {})
        monkeypatch.setattr(ceremony.ActionModule, "_execute_module", self.execute)
        monkeypatch.setattr(ceremony.ActionModule, "_is_pipelining_enabled", lambda *_: self.pipelining)
        terminal = SimpleNamespace(display=self.shown.append, prompt_until=self.answer)
        monkeypatch.setattr(prompts, "display", terminal)
        monkeypatch.setattr(
            "ansible_collections.trustanchor.private_ca.plugins.plugin_utils.ceremony_prompts.display", terminal
        )

    def hold(self) -> dict[str, Any]:
        self.action: Any = object.__new__(ceremony.ActionModule)
        self.action._task = SimpleNamespace(args=dict(self.args), check_mode=self.check)
        found: dict[str, Any] = self.action.run(None, {})
        return found

    def execute(self, _name: str, args: dict[str, Any], task_vars: Any = None) -> dict[str, Any]:
        """What plugins/modules/ceremony_host.py does."""
        given = {"confirmed_by": [], **args}
        material = setup.Material(
            given["plan"].encode(), given["tokens"].encode(), {}, self.host.home, bool(args.get("rehearsal"))
        )
        try:
            context = setup.ceremony_context(material, args["pins"], args["management_keys"])
            before = setup.state(context)
            if self.action._task.check_mode:
                assert not args["pins"]
                return {"changed": not before["over"], **before, "diff": setup.diff(before, before)}
            run = setup.parse_run(given, args.get("confirmed_plan", ""), False)
            runner.perform(context, run, setup.parse_orders(given.get("orders", [])))
            after = setup.state(context)
        except TrustAnchorError as error:
            return {"failed": True, "msg": str(error)}
        return {"changed": True, **after, "diff": setup.diff(before, after)}

    def answer(self, text: str, private: bool = False) -> bytes:
        self.asked.append(text)
        if private:
            return (self.pins.pop(0) if self.pins else PINS["primary"]).encode()
        if "type the words of line" in text:
            return (self.said or self.words(text)).encode()
        return b""

    def words(self, text: str) -> str:
        """The words of the line that is asked for, of the digest that was shown last."""
        start = max(number for number, line in enumerate(self.shown) if "SHA-256 of" in line)
        (number,) = re.findall(r"of line (\d)", text)
        return self.shown[start + int(number)].rpartition("   ")[2]


@pytest.fixture
def host(tmp_path: Path) -> CeremonyHost:
    return CeremonyHost(tmp_path, ["root:r1", "crl:r1"])


def test_people_confirm_plan_and_each_step_and_enter_each_pin_once(
    monkeypatch: pytest.MonkeyPatch, host: CeremonyHost
) -> None:
    room = Room(monkeypatch, host)
    done = room.hold()
    assert done["over"], done
    assert done["changed"]
    assert done["diff"]["after"]["root:r1"]["subject"] == "CN=Test Root R1,O=Test"
    confirmations = [text for text in room.asked if "type the words" in text]
    assert len(confirmations) == 2 * len(("plan", "key:r1", "root:r1", "crl:r1", "seal"))
    assert [text for text in room.asked if "PIN" in text] == [
        "New PIN of the token 'primary' to make the token 'primary' in software: ",
        "New PIN of the token 'primary' again: ",
    ]
    assert any("SHA-256 fingerprint:" in line for line in room.shown)
    assert not any(PINS["primary"] in line for line in room.shown)
    transcript = (host.ceremony_directory / "transcript.jsonl").read_text()
    assert PINS["primary"] not in transcript
    assert transcript.count("typed line") == len(confirmations)
    asked = len(room.asked)
    assert room.hold()["changed"] is False or room.hold()["over"]
    assert len(room.asked) == asked


def test_whoever_types_other_words_stops_the_ceremony(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    room = Room(monkeypatch, host)
    room.said = "yes"
    with pytest.raises(AnsibleActionFail, match="Ada Lovelace did not confirm plan and clock"):
        room.hold()
    assert not host.ceremony_directory.exists()


def test_a_wrong_pin_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    host.take("before", [{"step": "token:primary", "digest": "", "confirmed_by": []}])
    room = Room(monkeypatch, host, type_pins=["wrong-pin"])
    assert room.hold()["over"]
    assert sum("FAILED: the PIN of the token 'primary' is wrong" in line for line in room.shown) == 1
    assert sum(text.startswith("PIN of the token") for text in room.asked) == 2


def test_a_pin_in_parts_is_entered_by_its_holders(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    host.plan["keys"]["r1"]["pin_holders"] = ["Grace Hopper", "Ada Lovelace"]
    room = Room(monkeypatch, host, type_pins=["grace's", "grace's", "-and-ada's", "-and-ada's"])
    assert room.hold()["over"]
    assert [text.partition(":")[0] for text in room.asked if "PIN" in text] == [
        "Grace Hopper", "Grace Hopper", "Ada Lovelace", "Ada Lovelace",
    ]  # fmt: skip
    host.pins = {"primary": "grace's-and-ada's"}
    assert room.action._secrets["pin"] == host.pins


def test_a_quorum_confirms(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    host.plan["people"] += [{"name": "Mary Kenneth Keller", "role": "witness"}]
    host.plan["quorum"] = 2
    room = Room(monkeypatch, host)
    answer = room.answer

    def without_grace(text: str, private: bool = False) -> bytes:
        return b"" if text.startswith("Grace Hopper") else answer(text, private)

    monkeypatch.setattr(prompts.display, "prompt_until", without_grace)
    assert room.hold()["over"]
    transcript = (host.ceremony_directory / "transcript.jsonl").read_text()
    assert '"name":"Mary Kenneth Keller","role":"witness"}' in transcript
    assert "typed" in transcript
    assert '"how":"typed' in transcript
    assert '"name":"Grace Hopper"' in transcript.splitlines()[0]
    assert '"name":"Grace Hopper"' not in "".join(transcript.splitlines()[1:])


def test_fewer_than_the_quorum_stop_the_ceremony(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    host.plan["people"] += [{"name": "Mary Kenneth Keller", "role": "witness"}]
    host.plan["quorum"] = 2
    room = Room(monkeypatch, host)
    monkeypatch.setattr(
        prompts.display, "prompt_until", lambda text, private: room.answer(text) if "Ada" in text else b""
    )
    assert "confirmed by 1 of 2 people" in room.hold()["msg"]
    assert not host.ceremony_directory.exists()


def test_check_mode_asks_nobody(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    room = Room(monkeypatch, host)
    room.check = True
    state = room.hold()
    assert state["changed"]
    assert not state["over"]
    assert room.asked == []


def test_confirmed_beforehand_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    room = Room(monkeypatch, host, pins=dict(PINS), confirmed_plan=host.context().plan.sha256)
    assert room.hold()["over"]
    assert room.asked == []
    assert "UNATTENDED" in (host.ceremony_directory / "report.md").read_text()


def test_confirmed_beforehand_was_another_plan(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    room = Room(monkeypatch, host, pins=dict(PINS), confirmed_plan="0" * 64)
    assert "the confirmed plan has the SHA-256 0000" in room.hold()["msg"]
    assert not host.ceremony_directory.exists()


def test_the_plan_is_changed_while_people_look_at_it(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    room = Room(monkeypatch, host)
    answer = room.answer

    def and_change(text: str, private: bool = False) -> bytes:
        if "'root:r1'" in text:
            path = host.home / "ceremony.yml"
            path.write_text(path.read_text().replace("First roots", "Other roots"))
        return answer(text, private)

    monkeypatch.setattr(prompts.display, "prompt_until", and_change)
    with pytest.raises(AnsibleActionFail, match="The plan was changed while the ceremony was held"):
        room.hold()
    assert not (host.home / "crls").exists()


def test_without_pipelining_there_is_no_ceremony(monkeypatch: pytest.MonkeyPatch, host: CeremonyHost) -> None:
    room = Room(monkeypatch, host)
    room.pipelining = False
    with pytest.raises(AnsibleActionFail, match="Pipelining is off"):
        room.hold()
    assert not host.ceremony_directory.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": [{"id": "root:r1"}]},
        {"steps": "none"},
        {"people": ["Ada"]},
        {"over": "no"},
        {"signed": {"root:r1": []}},
        {"tokens": ["primary"]},
        {"diff": None},
        {"plan_sha256": 7},
    ],
)
def test_an_answer_that_cannot_be_used_stops_the_ceremony(
    monkeypatch: pytest.MonkeyPatch, host: CeremonyHost, changes: dict[str, Any]
) -> None:
    room = Room(monkeypatch, host)
    answered = room.execute
    monkeypatch.setattr(
        ceremony.ActionModule, "_execute_module", lambda _self, name, args, **_: {**answered(name, args), **changes}
    )
    found = room.hold()
    assert "the host's answer cannot be used" in found["error"]["what"]
    assert room.asked == []
    assert not host.ceremony_directory.exists()
