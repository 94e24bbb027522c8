# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ceremony: files, people, secrets."""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import exchange
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import TokensFile, parse_tokens
from ansible_collections.trustanchor.private_ca.plugins.modules.ceremony import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.modules.ceremony_host import SPECIFICATION as HOST
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, ceremony_prompts, edge
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.answers import (
    each,
    fields,
    flag,
    table,
    text,
    whole,
)
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.pin_action import require_pipelining

Result = edge.Result
_REHEARSAL_PIN = "rehearsal"  # of tokens that are files, in a rehearsal without people
_AS_GIVEN = ("directory", "rehearsal", "abandon", "confirmed_plan")

_FACTS = table(answers.plain)
_STEP = fields(
    {
        "id": text,
        "what": text,
        "state": text,
        "consent": flag,
        "digest": text,
        "token": text,
        "copies": each(text),
        "secrets": each(answers.choice("pin", "new_pin", "management_key")),
        "touches": whole,
        "pin_holders": each(text),
        "before": _FACTS,
        "facts": _FACTS,
        "missing": text,
    }
)
_STATE = fields(
    {
        "name": text,
        "plan_sha256": text,
        "clock": text,
        "window": each(text),
        "people": each(fields({"name": text, "role": text})),
        "quorum": whole,
        "tokens": table(text),
        "steps": each(_STEP),
        "signed": table(_FACTS),
        "over": flag,
        "diff": fields({"before": table(_FACTS), "after": table(_FACTS)}, before_header=text, after_header=text),
    }
)


class ActionModule(edge.EdgeAction):
    """Survey, then go through the steps with the people."""

    module = "ceremony"
    specification = SPECIFICATION

    def handle(self) -> Result:
        """Read what the ceremony is held with; the ceremony machine has none of these files."""
        self._secrets = {
            "pin": {name: str(pin) for name, pin in self.options["pins"].items() if pin},
            "management_key": dict(self.options["management_keys"]),
        }
        self._fixed_pin = ""
        self._rehearsal: bool = self.options["rehearsal"]
        if self._rehearsal:  # its tokens are files: no secret of a real one may protect them
            self._secrets = {"pin": {}, "management_key": {}}
        self._payload = self._material()
        return self._hold()

    def _material(self) -> Result:
        record = Path(self.options["record"]) if self.options["record"] else None
        self._plan = Path(self.options["plan"]) if self.options["plan"] else _last_plan(record)
        home = Path(self.options["tokens"]).parent
        plan, tokens = _read(self._plan), _read(Path(self.options["tokens"]))
        parsed: TokensFile = parse_tokens(tokens, self.options["tokens"], home)
        pinned = (*parsed.attestation_roots, *parsed.attestation_intermediates)
        files = {one.file: one.read(home).decode() for one in pinned}
        material: Result = {"plan": plan.decode(), "tokens": tokens.decode(), "attestation_files": files}
        if self._task.check_mode and record:
            found = exchange.read(record, exchange.IN)
            material["files"] = {name: base64.b64encode(data).decode() for name, data in found.items()}
        return material

    def _hold(self) -> Result:
        state = self._host({}, check_mode=True)
        if state.get("failed") or state["over"] or self._task.check_mode:
            return state
        require_pipelining(self)
        self._payload["run"] = secrets.token_hex(8)
        first = state
        ended = self._unattended(state) if self.options["confirmed_plan"] else self._attended(state)
        if ended.get("failed"):
            return ended
        return {**ended, "changed": first["steps"] != ended["steps"], "diff": ended["diff"]}

    def _unattended(self, state: Result) -> Result:
        by = ceremony_prompts.confirmed_beforehand(state["people"])
        self._payload["confirmed_by"] = by
        pending = [step for step in state["steps"] if step["state"] != "done"]
        self._fixed_pin = _REHEARSAL_PIN if self._rehearsal else ""
        for step in pending:
            self._collect(step)
        orders = [{"step": step["id"], "digest": "", "confirmed_by": by} for step in pending]
        return self._host({"orders": orders})

    def _attended(self, state: Result) -> Result:
        ceremony_prompts.show_plan(state, self._rehearsal, self.options["abandon"])
        self._require_plan_unchanged(state)
        self._payload["confirmed_by"] = ceremony_prompts.confirm(
            "plan and clock", state["people"], state["plan_sha256"], state["quorum"]
        )
        self._touches = sum(step["touches"] for step in state["steps"])
        self._shown = dict(state["signed"])
        diff: dict[str, Result] = {"before": {}, "after": {}}
        state, step = self._host({}), None
        while not state.get("over"):
            if state.get("failed"):
                if step is None or not ceremony_prompts.try_again(state):
                    return state
                # It may be the PIN that was wrong: it is asked for again, and the people look at the step again.
                for token in (step["token"], *step["copies"]):
                    self._secrets["pin"].pop(token, None)
                state = self._host({})
                continue
            self._note(state, diff)
            self._require_plan_unchanged(state)
            step = next(one for one in state["steps"] if one["state"] != "done")
            state = self._host({"orders": self._agree(step, state)})
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
        now = hashlib.sha256(_read(self._plan)).hexdigest()
        if now != state["plan_sha256"]:
            raise AnsibleActionFail(
                f"The plan was changed while the ceremony was held: its SHA-256 is now {now}, but "
                f"{state['plan_sha256']} was confirmed. Nothing more is signed. Find out who changed it."
            )

    def _host(self, payload: Result, check_mode: bool = False) -> Result:
        """How the ceremony stands after what is ordered; without secrets in check mode."""
        options = {
            **{name: value for name, value in self.given(HOST).items() if name in _AS_GIVEN},
            **self._payload,
            **payload,
            "pins": {} if check_mode else self._secrets["pin"],
            "management_keys": {} if check_mode else self._secrets["management_key"],
        }
        found = self.on_host("ceremony_host", options, check_mode)
        return found if found.get("failed") else {**found, **_STATE(found, "the answer")}


def _last_plan(record: Path | None) -> Path:
    plans = sorted(record.glob("ceremonies/*/ceremony.yml")) if record else []
    if not plans:
        raise TrustAnchorError(
            "there is no plan",
            "a ceremony is held by a reviewed plan",
            "Run trustanchor.private_ca.plan_ceremony first",
        )
    return plans[-1]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be read: {error.strerror}", "the ceremony is held by it") from error
