# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desk at which a ceremony's people sit: what they are shown, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.words import fingerprint_lines, words
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.prompts import ask, ask_parts, display

SPOKEN_WORDS = 2  # of a digest, typed by each person: enough to show that it was read
_UNATTENDED = "Run the play from a terminal, or give confirmed_plan for a ceremony without people (labs, tests)."
_NO_PIN = "Run the play from a terminal, or give the PIN from a secrets manager."
_TITLES = {"pin": "PIN", "new_pin": "New PIN", "management_key": "Management key"}


def show(text: str = "") -> None:
    """Show a line to everybody."""
    display.display(text)


def show_digest(title: str, digest: str) -> None:
    """A SHA-256 in hexadecimal and as words."""
    show(f"  {title}")
    for line in fingerprint_lines(digest):
        show(f"    {line}")


def show_facts(facts: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Facts that say something, with what they replace."""
    for name, value in facts.items():
        old = before.get(name)
        if value in (None, [], ""):
            continue
        change = f"   (was: {_text(old)})" if before and old != value and name not in ("serial", "sha256") else ""
        show(f"  {name.replace('_', ' '):18} {_text(value)}{change}")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def show_plan(state: Mapping[str, Any], rehearsal: bool) -> None:
    """What will happen, before anything does."""
    show()
    show("=" * 78)
    show(f"{'REHEARSAL of the' if rehearsal else 'Root'} ceremony {state['name']}")
    show("=" * 78)
    show(f"  clock of the ceremony machine: {state['clock']}")
    show(f"  the plan is for:               {state['window'][0]} to {state['window'][1]}")
    for step in state["steps"]:
        show(f"  [{'x' if step['state'] == 'done' else ' '}] {step['what']}")
    show_digest("SHA-256 of the plan:", state["plan_sha256"])


def confirm(what: str, people: Sequence[Mapping[str, str]], digest: str, quorum: int) -> list[dict[str, str]]:
    """Have each person confirm a digest by typing its first words. Where not all are needed, one may pass."""
    may_pass = " (Enter: pass)" if quorum < len(people) else ""
    expected = [word.lower() for word in words(bytes.fromhex(digest))[:SPOKEN_WORDS]]
    confirmed = []
    for person in people:
        prompt = (
            f"{person['name']} ({person['role']}), type the first {SPOKEN_WORDS} words to confirm {what}{may_pass}: "
        )
        said = ask(prompt, _UNATTENDED)
        if may_pass and not said.strip():
            continue
        if said.lower().split() != expected:
            raise AnsibleActionFail(f"{person['name']} did not confirm {what}. Nothing was signed for it.")
        confirmed.append({**person, "how": f"typed '{' '.join(expected)}'"})
    return confirmed


def confirmed_beforehand(people: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Everybody's confirmation by the plan's digest, given before the run."""
    return [{**person, "how": "by the plan's SHA-256, before the run"} for person in people]


def show_step(step: Mapping[str, Any]) -> None:
    """What one step will do."""
    show()
    show("-" * 78)
    show(step["what"])
    show("-" * 78)
    show_facts(step["facts"], step["before"])
    if step["digest"]:
        show_digest("SHA-256 of what will be signed:", step["digest"])


def show_signed(name: str, facts: Mapping[str, Any]) -> None:
    """What one step has done."""
    show(f"  done: {name}")
    if facts.get("sha256"):
        show_digest("SHA-256 fingerprint:", str(facts["sha256"]))


def insert(step: Mapping[str, Any]) -> None:
    """Have a token inserted."""
    show(f"  {step['missing']}")
    ask(f"Insert the token '{step['token']}' and press Enter: ", _UNATTENDED)


def try_again(failed: Mapping[str, Any]) -> bool:
    """Show why a step failed, and ask whether it is tried once more. Nothing that was done is done again."""
    show()
    show(f"  FAILED: {failed.get('msg', '')}")
    said = ask("Press Enter to take this step again, or type stop: ", _UNATTENDED)
    return said.strip() == ""


def secret(kind: str, step: Mapping[str, Any]) -> str:
    """A PIN or management key for a step. Of a PIN in parts nobody enters, or knows, more than one."""
    title = f"{_TITLES[kind]} of the token '{step['token']}'"
    holders = [] if kind == "management_key" else step["pin_holders"]
    return ask_parts(holders, title, step["what"], _NO_PIN, new=kind == "new_pin")


def show_touch(step: Mapping[str, Any], number: int, total: int) -> None:
    """Tell people to touch: a token does not say that it waits."""
    if step["touches"]:
        show(f"  >>> TOUCH the token '{step['token']}' when it blinks ({number} of {total}) <<<")
