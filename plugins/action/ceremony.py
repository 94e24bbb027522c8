# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ceremony: files, people, secrets."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import TokensFile, parse_tokens
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import ceremony_desk as desk
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import require_pipelining

Result = dict[str, Any]


class ActionModule(ActionBase):  # type: ignore[misc]
    """Survey, then go through the steps with the people."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Run the task."""
        result = super().run(tmp, task_vars)
        self._task_vars = task_vars
        self._options = dict(self._task.args)
        if self._options.pop("act", None):
            raise AnsibleActionFail("The option act is not for tasks.")
        self._secrets = {
            "pin": {name: str(pin) for name, pin in (self._options.pop("pins", None) or {}).items() if pin},
            "management_key": dict(self._options.pop("management_keys", None) or {}),
        }
        try:
            self._act = self._material()
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}
        return {**result, **self._hold()}

    def _material(self) -> Result:
        for option in ("plan", "tokens", "directory"):
            if not self._options.get(option):
                raise AnsibleActionFail(f"missing required arguments: {option}")
        plan, tokens = (_read(Path(str(self._options[name])).expanduser()) for name in ("plan", "tokens"))
        home = Path(str(self._options["tokens"])).expanduser().parent
        parsed: TokensFile = parse_tokens(tokens, str(self._options["tokens"]), home)
        pinned = (*parsed.attestation_roots, *parsed.attestation_intermediates)
        files = {one.file: one.read(home).decode() for one in pinned}
        return {"plan": plan.decode(), "tokens": tokens.decode(), "attestation_files": files}

    def _hold(self) -> Result:
        state = self._module({}, check=True)
        if state.get("failed") or state["over"] or self._task.check_mode:
            return state
        require_pipelining(self)
        self._act["run"] = secrets.token_hex(8)
        confirmed = str(self._options.get("confirmed_plan") or "")
        first = state
        ended = self._unattended(state) if confirmed else self._attended(state)
        if ended.get("failed"):
            return ended
        return {**ended, "changed": first["steps"] != ended["steps"], "diff": ended["diff"]}

    def _unattended(self, state: Result) -> Result:
        by = desk.confirmed_beforehand(state["people"])
        self._act["confirmed_by"] = by
        pending = [step for step in state["steps"] if step["state"] != "done"]
        for step in pending:
            self._collect(step)
        orders = [{"step": step["id"], "digest": "", "confirmed_by": by} for step in pending]
        return self._module({"orders": orders})

    def _attended(self, state: Result) -> Result:
        rehearsal = bool(self._options.get("rehearsal"))
        desk.show_plan(state, rehearsal)
        self._require_plan_unchanged(state)
        self._act["confirmed_by"] = desk.confirm("plan and clock", state["people"], state["plan_sha256"])
        known, diff = dict(state["signed"]), {"before": {}, "after": {}}
        state = self._module({})
        while not state.get("failed"):
            for name in [name for name in state["signed"] if name not in known]:
                desk.show_signed(name, state["signed"][name])
            known = dict(state["signed"])
            for side in ("before", "after"):
                diff[side] |= state["diff"][side]
            if state["over"]:
                return {**state, "diff": {**state["diff"], **diff}}
            self._require_plan_unchanged(state)
            state = self._module({"orders": self._agree(state)})
        return state

    def _agree(self, state: Result) -> list[Result]:
        """Go through the next step with the people; what they agree to."""
        pending = [step for step in state["steps"] if step["state"] != "done"]
        step = pending[0]
        if step["missing"]:
            desk.insert(step)
            return []
        desk.show_step(step)
        by = desk.confirm(f"'{step['id']}'", state["people"], step["digest"]) if step["consent"] else []
        self._collect(step)
        touches = sum(one["touches"] for one in state["steps"])
        desk.show_touch(step, touches - sum(one["touches"] for one in pending) + 1, touches)
        return [{"step": step["id"], "digest": step["digest"], "confirmed_by": by}]

    def _collect(self, step: Result) -> None:
        """Have the secrets of a step; each is entered once a run, since each entry can be a wrong one."""
        for kind in step["secrets"]:
            kept = self._secrets["management_key" if kind == "management_key" else "pin"]
            if step["token"] not in kept:
                kept[step["token"]] = desk.secret(kind, step)

    def _require_plan_unchanged(self, state: Result) -> None:
        now = hashlib.sha256(_read(Path(str(self._options["plan"])).expanduser())).hexdigest()
        if now != state["plan_sha256"]:
            raise AnsibleActionFail(
                f"The plan was changed while the ceremony was held: its SHA-256 is now {now}, confirmed was "
                f"{state['plan_sha256']}. Nothing more is signed. Find out who changed it."
            )

    def _module(self, given: Result, check: bool = False) -> Result:
        args = {
            **self._options,
            "act": {**self._act, **given},
            "pins": {} if check else self._secrets["pin"],
            "management_keys": {} if check else self._secrets["management_key"],
        }
        asked, self._task.check_mode = self._task.check_mode, check
        try:
            name = "trustanchor.private_ca.ceremony"
            found: Result = self._execute_module(name, args, task_vars=self._task_vars)
            return found
        finally:
            self._task.check_mode = asked


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be read: {error.strerror}", "the ceremony is held by it") from error
