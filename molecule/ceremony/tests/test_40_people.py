# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""People at a terminal: they see what they confirm, and nothing is signed that they do not confirm."""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.words import words
from lab.play import CHECKOUT
from lab.terminal import Terminal
from scene import CEREMONY, HOST, SMALL, Scene

PIN = secrets.token_hex(6)
PEOPLE = ("Ada Lovelace (operator)", "Grace Hopper (witness)")
# What comes next on the screen: a question, or the end.
QUESTION = (
    r"(?P<who>[\w ]+ \(\w+\)), type the first 2 words to confirm (?P<what>[^\n]*?): "
    r"|(?P<pin>(?:New )?PIN of the token 'primary'[^\n]*?: )"
    r"|(?P<end>PLAY RECAP)"
)
DIGEST = re.compile(r"SHA-256[^\n]*:\n((?: +(?:[0-9a-f]{2} ){4} +[^\n]+\n){8})")


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


def shown(terminal: Terminal) -> list[str]:
    """The words of the last digest on the screen, which are those of its hexadecimal digits."""
    lines = DIGEST.findall(terminal.screen)[-1].splitlines()
    digits = "".join("".join(line.split()[:4]) for line in lines)
    spoken = [word for line in lines for word in line.split()[4:]]
    assert spoken == list(words(bytes.fromhex(digits)))
    return spoken


def answer(terminal: Terminal, until: str = "never") -> list[str]:
    """Answer as asked; the names of what was confirmed. Stops before the question about `until`."""
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
        confirmed.append(f"{found['who']}: {found['what']}")
        terminal.type(" ".join(shown(terminal)[:2]))


def test_wrong_words_end_it_before_anything_is_made(scene: Scene) -> None:
    with at_the_terminal(scene) as terminal:
        terminal.read(QUESTION)
        terminal.type(" ".join(shown(terminal)[:2]))
        terminal.read(QUESTION)
        terminal.type("aardvark absurd")
        assert terminal.end() != 0
    assert "Grace Hopper did not confirm plan and clock" in " ".join(terminal.screen.split())
    assert scene.events() == []


def test_a_plan_that_changes_meanwhile_ends_it(scene: Scene) -> None:
    original = scene.plan_file.read_bytes()
    try:
        with at_the_terminal(scene) as terminal:
            answer(terminal, until="'key:r9'")
            scene.plan_file.write_bytes(original + b"# changed\n")
            terminal.type(" ".join(shown(terminal)[:2]))
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
    report = (scene.place / "report.md").read_text()
    assert all(name in report for name in ("Ada Lovelace", "Grace Hopper", "typed"))
    scene.verify()


def test_the_pin_is_on_no_disk_of_the_controller(scene: Scene) -> None:
    holds = [path for path in Path("~/.ansible").expanduser().rglob("*") if path.is_file()]
    holds += [path for path in scene.record.rglob("*") if path.is_file()]
    assert not [path for path in holds if PIN.encode() in path.read_bytes()]
