# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ceremony: files, people, secrets."""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import exchange
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import TokensFile, parse_tokens
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import ceremony_prompts
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import require_pipelining

Result = dict[str, Any]
_REHEARSAL_PIN = "rehearsal"  # of tokens that are files, in a rehearsal without people


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
        self._fixed_pin = ""
        self._rehearsal = bool(self._options.get("rehearsal"))
        if self._rehearsal:  # its tokens are files: no secret of a real one may protect them
            self._secrets = {"pin": {}, "management_key": {}}
        try:
            self._act = self._material()
            return {**result, **self._hold()}
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}

    def _material(self) -> Result:
        self._options["plan"] = self._options.get("plan") or str(_last_plan(self._options.get("record")))
        for option in ("tokens", "directory"):
            if not self._options.get(option):
                raise AnsibleActionFail(f"missing required arguments: {option}")
        plan, tokens = (_read(Path(str(self._options[name])).expanduser()) for name in ("plan", "tokens"))
        home = Path(str(self._options["tokens"])).expanduser().parent
        parsed: TokensFile = parse_tokens(tokens, str(self._options["tokens"]), home)
        pinned = (*parsed.attestation_roots, *parsed.attestation_intermediates)
        files = {one.file: one.read(home).decode() for one in pinned}
        given = {"plan": plan.decode(), "tokens": tokens.decode(), "attestation_files": files}
        if self._task.check_mode and self._options.get("record"):
            found = exchange.read(Path(str(self._options["record"])).expanduser(), exchange.IN)
            given["files"] = {name: base64.b64encode(data).decode() for name, data in found.items()}
        return given

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
        by = ceremony_prompts.confirmed_beforehand(state["people"])
        self._act["confirmed_by"] = by
        pending = [step for step in state["steps"] if step["state"] != "done"]
        self._fixed_pin = _REHEARSAL_PIN if self._rehearsal else ""
        for step in pending:
            self._collect(step)
        orders = [{"step": step["id"], "digest": "", "confirmed_by": by} for step in pending]
        return self._module({"orders": orders})

    def _attended(self, state: Result) -> Result:
        ceremony_prompts.show_plan(state, self._rehearsal, bool(self._options.get("abandon")))
        self._require_plan_unchanged(state)
        self._act["confirmed_by"] = ceremony_prompts.confirm(
            "plan and clock", state["people"], state["plan_sha256"], state["quorum"]
        )
        self._touches = sum(step["touches"] for step in state["steps"])
        self._shown = dict(state["signed"])
        diff: dict[str, Result] = {"before": {}, "after": {}}
        state, step = self._module({}), None
        while not state.get("over"):
            if state.get("failed"):
                if step is None or not ceremony_prompts.try_again(state):
                    return state
                # It may be the PIN that was wrong: it is asked for again, and the people look at the step again.
                for token in (step["token"], *step["copies"]):
                    self._secrets["pin"].pop(token, None)
                state = self._module({})
                continue
            self._note(state, diff)
            self._require_plan_unchanged(state)
            step = next(one for one in state["steps"] if one["state"] != "done")
            state = self._module({"orders": self._agree(step, state)})
        self._note(state, diff)
        return {**state, "diff": {**state["diff"], **diff}}

    def _note(self, state: Result, diff: dict[str, Result]) -> None:
        """Show what was done since the last time."""
        for name in [name for name in state["signed"] if name not in self._shown]:
            ceremony_prompts.show_signed(name, state["signed"][name])
        self._shown = dict(state["signed"])
        for side in ("before", "after"):
            diff[side] |= state["diff"][side]

    def _agree(self, step: Result, state: Result) -> list[Result]:
        """Go through the next step with the people; what they agree to."""
        if step["missing"]:
            ceremony_prompts.insert(step)
            return []
        ceremony_prompts.show_step(step)
        by = []
        if step["consent"]:
            by = ceremony_prompts.confirm(f"'{step['id']}'", state["people"], step["digest"], state["quorum"])
        self._collect(step)
        left = sum(one["touches"] for one in state["steps"])
        ceremony_prompts.show_touch(step, self._touches - left + 1, self._touches)
        return [{"step": step["id"], "digest": step["digest"], "confirmed_by": by}]

    def _collect(self, step: Result) -> None:
        """Have the secrets of a step; each is entered once a run, since each entry can be a wrong one."""
        for kind in step["secrets"]:
            kept = self._secrets["management_key" if kind == "management_key" else "pin"]
            for token in (step["token"], *step["copies"]):
                if token not in kept:
                    asked = {**step, "token": token}
                    kept[token] = self._fixed_pin or ceremony_prompts.secret(kind, asked, self._rehearsal)

    def _require_plan_unchanged(self, state: Result) -> None:
        now = hashlib.sha256(_read(Path(str(self._options["plan"])).expanduser())).hexdigest()
        if now != state["plan_sha256"]:
            raise AnsibleActionFail(
                f"The plan was changed while the ceremony was held: its SHA-256 is now {now}, but "
                f"{state['plan_sha256']} was confirmed. Nothing more is signed. Find out who changed it."
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


def _last_plan(home: Any) -> Path:
    plans = sorted(Path(str(home)).expanduser().glob("ceremonies/*/ceremony.yml")) if home else []
    if not plans:
        raise TrustAnchorError(
            "there is no plan", "a ceremony is held by a reviewed plan", "Run playbooks/plan_ceremony.yml first"
        )
    return plans[-1]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be read: {error.strerror}", "the ceremony is held by it") from error
