# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The prompts of a ceremony: what its people are shown at the terminal, and what they say."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.document import visible
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.words import fingerprint_lines, words
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.prompts import ask, ask_parts, display

TRIES = 3  # at the words; a slip of the finger is not a refusal
_UNATTENDED = "Run the play from a terminal, or give confirmed_plan for a plan that says unattended (labs, tests)."
_NO_PIN = "Run the play from a terminal, or give the PIN from a secrets manager."
_TITLES = {"pin": "PIN", "new_pin": "New PIN", "management_key": "Management key"}
MINIMUM_PIN = 6  # characters; and a shorter one would be masked wherever it occurs by accident


def show(text: str = "") -> None:
    """Show a line to everybody; nothing in it can move the cursor or hide another line."""
    display.display(visible(text))


def show_digest(title: str, digest: str) -> None:
    """A SHA-256 in hexadecimal and as words, in numbered lines."""
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


def show_plan(state: Mapping[str, Any], rehearsal: bool, abandon: bool) -> None:
    """What will happen, before anything does."""
    kind = "ABANDON the" if abandon else "REHEARSAL of the" if rehearsal else "Root"
    show()
    show("=" * 78)
    show(f"{kind} ceremony {state['name']}")
    show("=" * 78)
    if abandon:
        show("  what was signed stays; the rest of the plan is left undone and can be planned again")
    show(f"  clock of the ceremony machine: {state['clock']}")
    show(f"  the plan is for:               {state['window'][0]} to {state['window'][1]}")
    for name, device in state["tokens"].items():
        show(f"  token {name}: {device}")
    for step in state["steps"]:
        show(f"  [{'x' if step['state'] == 'done' else ' '}] {step['what']}")
    show_digest("SHA-256 of the plan:", state["plan_sha256"])


def confirm(what: str, people: Sequence[Mapping[str, str]], digest: str, quorum: int) -> list[dict[str, str]]:
    """Have each person confirm a digest. Where not all are needed, one may pass.

    Each is asked for another line of the words, drawn at random: whoever only compares what is typed compares 32 bits
    that nobody could foresee, and everybody is asked to compare the rest too.
    """
    show("  Compare all lines with the printed copy or with each other's before you type.")
    answers = [_confirmation(what, person, digest, quorum < len(people)) for person in people]
    return [answer for answer in answers if answer is not None]


def _confirmation(what: str, person: Mapping[str, str], digest: str, may_pass: bool) -> dict[str, str] | None:
    lines = _lines(digest)
    number = secrets.randbelow(len(lines)) + 1
    passing = " (Enter: pass)" if may_pass else ""
    prompt = f"{person['name']} ({person['role']}), type the words of line {number} to confirm {what}{passing}: "
    for _try in range(TRIES):
        said = ask(prompt, _UNATTENDED).lower().split()
        if may_pass and not said:
            return None
        if said == lines[number - 1]:
            return {**person, "how": f"typed line {number}, '{' '.join(said)}'"}
        show("  These are not the words of that line.")
    raise AnsibleActionFail(f"{person['name']} did not confirm {what}. Nothing was signed for it.")


def _lines(digest: str) -> list[list[str]]:
    try:
        spoken = [word.lower() for word in words(bytes.fromhex(digest))]
    except ValueError:
        raise AnsibleActionFail(
            "A digest is masked: a PIN is part of it by accident, or is too short. Choose another PIN."
        ) from None
    return [spoken[at : at + 4] for at in range(0, len(spoken), 4)]


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
        show_digest("SHA-256 of what is confirmed:", step["digest"])


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


def secret(kind: str, step: Mapping[str, Any], rehearsal: bool) -> str:
    """A PIN or management key for a step. Of a PIN in parts nobody enters, or knows, more than one."""
    title = f"{'REHEARSAL ' if rehearsal else ''}{_TITLES[kind]} of the token '{step['token']}'"
    if rehearsal and kind == "new_pin":
        show("  This token is a file. Choose a PIN for the rehearsal, and not the one of the real token.")
    holders = [] if kind == "management_key" else step["pin_holders"]
    entered = ask_parts(holders, title, step["what"], _NO_PIN, new=kind == "new_pin")
    if kind == "new_pin" and len(entered) < MINIMUM_PIN:
        raise AnsibleActionFail(f"The PIN has fewer than {MINIMUM_PIN} characters. Nothing was done.")
    return entered


def show_touch(step: Mapping[str, Any], number: int, total: int) -> None:
    """Tell people to touch: a token does not say that it waits."""
    if step["touches"]:
        show()
        show(f"  >>> TOUCH the token '{step['token']}' when it blinks ({number} of {total}) <<<")
