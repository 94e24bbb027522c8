# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a rollout, the gate behind each of its waves, and its report; all on the controller."""

from __future__ import annotations

import os
from pathlib import Path

from ansible import constants
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import introduction
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files, versioned
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import durations, times
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import manifest_store
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import (
    journal,
    lock,
    plan,
    report,
    waivers,
)
from ansible_collections.trustanchor.private_ca.plugins.modules.trust_rollout import REQUIRED_IF, SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import edge

Result = edge.Result


class ActionModule(edge.EdgeAction):
    """One of three phases."""

    module = "trust_rollout"
    specification = SPECIFICATION
    required_if = REQUIRED_IF

    def handle(self) -> Result:
        """What the phase is about is the same of all three: the record, and the manifest that is rolled out."""
        self._now = times.utc_now()
        self._record = str(Path(self.options["record"]).absolute())
        self._release = self._declared()
        return {"plan": self._plan, "gate": self._gate, "report": self._report}[self.options["phase"]]()

    def _declared(self) -> journal.Release:
        """What is rolled out: the record may be changed while a run is under way."""
        if given := self.options["manifest"]:
            return journal.Release(**{**given, "trusted": tuple(given["trusted"])})
        return _release(manifest_store.read_declared(self._record))

    def _journal(self) -> str:
        """The journal of this manifest; in check mode one that Ansible takes away with its temporary directory."""
        if self._task.check_mode:
            return os.path.join(str(constants.DEFAULT_LOCAL_TMP), "rollout.jsonl")
        return report.path(self._record, self._release.sequence, "jsonl")

    def _states(self) -> dict[str, plan.HostRollout]:
        entries = journal.of(report.path(self._record, self._release.sequence, "jsonl")).read()
        if self._task.check_mode:
            entries += journal.of(self._journal()).read()
        return plan.states(entries, self._release, check=self._task.check_mode)

    def _scope(self) -> plan.Scope:
        options = self.options
        path = str(Path(options["waivers"]).expanduser()) if options["waivers"] else ""
        hosts, outside = plan.declared(options["hosts"], self.task_vars.get("groups") or {}, options["outside"])
        content = _read(path, "it lists the hosts that are waived") if path else b""
        return plan.Scope(
            hosts=hosts,
            only=hosts if options["only"] is None else tuple(one for one in options["only"] if one not in outside),
            canaries=tuple(options["canaries"]),
            waivers=waivers.parse(content, path, hosts, self._now.date()),
            outside=outside,
        )

    def _plan(self) -> Result:
        scope = self._scope()
        max_age = durations.delta(self.options["max_age"], "max_age", zero=True)
        if not 0 <= self.options["max_fail_percentage"] <= 100:
            raise TrustAnchorError("max_fail_percentage is not from 0 to 100", "it is a share of the hosts of a wave")
        check = introduction.find(self._record, self.options["anchors"])
        manifest = manifest_store.read_for_hosts(self._record, check)
        if _release(manifest) != self._release:
            raise TrustAnchorError(
                "the trust manifest of the record changed while it was read",
                "hosts would be told something else than is planned",
                "Run again",
            )
        planned = plan.plan(scope, self._states(), self._now, max_age)
        canaries = sum(host in scope.canaries for host in planned.todo)
        sizes = plan.check_waves(self.options["waves"], canaries)
        if not self._task.check_mode:
            # The worker's parent is ansible-playbook itself, which lives as long as the run.
            lock.claim(os.path.join(self._record, "rollouts", ".lock"), os.getppid())
        return {
            "changed": False,
            "manifest": self._release.as_dict(),
            "trust": manifest.for_hosts(),
            "record": self._record,
            "hosts": list(self.options["hosts"]),
            "outside": dict(self.options["outside"]),
            "waivers": self.options["waivers"] or "",
            "journal": self._journal(),
            "started": times.render(self._now),
            "todo": list(planned.todo),
            "waived": list(planned.waived),
            "done": planned.done,
            "waves": sizes,
            "max_fail_percentage": self.options["max_fail_percentage"],
        }

    def _gate(self) -> Result:
        options = self.options
        since = times.parse(options["since"], "since")
        gate = plan.gate(options["wave"], self._states(), since, options["max_fail_percentage"])
        if gate.failed:
            then = "the rollout goes on" if gate.passed else "the rollout stops here"
            lines = [f"{len(gate.failed)} of {len(options['wave'])} hosts of this wave failed, {then}"]
            edge.show([*lines, *[f"  {host}: {why}" for host, why in gate.failed.items()], ""])
        return {"changed": False, "failed_hosts": gate.failed, "share": gate.share, "go": gate.passed}

    def _report(self) -> Result:
        scope = self._scope()
        built = report.build(self._release, scope, self._states(), self._now, self._task.check_mode)
        path = report.path(self._record, self._release.sequence, "json")
        before = _parsed(path)
        changed = not report.same({**built, "check": False}, before)
        if changed and not self._task.check_mode:
            report.write(self._record, self._release, built)
            keep = plan.superseded
            journal.of(self._journal()).compact(lambda entries: keep(entries, self._release))
        lines = report.summary(built)
        edge.show(["", *lines, ""])
        result: Result = {
            "changed": changed,
            "complete": built["complete"],
            "summary": lines,
            "diff": _diff(before, built),
        }
        result["files"] = [report.path(self._record, self._release.sequence, form) for form in ("md", "html", "json")]
        if not built["complete"] and self.options["require"] and not self._task.check_mode:
            left = ", ".join(built["missing"][:10]) + (" ..." if len(built["missing"]) > 10 else "")
            what, why = f"The rollout is not complete: {left}", f"{result['files'][1]} says why"
            result |= edge.failure(TrustAnchorError(what, why))
        return self._with_expired(result)

    def _with_expired(self, result: Result) -> Result:
        """Hosts left an expired root out, which is not their fault: it fails here, once all have the others."""
        expired = manifest_store.expired(manifest_store.read(self._record), self._now)
        if expired and self.options["require"] and not self._task.check_mode and not result.get("failed"):
            result |= edge.failure(TrustAnchorError(*expired[0]))
        return {**result, "warnings": [str(TrustAnchorError(*one)) for one in expired]}


def _release(manifest: Manifest) -> journal.Release:
    trusted = tuple(root.sha256 for root in manifest.trusted)
    return journal.Release(manifest.id, manifest.sequence, manifest.digest, push.told(manifest.for_hosts()), trusted)


def _read(path: str, why: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be read: {error.strerror}", why) from error


def _parsed(path: str) -> Result | None:
    """The last report; none where there is none, or one that was damaged and is written again.

    Raises:
        TrustAnchorError: it is of a later version, and must not be written over.
    """
    content = files.read(path)
    try:
        return None if content is None else report.FILE.parse(content, path)
    except versioned.DamagedFileError:
        return None


def _diff(before: Result | None, after: Result) -> Result:
    """The outcomes of the hosts, before and after."""
    old = (before or {}).get("hosts") or {}
    return {
        "before": {host: entry.get("outcome") for host, entry in old.items()},
        "after": {host: entry["outcome"] for host, entry in after["hosts"].items()},
    }
