# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's halves of trust_bundle and trust_rollout; the hosts are recordings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.action import trust_bundle, trust_rollout
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import journal
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import edge
from factories import pki

ROOT = pki.root()
ID = ROOT.sha256[:32]
MANIFEST = {"id": ID, "sequence": 7, "trusted": [{"pem": ROOT.pem}]}
ANCHORS = [{"name": "r1", "sha256": ROOT.sha256, "reason": "a test made it"}]
SHAKEN = {"target": "a:443", "clients": {"curl": "refused"}}
EFFECTIVE = {"state": "effective", "changed_at": 0.0, "processes": []}
FOUND = {
    "changed": True,
    "stores": [{"name": "java", "state": "wrong"}],
    "repaired": ["java"],
    "effective": EFFECTIVE,
    "leaves": [],
}


@pytest.fixture
def record(tmp_path: Path) -> Path:
    declare(tmp_path, 7)
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots/r1.crt").write_text(ROOT.pem)
    return tmp_path


CONTENT = Manifest(7, (Root("r1", ROOT.sha256, "trusted"),))


def declare(record: Path, sequence: int) -> None:
    (record / "trust.yml").write_bytes(replace(CONTENT, sequence=sequence).to_yaml())


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    for plugin in (trust_bundle.ActionModule, trust_rollout.ActionModule):
        monkeypatch.setattr(plugin, "__init__", lambda _self: None)


def journal_path(record: Path) -> str:
    return str(record / "rollouts/000007.jsonl")


class Host:
    """What reached the host, and what it answers."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def execute(self, name: str, args: dict[str, Any], **_options: Any) -> dict[str, Any]:
        self.seen.append((name.rpartition(".")[2], args))
        answer: dict[str, Any] = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    def converge(self, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        action = trust_bundle.ActionModule()
        action._execute_module = self.execute
        args = {"manifest": MANIFEST, **options}
        action._task = SimpleNamespace(args=args, check_mode=check_mode)
        found: dict[str, Any] = action.run(task_vars={"inventory_hostname": "web1"})
        return found


def rolled(
    record: Path, phase: str, check_mode: bool = False, groups: dict[str, list[str]] | None = None, **options: Any
) -> dict[str, Any]:
    action = trust_rollout.ActionModule()
    args = {"phase": phase, "record": str(record), "anchors": ANCHORS, **options}
    action._task = SimpleNamespace(args=args, check_mode=check_mode)
    found: dict[str, Any] = action.run(task_vars={"groups": groups or {}})
    return found


def test_without_a_journal_only_the_host_is_asked() -> None:
    host = Host(FOUND)
    assert host.converge() == FOUND
    assert host.seen == [("trust_bundle", {"manifest": MANIFEST})]


def test_the_outcome_is_noted(record: Path) -> None:
    host = Host(FOUND)
    assert host.converge(journal=journal_path(record)) == FOUND
    (line,) = journal.of(journal_path(record)).read()
    assert (line.host, line.outcome, line.changed, line.check) == ("web1", "converged", True, False)
    assert (line.repaired, line.effective) == (["java"], EFFECTIVE)
    assert line.manifest == {"id": ID, "sequence": 7, "digest": push.digest([ROOT.sha256], [])}
    assert "journal" not in host.seen[0][1]


def test_a_failure_is_noted(record: Path) -> None:
    error = {"what": "no space", "why": "", "next_step": ""}
    Host({"failed": True, "msg": "no space", "error": error}).converge(journal=journal_path(record))
    Host({"failed": True, "msg": "MODULE FAILURE"}).converge(journal=journal_path(record))
    lines = journal.of(journal_path(record)).read()
    assert [(line.outcome, line.error) for line in lines] == [("failed", error), ("failed", {"what": "MODULE FAILURE"})]


def test_a_host_that_cannot_be_reached_is_noted(record: Path) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Host(AnsibleConnectionFailure("no route")).converge(journal=journal_path(record))
    (line,) = journal.of(journal_path(record)).read()
    assert line.outcome == "unreachable"
    assert "no route" in line.error["what"]


def test_a_lost_connection_is_told_before_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "rollouts").write_text("")
    with pytest.raises(AnsibleConnectionFailure):
        Host(AnsibleConnectionFailure("no route")).converge(journal=str(tmp_path / "rollouts/x.jsonl"))


def test_a_host_whose_clients_refuse_a_service_has_failed(record: Path) -> None:
    refused = {"failed": True, "msg": "Handshakes failed. a:443 curl", "handshakes": [SHAKEN]}
    host = Host(FOUND, refused)
    result = host.converge(journal=journal_path(record), probe_targets=["a:443"], probe_clients=["curl"])
    assert result["failed"]
    assert host.seen[1] == ("tls_handshake_info", {"targets": ["a:443"], "clients": ["curl"]})
    (line,) = journal.of(journal_path(record)).read()
    assert (line.outcome, line.handshakes, line.repaired) == ("failed", [SHAKEN], ["java"])
    assert "a:443 curl" in line.error["why"]


PROCESS = {"pid": 1, "program": "java", "unit": "", "runtime": "java", "started": 1.0}
BAD = [
    {"stores": [{}]},
    {"stores": "all are fine"},
    {"stores": [{"name": "java", "state": "splendid"}]},
    {"stores": [{"name": ["java"], "state": "ok"}]},
    {"stores": [{"name": "x" * 100_000, "state": "ok"}]},
    {"stores": [{"name": "java", "state": "ok"}] * 30_000},
    {"stores": [{"name": "java", "state": "ok", "missing": [["x"]]}]},
    {"stores": None},
    {"repaired": {"java": 1}},
    {"effective": {"state": "stale", "changed_at": float("nan"), "processes": []}},
    {"effective": {"state": "stale", "changed_at": 1.0, "processes": [{"pid": "1"}]}},
    {"effective": {"state": "stale", "changed_at": 1e300, "processes": []}},
    {"effective": {"state": "stale", "changed_at": 1.0, "processes": [{**PROCESS, "started": 1e12}]}},
    {"effective": {"state": "stale", "changed_at": 1.0, "processes": [{**PROCESS, "started": -1.0}]}},
    {"leaves": [["web", "00"]]},
    {"changed": "yes"},
    {"failed": "no"},
    {"failed": True, "msg": {"a": 1}},
    {"failed": True, "msg": "no", "error": "no"},
]


@pytest.mark.parametrize("changes", BAD)
def test_an_answer_that_cannot_be_used_fails_its_host_only(record: Path, changes: dict[str, Any]) -> None:
    found = Host({**FOUND, **changes}).converge(journal=journal_path(record))
    assert found["failed"]
    assert "the host's answer cannot be used" in found["error"]["what"]
    assert len(found["msg"]) < 1000
    (line,) = journal.of(journal_path(record)).read()
    assert (line.outcome, line.stores, line.error) == ("failed", [], found["error"])
    report = rolled(record, "report", hosts=["web1"], require=False)
    assert not report["complete"]
    assert "the host's answer cannot be used" in (record / "rollouts/000007.md").read_text()


@pytest.mark.parametrize("missing", ["stores", "repaired", "effective", "leaves"])
def test_a_host_that_leaves_something_out_has_not_converged(record: Path, missing: str) -> None:
    answer = {name: value for name, value in FOUND.items() if name != missing}
    assert missing in Host(answer).converge(journal=journal_path(record))["error"]["what"]


@pytest.mark.parametrize("handshakes", [None, [{}], "ok", [{"target": "a:443", "clients": ["curl"]}]])
def test_handshakes_that_cannot_be_used_fail_the_host(record: Path, handshakes: Any) -> None:
    host = Host(FOUND, {"changed": False, "handshakes": handshakes})
    assert host.converge(journal=journal_path(record), probe_targets=["a:443"])["failed"]
    assert [line.outcome for line in journal.of(journal_path(record)).read()] == ["failed"]


def test_nothing_that_a_host_says_moves_the_cursor(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(edge, "Display", lambda: SimpleNamespace(display=shown.append))
    plan = rolled(record, "plan", hosts=["web1"])
    says = "gone\x1b[2J\nweb2: converged"
    found = Host({"failed": True, "msg": says, "error": {"what": says}}).converge(journal=plan["journal"])
    assert found["msg"] == "gone\\x1b[2J\nweb2: converged"
    rolled(record, "gate", wave=["web1"], since=plan["started"])
    assert "gone\\x1b[2J\\nweb2: converged" in shown[0]
    rolled(record, "report", hosts=["web1"], require=False)
    assert "\x1b" not in "".join(shown)


def test_a_host_that_is_lost_between_the_two_is_unreachable(record: Path) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        Host(FOUND, AnsibleConnectionFailure("gone")).converge(journal=journal_path(record), probe_targets=["a:443"])
    assert [line.outcome for line in journal.of(journal_path(record)).read()] == ["unreachable"]


@pytest.mark.parametrize(("answer", "check"), [({"failed": True, "msg": "x"}, False), (FOUND, True)])
def test_no_handshakes_where_nothing_was_changed_for_sure(answer: dict[str, Any], check: bool) -> None:
    host = Host(answer)
    host.converge(check_mode=check, probe_targets=["a:443"])
    assert len(host.seen) == 1


def test_a_journal_that_cannot_be_written_fails_the_task(tmp_path: Path) -> None:
    (tmp_path / "rollouts").write_text("")
    assert Host(FOUND).converge(journal=str(tmp_path / "rollouts/x.jsonl"))["failed"]


def test_a_whole_rollout(record: Path) -> None:
    plan = rolled(record, "plan", hosts=["web1", "web2"])
    assert plan["todo"] == ["web1", "web2"]
    release = {"id": ID, "sequence": 7, "trusted": [ROOT.sha256], "told": push.digest([ROOT.sha256], [])}
    assert plan["manifest"] == {**release, "digest": CONTENT.digest}
    assert plan["journal"] == journal_path(record)
    gate = {"since": plan["started"], "wave": ["web1"]}
    assert not rolled(record, "gate", **gate)["go"]
    Host(FOUND).converge(journal=plan["journal"])
    assert rolled(record, "gate", **gate)["go"]

    report = rolled(record, "report", hosts=["web1", "web2"])
    assert report["failed"]
    assert "web2" in report["msg"]
    assert report["changed"]
    found = json.loads((record / "rollouts/000007.json").read_bytes())
    assert (found["complete"], found["hosts"]["web2"]["outcome"]) == (False, "not reached")

    assert rolled(record, "plan", hosts=["web1", "web2"])["todo"] == ["web2"]
    again = rolled(record, "report", hosts=["web1"])
    assert (again["complete"], again.get("failed"), again["changed"]) == (True, None, True)
    assert not rolled(record, "report", hosts=["web1"])["changed"]


def test_check_mode_writes_nothing(record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", str(scratch))
    plan = rolled(record, "plan", check_mode=True, hosts=["web1"])
    Host(FOUND).converge(check_mode=True, journal=plan["journal"])
    gate = rolled(record, "gate", check_mode=True, wave=["web1"], since=plan["started"])
    assert gate["go"]
    report = rolled(record, "report", check_mode=True, hosts=["web1"])
    assert (report["changed"], report["complete"], report.get("failed")) == (True, False, None)
    assert sorted(path.name for path in record.iterdir()) == ["roots", "scratch", "trust.yml"]


def test_check_mode_announces_no_report_that_is_there(record: Path) -> None:
    Host({**FOUND, "changed": False}).converge(journal=journal_path(record))
    rolled(record, "report", hosts=["web1"])
    assert not rolled(record, "report", check_mode=True, hosts=["web1"])["changed"]


def test_a_report_that_was_damaged_is_written_again(record: Path) -> None:
    (record / "rollouts").mkdir()
    (record / "rollouts/000007.json").write_text("{")
    assert rolled(record, "report", hosts=["web1"], require=False)["changed"]
    assert json.loads((record / "rollouts/000007.json").read_bytes())["complete"] is False


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"hosts": []}, "no hosts are declared"),
        ({"hosts": ["web1"], "waves": ["x"]}, "a wave of 'x' hosts"),
        ({"hosts": ["web1"], "max_age": "soon"}, "'soon' is not a duration"),
        ({"hosts": ["web1"], "max_fail_percentage": 101}, "max_fail_percentage"),
        ({"hosts": ["web1"], "waivers": "/nowhere/waivers.yml"}, "/nowhere/waivers.yml cannot be read"),
        ({"hosts": ["web1"], "canaries": ["web2"]}, "'web2' is not among the declared hosts"),
        ({"hosts": ["web1"], "only": []}, "this run is about no declared host"),
        ({"hosts": ["web1"], "outside": {"web1": "gone"}}, "no hosts are declared"),
        ({"hosts": ["web1"], "outside": {"web2": "gone"}}, "'web2' is neither a host nor a group"),
        ({"hosts": ["web1"], "outside": {"web1": ""}}, "no reason is given for 'web1'"),
    ],
)
def test_a_plan_that_cannot_be(record: Path, options: dict[str, Any], what: str) -> None:
    found = rolled(record, "plan", **options)
    assert found["failed"]
    assert what in found["error"]["what"]
    assert not (record / "rollouts").exists()


def test_one_sequence_with_another_content_is_another_rollout(record: Path) -> None:
    """Someone edits a root's fingerprint and not the sequence: who converged to the former content did not to this."""
    Host(FOUND).converge(journal=journal_path(record))
    assert rolled(record, "report", hosts=["web1"])["complete"]
    other = pki.root()
    edited = replace(CONTENT, roots=(replace(CONTENT.roots[0], sha256=other.sha256),))
    (record / "trust.yml").write_bytes(edited.to_yaml())
    (record / "roots/r1.crt").write_text(other.pem)
    anchors = [{"name": "r1", "sha256": other.sha256, "reason": "a test made it"}]
    assert rolled(record, "plan", hosts=["web1"], anchors=anchors)["todo"] == ["web1"]
    found = rolled(record, "report", hosts=["web1"], require=False)
    assert not found["complete"]
    assert json.loads((record / "rollouts/000007.json").read_bytes())["hosts"]["web1"]["outcome"] == "not reached"


def test_what_a_host_was_told_counts_and_not_what_it_should_have_been_told(record: Path) -> None:
    """An extra variable may give a host another manifest of the same sequence."""
    told = {**MANIFEST, "trusted": [{"pem": pki.root().pem}]}
    Host(FOUND).converge(journal=journal_path(record), manifest=told)
    Host(FOUND).converge(journal=journal_path(record), manifest={**MANIFEST, "trusted": [{"pem": "none"}]})
    assert rolled(record, "plan", hosts=["web1"])["todo"] == ["web1"]


def test_a_rollout_to_some_hosts_is_not_complete(record: Path) -> None:
    hosts = ["web1", "web2"]
    assert rolled(record, "plan", hosts=hosts, only=["web1"])["todo"] == ["web1"]
    Host(FOUND).converge(journal=journal_path(record))
    report = rolled(record, "report", hosts=hosts, require=False)
    assert not report["complete"]
    found = json.loads((record / "rollouts/000007.json").read_bytes())
    assert (found["missing"], found["hosts"]["web2"]["outcome"]) == (["web2"], "not reached")


def test_hosts_outside_the_estate_are_named_with_their_reason(record: Path) -> None:
    hosts, groups = ["web1", "switch1", "switch2"], {"switches": ["switch1", "switch2"], "ceremony": ["offline1"]}
    outside = {"switches": "no trust store", "ceremony": "offline"}
    plan = rolled(record, "plan", hosts=hosts, outside=outside, groups=groups, only=["web1", "switch1"])
    assert (plan["todo"], plan["hosts"], plan["outside"]) == (["web1"], hosts, outside)
    Host(FOUND).converge(journal=journal_path(record))
    assert rolled(record, "report", hosts=hosts, outside=outside, groups=groups)["complete"]
    found = json.loads((record / "rollouts/000007.json").read_bytes())
    assert found["outside"] == dict.fromkeys(["switch1", "switch2"], "no trust store")
    assert "none of the estate" in (record / "rollouts/000007.md").read_text()


def test_max_age_0_looks_at_all(record: Path) -> None:
    Host(FOUND).converge(journal=journal_path(record))
    assert rolled(record, "plan", hosts=["web1"])["todo"] == []
    assert rolled(record, "plan", hosts=["web1"], max_age="0")["todo"] == ["web1"]


def test_a_record_without_a_manifest(tmp_path: Path) -> None:
    assert "has no trust manifest" in rolled(tmp_path, "plan", hosts=["web1"])["msg"]


def test_a_record_that_lacks_a_root_stops_before_any_host(record: Path) -> None:
    (record / "roots/r1.crt").unlink()
    assert "r1.crt is missing" in rolled(record, "plan", hosts=["web1"])["msg"]
    assert not (record / "rollouts").exists()


def test_a_record_that_changes_meanwhile_disturbs_no_run(record: Path) -> None:
    plan = rolled(record, "plan", hosts=["web1"])
    assert plan["trust"]["sequence"] == 7
    assert plan["trust"]["trusted"] == [{"name": "r1", "sha256": ROOT.sha256, "pem": ROOT.pem}]
    declare(record, 8)
    Host(FOUND).converge(journal=plan["journal"])
    given = {"manifest": plan["manifest"]}
    assert rolled(record, "gate", wave=["web1"], since=plan["started"], **given)["go"]
    assert rolled(record, "report", hosts=["web1"], **given)["complete"]
    assert rolled(record, "plan", hosts=["web1"])["todo"] == ["web1"]


@pytest.mark.parametrize("options", [{"phase": "gate"}, {"phase": "plan"}, {"phase": "now"}, {"phase": "plan", "x": 1}])
def test_options_that_are_wrong(record: Path, options: dict[str, Any]) -> None:
    phase = options.pop("phase")
    with pytest.raises(AnsibleActionFail):
        rolled(record, phase, **options)
