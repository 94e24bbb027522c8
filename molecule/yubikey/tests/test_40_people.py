# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two people hold a ceremony at a terminal: a PIN is typed, the YubiKey is touched, and no secret is left anywhere."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from cryptography import x509
from lab import hosts, leaks
from lab.play import CHECKOUT, STATE
from lab.terminal import Terminal
from lab.yubikeys import VirtualYubiKeys
from scenario import CEREMONY, HOST, INVENTORY, PRIMARY, STANDBY, Ceremony, device, pins, puks

NAME = "people"
ROOTS = ("r1", "s1")
QUESTION = r"type the words of line (?P<line>\d) to confirm (?P<what>[^\n]+?): "
PIN = r"PIN of the token 'primary' to [^\n]+?: "
TOUCH = r">>> TOUCH the token 'primary' when it blinks \((\d) of (\d)\) <<<"


@pytest.fixture(scope="module")
def question() -> leaks.Question:
    """PINs, PUKs, management keys, and what a root's private key would look like."""
    secrets = {f"PIN {name}": value.encode() for name, value in pins().items()}
    secrets |= {f"PUK {name}": value.encode() for name, value in puks().items()}
    asked = {str(PRIMARY): pins()["primary"], str(STANDBY): pins()["standby"]}
    secrets |= {name: bytes.fromhex(value) for name, value in hosts.ask(HOST, "management_keys", asked).items()}
    assert sorted(map(len, secrets.values())) == [8, 8, 8, 8, 32, 32]
    roots = [x509.load_pem_x509_certificate((STATE / f"pki/roots/{name}.crt").read_bytes()) for name in ROOTS]
    return leaks.Question(
        {
            "needles": {name: leaks.forms(value) for name, value in secrets.items()},
            "keys": {name: leaks.spki(root.public_key()) for name, root in zip(ROOTS, roots, strict=True)},
        }
    )


def confirm(terminal: Terminal, what: str) -> None:
    """Each of the two types the words of a line that is on the screen."""
    for _person in range(2):
        asked = terminal.read(QUESTION)
        assert asked["what"] == what, terminal.screen
        lines = re.findall(rf"^ +{asked['line']}: (?:[0-9a-f]{{2}} ){{4}} +(.+)$", terminal.screen, re.MULTILINE)
        terminal.type(lines[-1])


def test_people_see_when_to_touch(keys: VirtualYubiKeys, question: leaks.Question, tmp_path: Path):
    """The virtual YubiKey waits for its touch, which comes only after the screen has asked for it."""
    ceremony = Ceremony(tmp_path / "pki", NAME, unattended=False)
    ceremony.plug(primary=device(PRIMARY, "84"))
    asked = ceremony.variables(root_ceremony_pins={}, root_ceremony_confirmed_plan="")
    inventories = ["-i", str(CHECKOUT / "inventories/lab"), "-i", INVENTORY]
    command = ["ansible-playbook", *inventories, "--limit", HOST, "--extra-vars", json.dumps(asked), CEREMONY]
    keys.touch("manual", 60)
    before = keys.status()["touch"]["requests"]
    watched = {HOST: leaks.PASSING, "localhost": leaks.PASSING_HERE}
    running = {host: question.start(host, paths=paths, watch=True) for host, paths in watched.items()}
    try:
        with Terminal(command, CHECKOUT, {**os.environ, "ANSIBLE_NOCOLOR": "1"}) as terminal:
            confirm(terminal, "plan and clock")
            confirm(terminal, f"'key:{NAME}'")
            terminal.read(PIN)
            terminal.type(pins()["primary"])
            for number, step in enumerate((f"'root:{NAME}'", "'seal'"), start=1):
                confirm(terminal, step)
                assert keys.status()["touch"]["requests"] == before + number - 1
                assert terminal.read(TOUCH).groups() == (str(number), "2")
                keys.press(PRIMARY)
            assert terminal.end() == 0, terminal.screen
    finally:
        answers = {host: hosts.answer(program) for host, program in running.items()}
    assert pins()["primary"] not in terminal.screen
    assert {host: one["found"] for host, one in answers.items()} == {host: [] for host in watched}
    assert min(one["rounds"] for one in answers.values()) > 3
    opened = ceremony.events()[0]["data"]
    assert (opened["unattended"], ceremony.signed()) == (False, [f"root:{NAME}"])


def test_no_secret_is_left(question: leaks.Question):
    planted = leaks.Planted()
    planted.plant(HOST)
    try:
        asked = leaks.Question(
            {**question.asked, "needles": {**question.asked["needles"], "planted": [planted.marker.encode().hex()]}}
        )
        found = leaks.search(asked, {HOST: ["/"], "localhost": [str(STATE), *leaks.PASSING_HERE]})
    finally:
        planted.remove(HOST)
    assert {host: leaks.leaks(one) for host, one in found.items()} == {HOST: [], "localhost": []}
    assert leaks.kinds(found[HOST]) == {"file", "argument", "environment", "open file", "journal"}
