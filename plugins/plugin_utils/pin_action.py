# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of modules that use a token: ask for the PIN, and only when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.prompts import ask_parts, register_secret

_NO_TERMINAL = "Run the play from a terminal, or give the PIN by a variable from a secrets manager."


def require_pipelining(action: ActionBase) -> None:
    """Refuse to send a secret over a connection that would write it to a file on the way."""
    if not action._is_pipelining_enabled("new"):
        raise AnsibleActionFail(
            "Pipelining is off for this connection. Without it Ansible would write the PIN to a file on "
            "the ceremony host. Set ANSIBLE_PIPELINING=1 (pipelining = true in ansible.cfg) and unset "
            "keep_remote_files."
        )


@dataclass(frozen=True)
class Secret:
    """An option that a person types.

    Args:
        option: name of the module's option.
        title: what to call it in the prompt.
        new: it is being set, so it is asked for twice.
        in_parts: the option pin_holders applies to it.
    """

    option: str
    title: str
    new: bool = False
    in_parts: bool = True


class PinAction(ActionBase):  # type: ignore[misc]
    """Run the module in check mode first; with work to do, get the PIN and run it for real.

    The module's result may name in ``needed`` the secrets that its work needs; without that it is all of them. One
    that was given as an option is always passed on. A module has no terminal (Ansible's workers call setsid), so the
    prompt is here.
    """

    module = ""
    secrets: tuple[Secret, ...] = (Secret("pin", "PIN"),)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        self._holders = [str(name) for name in args.pop("pin_holders", None) or []]
        given = {secret.option: args.pop(secret.option, None) for secret in self.secrets}
        rehearsal = self._run_module(args, task_vars, check=True)
        if rehearsal.get("failed") or not rehearsal.get("changed") or self._task.check_mode:
            return {**result, **rehearsal}
        if rehearsal.get("missing"):
            raise AnsibleActionFail(rehearsal["missing"])
        require_pipelining(self)
        needed = rehearsal.get("needed", [secret.option for secret in self.secrets])
        wanted = [secret for secret in self.secrets if given[secret.option] or secret.option in needed]
        pins = {secret.option: self._value(secret, given, rehearsal["purpose"]) for secret in wanted}
        return {**result, **self._run_module({**args, **pins}, task_vars, check=False)}

    def _run_module(self, args: dict[str, Any], task_vars: Any, check: bool) -> dict[str, Any]:
        asked = self._task.check_mode
        self._task.check_mode = check
        try:
            found: dict[str, Any] = self._execute_module(self.module, args, task_vars=task_vars)
            return found
        finally:
            self._task.check_mode = asked

    def _value(self, secret: Secret, given: dict[str, Any], purpose: str) -> Any:
        if given[secret.option]:
            value = str(given[secret.option])
            register_secret(value)
            return value
        holders = self._holders if secret.in_parts else []
        return ask_parts(holders, secret.title, purpose, _NO_TERMINAL, secret.new)
