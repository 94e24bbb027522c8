# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of modules that use a token: ask for the PIN, and only when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleActionFail, AnsiblePromptNoninteractive
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

try:  # ansible-core 2.22 and newer mask registered secrets in all output
    from ansible.module_utils.secrets import register_secret
except ImportError:

    def register_secret(value: str) -> None:
        """Older cores mask by no_log alone."""


display = Display()


@dataclass(frozen=True)
class Secret:
    """An option that a person types.

    Args:
        option: name of the module's option.
        title: what to call it in the prompt.
        new: it is being set, so it is asked for twice.
    """

    option: str
    title: str
    new: bool = False


class PinAction(ActionBase):  # type: ignore[misc]
    """Run the module in check mode first; with work to do, get the PIN and run it for real.

    A module has no terminal (Ansible's workers call setsid), so the prompt is here.
    """

    module = ""
    secrets: tuple[Secret, ...] = (Secret("pin", "PIN"),)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        given = {secret.option: args.pop(secret.option, None) for secret in self.secrets}
        rehearsal = self._run_module(args, task_vars, check=True)
        if rehearsal.get("failed") or not rehearsal.get("changed") or self._task.check_mode:
            return {**result, **rehearsal}
        if rehearsal.get("missing"):
            raise AnsibleActionFail(rehearsal["missing"])
        self._require_pipelining()
        pins = {secret.option: self._value(secret, given, rehearsal["purpose"]) for secret in self.secrets}
        return {**result, **self._run_module({**args, **pins}, task_vars, check=False)}

    def _run_module(self, args: dict[str, Any], task_vars: Any, check: bool) -> dict[str, Any]:
        asked = self._task.check_mode
        self._task.check_mode = check
        try:
            found: dict[str, Any] = self._execute_module(self.module, args, task_vars=task_vars)
            return found
        finally:
            self._task.check_mode = asked

    def _require_pipelining(self) -> None:
        if not self._is_pipelining_enabled("new"):
            raise AnsibleActionFail(
                "Pipelining is off for this connection. Without it Ansible would write the PIN to a file on "
                "the ceremony host. Set ANSIBLE_PIPELINING=1 (pipelining = true in ansible.cfg) and unset "
                "keep_remote_files."
            )

    def _value(self, secret: Secret, given: dict[str, Any], purpose: str) -> str:
        value = str(given[secret.option]) if given[secret.option] else self._ask(secret, purpose)
        register_secret(value)
        return value

    def _ask(self, secret: Secret, purpose: str) -> str:
        value = self._prompt(f"{secret.title} to {purpose}: ")
        if secret.new and self._prompt(f"{secret.title} again: ") != value:
            raise AnsibleActionFail(f"The two entries of the {secret.title} differ. Nothing was done.")
        if not value:
            raise AnsibleActionFail(f"No {secret.title} was entered. Nothing was done.")
        return value

    def _prompt(self, text: str) -> str:
        try:
            entered = display.prompt_until(text, private=True)
        except AnsiblePromptNoninteractive:
            raise AnsibleActionFail(
                "A PIN is needed and there is no terminal to ask at. Run the play from a terminal, or give "
                f"the PIN by a variable from a secrets manager. It is the {text.strip(': ')}."
            ) from None
        return bytes(entered).decode().strip("\r\n")
