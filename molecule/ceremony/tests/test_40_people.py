# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""People at a terminal: they see what they confirm, and nothing is signed that they do not confirm."""

from __future__ import annotations

import json
import os
import re
import secrets

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.words import words
from lab import leaks
from lab.play import CHECKOUT, STATE
from lab.terminal import Terminal
from scene import CEREMONY, HOST, SMALL, Scene

PIN = secrets.token_hex(6)
PEOPLE = ("Ada Lovelace (operator)", "Grace Hopper (witness)")
# What comes next on the screen: a question, or the end.
QUESTION = (
    r"(?P<who>[\w ]+ \(\w+\)), type the words of line (?P<line>\d) to confirm (?P<what>[^\n]*?): "
    r"|(?P<pin>(?:New )?PIN of the token 'primary'[^\n]*?: )"
    r"|(?P<end>PLAY RECAP)"
)
DIGEST = re.compile(r"SHA-256[^\n]*:\n((?: +\d: (?:[0-9a-f]{2} ){4} +[^\n]+\n){8})")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    made = Scene(tmp_path_factory.mktemp("people") / "pki", "people", SMALL)
    made.plan()
    return made


def at_the_terminal(scene: Scene) -> Terminal:
    """Begin; nothing is given beforehand."""
    asked = {**scene.variables, "root_ceremony_pins": {}, "root_ceremony_confirmed_plan": ""}
    inventory = str(CHECKOUT / "inventories/lab")
    command = ["ansible-playbook", "-i", inventory, "--limit", HOST, "--extra-vars", json.dumps(asked), CEREMONY]
    return Terminal(command, CHECKOUT, {**os.environ, "ANSIBLE_NOCOLOR": "1"})


def shown(terminal: Terminal, line: str) -> str:
    """The words of a line of the last digest on the screen, which are those of its hexadecimal digits."""
    lines = [one.split() for one in DIGEST.findall(terminal.screen)[-1].splitlines()]
    digits = "".join("".join(one[1:5]) for one in lines)
    assert [word for one in lines for word in one[5:]] == list(words(bytes.fromhex(digits)))
    return next(" ".join(one[5:]) for one in lines if one[0] == f"{line}:")


def answer(terminal: Terminal, until: str = "never", wrong: str = "nobody") -> list[str]:
    """Answer as asked; the names of what was confirmed.

    Args:
        terminal: of the ceremony.
        until: stop before the question about this.
        wrong: a person who types other words.
    """
    confirmed = []
    while True:
        found = terminal.read(QUESTION)
        if found["end"]:
            return confirmed
        if found["pin"]:
            terminal.type(PIN)
            continue
        if until in found["what"]:
            return confirmed
        if wrong in found["who"]:
            terminal.type("aardvark absurd")
            continue
        confirmed.append(f"{found['who']}: {found['what']}")
        terminal.type(shown(terminal, found["line"]))


def test_wrong_words_end_it_before_anything_is_made(scene: Scene) -> None:
    with at_the_terminal(scene) as terminal:
        assert answer(terminal, wrong="Grace Hopper") == ["Ada Lovelace (operator): plan and clock"]
        assert terminal.end() != 0
    assert "Grace Hopper did not confirm plan and clock" in " ".join(terminal.screen.split())
    assert scene.events() == []


def test_a_plan_that_changes_meanwhile_ends_it(scene: Scene) -> None:
    original = scene.plan_file.read_bytes()
    try:
        with at_the_terminal(scene) as terminal:
            answer(terminal, until="'key:r9'")
            scene.plan_file.write_bytes(original + b"# changed\n")
            terminal.type("aardvark absurd")
            answer(terminal)
            assert terminal.end() != 0
    finally:
        scene.plan_file.write_bytes(original)
    assert "The plan was changed while the ceremony was held" in " ".join(terminal.screen.split())
    assert "signed" not in scene.events()


def test_they_confirm_every_step_and_the_pin_is_not_on_the_screen(scene: Scene) -> None:
    with at_the_terminal(scene) as terminal:
        confirmed = answer(terminal)
        assert terminal.end() == 0, terminal.screen
    steps = ["plan and clock", "'root:r9'", "'crl:r9'", "'seal'"]
    assert confirmed == [f"{person}: {step}" for step in steps for person in PEOPLE]
    assert PIN not in terminal.screen
    assert "CN=Small Root CA R9" in terminal.screen
    assert scene.events()[-1] == "closed"
    report = (scene.ceremony_directory / "report.md").read_text()
    assert all(name in report for name in ("Ada Lovelace", "Grace Hopper", "typed"))
    scene.verify()


def test_the_pin_is_nowhere() -> None:
    """What was typed left no trace on either machine."""
    question = leaks.Question({"needles": {"pin": leaks.forms(PIN.encode())}, "keys": {}})
    directories = {HOST: ["/", "/dev/shm"], "localhost": [str(STATE), *leaks.PASSING_HERE]}
    assert leaks.search(question, directories) == {HOST: [], "localhost": []}
