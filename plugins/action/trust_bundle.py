# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of trust_bundle: what a host says is in the journal of the rollout at once."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import effective, push
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import journal
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import base
from ansible_collections.trustanchor.private_ca.plugins.modules.trust_bundle import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, edge
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils.answers import choice, each, fields, text

_HERE = ("journal", "probe_targets", "probe_clients")
_LONGEST_LINE = 4 * 1024 * 1024  # bytes; a busy host with all its older processes has some 100 KB

_STORE = fields(
    {"name": text, "state": choice(base.OK, base.WRONG, base.UNKNOWN)},
    path=text,
    missing=each(text),
    unwanted=each(text),
    why=text,
)
_PROCESS = fields({"pid": answers.whole, "program": text, "unit": text, "runtime": text, "started": answers.moment})
_MEASURED = {
    "stores": each(_STORE),
    "repaired": each(text),
    "effective": fields(
        {"state": choice(effective.EFFECTIVE, effective.STALE, effective.UNKNOWN)},
        changed_at=answers.moment,
        processes=each(_PROCESS),
    ),
    "leaves": each(fields({"name": text, "root": text})),
}
_OTHERS = {
    "handshakes": each(fields({"target": text, "clients": answers.table(text)}, issuer=text, not_after=text)),
    "error": fields({}, what=text, why=text, next_step=text),
}
_CONVERGED = answers.within(_LONGEST_LINE, fields(_MEASURED, **_OTHERS))
_FAILED = answers.within(_LONGEST_LINE, fields({}, **_MEASURED, **_OTHERS))  # it may have failed before it measured


class ActionModule(edge.EdgeAction):
    """Converge on the host, let its clients shake hands, note the outcome here."""

    module = "trust_bundle"
    specification = SPECIFICATION

    def handle(self) -> edge.Result:
        """A host whose answer cannot be used has failed; the journal says nothing else of it."""
        try:
            found = self._converge()
            measured = (_FAILED if found.get("failed") else _CONVERGED)(found, "the answer")
        except AnsibleConnectionFailure as error:
            with contextlib.suppress(TrustAnchorError):  # the lost connection is the error to tell
                self._note("unreachable", {"error": {"what": edge.printable(str(error))}})
            raise
        except TrustAnchorError as error:
            found = edge.failure(error)
            measured = {"error": error.as_dict()}
        if found.get("failed") and "error" not in measured:
            measured["error"] = {"what": str(found.get("msg", ""))}
        try:
            self._note("failed" if found.get("failed") else "converged", measured, bool(found.get("changed")))
        except TrustAnchorError as error:
            return {**found, **edge.failure(error)}
        return found

    def _converge(self) -> edge.Result:
        """One outcome for both: a host whose clients refuse a service has not converged."""
        options = self.given(SPECIFICATION)
        found = self.on_host("trust_bundle", {name: options[name] for name in options if name not in _HERE})
        targets = self.options["probe_targets"]
        if found.get("failed") or self._task.check_mode or not targets:
            return found
        shaken = self.on_host("tls_handshake_info", {"targets": targets, "clients": self.options["probe_clients"]})
        found["handshakes"] = shaken.get("handshakes", [])
        if shaken.get("failed"):
            what = "the stores are as declared, but the host's clients refuse a service"
            found |= edge.failure(TrustAnchorError(what, str(shaken.get("msg", ""))))
        return found

    def _note(self, outcome: str, measured: edge.Result, changed: bool = False) -> None:
        """Write the line."""
        if not self.options["journal"]:
            return
        entry = journal.Entry(
            host=str(self.task_vars["inventory_hostname"]),
            time=times.render(times.utc_now()),
            outcome=outcome,
            check=bool(self._task.check_mode),
            changed=changed,
            # A host that failed may not have said it.
            manifest=_release(self.options["manifest"]),
            **measured,
        )
        journal.of(str(Path(self.options["journal"]))).append(entry)


def _release(manifest: edge.Result) -> edge.Result:
    """Which manifest the option is, and what it tells; one that does not say is of none."""
    return {"id": manifest["id"] or "", "sequence": manifest["sequence"] or 0, "digest": push.told(manifest)}
