# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of modules that use a token: ask for the PIN, and only when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.answers import each, fields, text
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.edge import EdgeAction, Result, printable
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


_PLAN = fields({"purpose": text}, missing=text, needed=each(text))


class PinAction(EdgeAction):
    """Run the module in check mode first; with work to do, get the PIN and run it for real.

    The module's result may name in ``needed`` the secrets that its work needs; without that it is all of them. One
    that was given as an option is always passed on. A module has no terminal (Ansible's workers call setsid), so the
    prompt is here.
    """

    secrets: tuple[Secret, ...] = (Secret("pin", "PIN"),)

    def handle(self) -> Result:
        """Plan without a secret, ask for what the plan needs, carry it out."""
        here = {"pin_holders", *(secret.option for secret in self.secrets)}
        options = {name: value for name, value in self.given(self.specification).items() if name not in here}
        planned = self.on_host(self.module, options, check_mode=True)
        if planned.get("failed") or not planned.get("changed") or self._task.check_mode:
            return planned
        plan = _PLAN(planned, "the answer")
        if plan.get("missing"):
            raise AnsibleActionFail(printable(plan["missing"]))
        require_pipelining(self)
        needed = plan.get("needed", [secret.option for secret in self.secrets])
        wanted = [secret for secret in self.secrets if self.options[secret.option] or secret.option in needed]
        values = {secret.option: self.value_of(secret, printable(plan["purpose"])) for secret in wanted}
        return self.on_host(self.module, {**options, **values}, check_mode=False)

    def value_of(self, secret: Secret, purpose: str) -> Any:
        """What is passed on for a secret: given, or entered by people."""
        return self.one_value(secret, self.options[secret.option], purpose)

    def one_value(self, secret: Secret, given: Any, purpose: str) -> str:
        """One text: as given, or asked for."""
        if given:
            value = str(given)
            register_secret(value)
            return value
        holders = self.options["pin_holders"] if secret.in_parts else []
        return ask_parts(holders, secret.title, purpose, _NO_TERMINAL, secret.new)
