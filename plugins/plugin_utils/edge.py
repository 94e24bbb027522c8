# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's edge: options, errors, and what runs on the host; the counterpart of module_utils/edge.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge as modules_edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import read, save
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import document
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.document import shown, visible
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers

COLLECTION = "trustanchor.private_ca"
failure = modules_edge.failure  # the one form of a failure, in modules and in actions
Result = dict[str, Any]
_OBEYED = ("ansible_facts", "add_host", "add_group", "ansible_stats")
_LONGEST = 4000  # characters of one message on a terminal
_ANSIBLES = ("exception", "warnings", "deprecations")
_SAID = answers.fields({}, failed=answers.flag, changed=answers.flag, msg=answers.text)


class EdgeAction(ActionBase):  # type: ignore[misc]
    """An action plugin: it states its module's specification, and does its work in `handle`.

    Ansible refuses ``async`` for it, since its work is on the controller.
    """

    module = ""  # its name without the collection's
    specification: ClassVar[Mapping[str, Any]] = {}  # the module's own
    required_if: ClassVar[Sequence[Sequence[Any]]] = ()

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> Result:
        """Run the task: options, `handle`, one form of errors, no secret in the result."""
        result: Result = super().run(tmp, task_vars)
        self.task_vars = dict(task_vars or {})
        self.options, secrets = parse_options(self.module, self._task.args, self.specification, self.required_if)
        try:
            found = self.handle()
        except TrustAnchorError as error:
            found = failure(error)
        # The one way of a result to the terminal, and to whoever registers it.
        return {**result, **shown(without(secrets, found))}

    def handle(self) -> Result:
        """Do the work with ``self.options``; the result, with ``changed``.

        Raises:
            TrustAnchorError: becomes a failed result with ``msg`` and ``error``.
        """
        raise NotImplementedError

    def keep(self, path: Path, content: bytes) -> dict[str, list[str]]:
        """Write a file of the record on the controller where it differs; only tell of it in check mode.

        Returns:
            Its path, and what was (or would be) corrected; nothing where it is as wanted.

        Raises:
            TrustAnchorError: it cannot be read or written.
        """
        present = read(path)
        if present == content:
            return {}
        if not self._task.check_mode:
            save(path, content)
        return {str(path): ["absent" if present is None else "content"]}

    def given(self, specification: Mapping[str, Any]) -> Result:
        """Those of the task's options that a module takes, as they were written: paths are the host's to resolve."""
        return {name: value for name, value in self._task.args.items() if name in specification}

    def on_host(self, module: str, options: Mapping[str, Any], check_mode: bool | None = None) -> Result:
        """Run a module of this collection on the host of the task.

        Args:
            module: its name without the collection's.
            options: for it.
            check_mode: the task's own unless given.

        Returns:
            What it answered. Whether it failed, whether it changed something and the message have the right types, and
            nothing in the message can move a terminal's cursor; all else is to be read with `answers`. What Ansible
            would obey (facts, further hosts and groups, statistics) is left out: no module of ours asks for that.

        Raises:
            TrustAnchorError: these three are not what a module says.
            AnsibleConnectionFailure: the host cannot be reached.
        """
        asked = self._task.check_mode
        self._task.check_mode = asked if check_mode is None else check_mode
        try:
            answer = self._execute_module(f"{COLLECTION}.{module}", dict(options), task_vars=self.task_vars)
        finally:
            self._task.check_mode = asked
        said = _SAID(answer, "the answer")
        if "msg" in said:
            said["msg"] = printable(said["msg"])
        return {**_data(answer), **said}


class OnHost(EdgeAction):
    """The action of a module that does all of its work on the host: what it answers is read here."""

    def handle(self) -> Result:
        """Run it."""
        return self.on_host(self.module, self.given(self.specification))


class HostHalf(ActionBase):  # type: ignore[misc]
    """A task may not call the half of a module that runs on the host: its other half checks, asks and masks.

    `EdgeAction.on_host` runs the module itself, and not this.
    """

    module = ""  # the public one

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> Result:
        """Refuse."""
        raise AnsibleActionFail(
            f"{COLLECTION}.{self.module}_host is the part of {COLLECTION}.{self.module} that runs on the host, and not "
            f"for tasks. Use {COLLECTION}.{self.module}."
        )


def parse_options(
    module: str, given: Mapping[str, Any], specification: Mapping[str, Any], required_if: Sequence[Sequence[Any]] = ()
) -> tuple[Result, set[str]]:
    """The options by the rules by which Ansible reads a module's, and those that are secret.

    Args:
        module: its name without the collection's.
        given: the task's options.
        specification: of the module.
        required_if: as AnsibleModule takes it.

    Returns:
        The options with their defaults, and the values that no result may show.

    Raises:
        AnsibleActionFail: an unknown option, a wrong type, a missing one.
    """
    read = ArgumentSpecValidator(dict(specification), required_if=list(required_if)).validate(dict(given))
    if read.error_messages:
        unknown = any(isinstance(error, UnsupportedError) for error in read.errors)
        prefix = f"Unsupported parameters for ({COLLECTION}.{module}) module: " if unknown else ""
        raise AnsibleActionFail(prefix + str(read.errors.msg))
    options: Result = read.validated_parameters
    return options, set(read._no_log_values)


def without(secrets: set[str], found: Result) -> Result:
    """A result in which no secret option is to be seen. Ansible's own entries are objects of its own."""
    if not secrets:
        return found
    own = {name: value for name, value in found.items() if name not in _ANSIBLES}
    return {**found, **remove_values(own, secrets)}


def printable(text: str) -> str:
    """Text from a host for a terminal: its lines stay, no other control character does, and it has an end."""
    return document.printable(text, _LONGEST)


def warnings(answer: Mapping[str, Any]) -> list[Any]:
    """The warnings of an answer; Ansible has made objects of its own of some."""
    found = answer.get("warnings")
    listed = found if isinstance(found, list) else []
    return [printable(one) if isinstance(one, str) else shown(one) for one in listed]


def show(lines: Iterable[str]) -> None:
    """Show lines on the terminal of the play; nothing in one can make another."""
    Display().display("\n".join(document.printable(visible(line), _LONGEST) for line in lines))


def _data(answer: Mapping[str, Any]) -> Result:
    """An answer without what Ansible obeys; which Python the host has is Ansible's own finding."""
    found = {name: value for name, value in answer.items() if name not in _OBEYED}
    facts = answer.get("ansible_facts")
    if isinstance(facts, Mapping):
        own = {name: value for name, value in facts.items() if str(name).startswith("discovered_interpreter_")}
        found |= {"ansible_facts": own} if own else {}
    if "warnings" in found:
        found["warnings"] = warnings(answer)
    return found
