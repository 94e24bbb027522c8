# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that one version of the collection writes and another one reads: former ones are read, later ones left alone.

A new kind of file has a line in `KINDS`; a test finds whoever parses a file and has none.
"""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils import strict_yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import transcript
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import parse_plan
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.seal import verify_seal
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import watch
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import PublicationUrl
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import settings as service
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import daemon
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import parse_tokens
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import settings as agent
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import receipt, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import rollout_evidence, signed
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import parse_manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.rollout import journal, report
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.declaration import StoreDeclaration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import pkilint
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import load_certificate
from dev.imports import sources
from factories import accounts
from factories.tampering import failed

FORMER = Path(__file__).parents[1] / "fixtures/former"
CEREMONY = "ceremony/ceremonies/0001"


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Args:
        path: below the fixtures.
        parser: the file below plugins/ that reads it, by its dotted name.
        read: reads it as the program does; gets the path.
        write: what writes the file again; None: nothing does without reading it first.
        strict: people write it, and an unknown key is a mistake that is told.
    """

    path: str
    parser: str
    read: Callable[[Path], Any]
    write: Callable[[Path], Any] | None = None
    strict: bool = False


def _agent(_path: Path) -> bytes:
    return agent.AgentSettings(("http://a.example/trust.p7m",), StoreDeclaration()).dump()


def _report(path: Path) -> list[str]:
    release = journal.Release("ab" * 16, 9, "", "", ())
    return report.write(str(path.parents[1]), release, json.loads(path.read_bytes()) | {"version": 1, "outside": {}})


KINDS = {
    "host's state": Kind(
        "trust.json",
        "module_utils.trust.host.state",
        lambda _path: state.load(),
        lambda _path: state.HostState().save(),
    ),
    "receipt": Kind(
        "receipt.json",
        "module_utils.trust.host.receipt",
        lambda _path: receipt.load(),
        lambda _path: receipt.save({}, ""),
    ),
    "agent's settings": Kind(
        "trust-agent.json", "module_utils.trust.agent.settings", lambda _path: agent.load(), _agent
    ),
    "service's settings": Kind(
        "service/web/settings.json",
        "module_utils.service_certificate.settings",
        lambda _path: service.load("web"),
        lambda _path: service.Settings("web", ("a.example",), "https://ca", "", 1, 1).dump(),
    ),
    "watch's settings": Kind(
        "publication.json",
        "module_utils.publication.watch",
        lambda _path: watch.load(),
        lambda _path: watch.Watch(PublicationUrl("a.example"), ()).dump(),
    ),
    "what step-ca has loaded": Kind(
        "loaded.json",
        "module_utils.stepca.daemon",
        lambda _path: daemon.loaded_state(),
        lambda _path: daemon.remember("a", "b"),
    ),
    "journal of a rollout": Kind(
        "record/rollouts/000009.jsonl",
        "module_utils.journal.lines",
        lambda path: journal.of(str(path)).read(),
        lambda path: journal.of(str(path)).compact(lambda lines: lines[:1]),
    ),
    "report of a rollout": Kind(
        "record/rollouts/000009.json",
        "module_utils.trust.manifest.rollout_evidence",
        lambda path: rollout_evidence.parse(path.read_bytes(), path.name),
        _report,
    ),
    "transcript": Kind(
        f"{CEREMONY}/transcript.jsonl",
        "module_utils.journal.chain",
        lambda path: transcript.read_transcript(path.read_bytes(), path.name),
        lambda path: transcript.Transcript.open(path).append(transcript.EventKind.RESUMED),
    ),
    "plan": Kind(
        f"{CEREMONY}/ceremony.yml",
        "module_utils.ceremony.plan.document",
        lambda path: parse_plan(path.read_bytes(), path.name),
        strict=True,
    ),
    "tokens.yml": Kind(
        "tokens.yml",
        "module_utils.token.devices",
        lambda path: parse_tokens(path.read_bytes(), path.name, path.parent),
        strict=True,
    ),
    "trust.yml": Kind(
        "record/trust.yml",
        "module_utils.trust.manifest.model",
        lambda path: parse_manifest(path.read_bytes(), path.name),
        strict=True,
    ),
}
# Who else parses JSON or YAML, and why that is no file of ours which another version reads.
OTHERS = {
    "module_utils.host.versioned": "reads kinds of files for all",
    "module_utils.strict_yaml": "reads YAML for all",
    "module_utils.host.children": "a child of the same process",
    "module_utils.host.locks": "says which process holds it, and means nothing once that has ended",
    "module_utils.stepca.client": "answers of step-ca",
    "module_utils.stepca.service": "ca.json, which is step-ca's",
    "module_utils.trust.stores.json_settings": "policies of browsers and settings of Docker",
    "module_utils.trust.manifest.signed": "the signed manifest; its tests are in tests/unit/trust",
    "module_utils.trust.rollout.waivers": "a list that people write, without a mapping that could have a version",
    "module_utils.publication.record_state": "had no former version; tests/unit/publication/test_publication_order.py",
    "modules.step_ca_config": "ca.json, which is step-ca's",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the former files, where the program looks for them."""
    found = Path(shutil.copytree(FORMER, tmp_path / "files"))
    accounts.as_current_user(monkeypatch)
    monkeypatch.setattr(state, "PATH", str(found / "trust.json"))
    monkeypatch.setattr(receipt, "PATH", str(found / "receipt.json"))
    monkeypatch.setattr(agent, "PATH", str(found / "trust-agent.json"))
    monkeypatch.setattr(service, "BASE", str(found / "service"))
    monkeypatch.setattr(watch, "CONFIGURATION", str(found / "publication.json"))
    monkeypatch.setattr(daemon, "LOADED_STATE", str(found / "loaded.json"))
    monkeypatch.setattr(systemd, "show", lambda _name: SimpleNamespace(main_pid=1, started_at=1.0))
    return found


def content(directory: Path) -> dict[str, bytes]:
    """All files below a directory, by their relative path."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def changed(path: Path, **values: Any) -> None:
    """Another version has written the file: a mapping at its top, or in its first line, has these keys."""
    if path.suffix == ".yml":
        path.write_bytes(strict_yaml.dump({**strict_yaml.load(path.read_bytes(), path.name), **values}))
        return
    first, separator, rest = path.read_text().partition("\n") if path.suffix == ".jsonl" else (path.read_text(), "", "")
    data = json.loads(first)
    if path.name == "transcript.jsonl":
        data["data"] |= values
        path.write_text(json.dumps(data, sort_keys=True, separators=(",", ":")) + separator + rest)
    else:
        path.write_text(json.dumps({**data, **values}) + separator + rest)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_file_of_the_former_version_is_read(home: Path, kind: Kind) -> None:
    before = content(home)
    assert kind.read(home / kind.path)
    assert content(home) == before


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_file_of_a_later_version_is_refused_and_loses_nothing(home: Path, kind: Kind) -> None:
    changed(home / kind.path, version=2, more="said by a later version")
    before = content(home)
    for attempt in (kind.read, kind.write or kind.read):
        with pytest.raises(TrustAnchorError, match="version"):
            attempt(home / kind.path)
    assert {path: data for path, data in content(home).items() if not path.endswith((".lock", "0009.md"))} == before


@pytest.mark.parametrize("version", ["1", 0, -1, None, 1.5])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_version_that_is_none_is_refused(home: Path, kind: Kind, version: object) -> None:
    changed(home / kind.path, version=version)
    with pytest.raises(TrustAnchorError, match="version"):
        kind.read(home / kind.path)


@pytest.mark.parametrize("kind", [one for one in KINDS.values() if one.path.endswith((".json", "0009.jsonl"))])
def test_a_key_of_a_sister_version_is_passed_over(home: Path, kind: Kind) -> None:
    expected = kind.read(home / kind.path)
    changed(home / kind.path, colour="red")
    found = kind.read(home / kind.path)
    for one in found if isinstance(found, list) else [found]:
        (one.pop if isinstance(one, dict) else getattr(one, "more", {}).pop)("colour", None)
    assert found == expected


KEPT = ["host's state", "agent's settings", "service's settings", "watch's settings", "what step-ca has loaded"]


@pytest.mark.parametrize("name", KEPT)
def test_a_key_of_a_sister_version_is_kept_by_who_writes_the_file_again(home: Path, name: str) -> None:
    kind = KINDS[name]
    changed(home / kind.path, colour="red")
    found = kind.read(home / kind.path)
    if hasattr(found, "save"):
        found.changed_at += 1
        found.save()
        written = (home / kind.path).read_bytes()
    else:
        assert kind.write is not None
        written = kind.write(home / kind.path) or (home / kind.path).read_bytes()
    assert json.loads(written)["colour"] == "red"
    assert json.loads(written)["version"] == 1


@pytest.mark.parametrize("kind", [one for one in KINDS.values() if one.strict], ids=lambda kind: kind.path)
def test_what_people_write_has_no_unknown_key(home: Path, kind: Kind) -> None:
    changed(home / kind.path, colour="red")
    with pytest.raises(TrustAnchorError, match="unknown key 'colour'"):
        kind.read(home / kind.path)


def test_what_the_former_version_noted_is_still_known(home: Path) -> None:
    found = state.load()
    assert (found.manifest["sequence"], len(found.roots), found.distrusted) == (9, 2, ["ab" * 32])
    lines = journal.of(str(home / "record/rollouts/000009.jsonl")).read()
    assert [line.outcome for line in lines] == ["converged", "unreachable", "converged", "failed"]
    rollout = rollout_evidence.parse((home / "record/rollouts/000009.json").read_bytes(), "000009.json")
    assert (rollout.sequence, rollout.complete, set(rollout.waived)) == (9, True, {"kiosk7"})
    # It did not say which content was rolled out, so it is evidence for nothing, and neither are the journal's lines.
    assert rollout.digest == ""
    assert not any(line.is_of(journal.Release(rollout.id, 9, "", "", ())) for line in lines)
    assert service.load("web").reload == ("nginx.service",)


def test_the_former_signed_manifest(home: Path) -> None:
    found = signed.read_unverified((home / "record/trust.p7m").read_bytes())
    assert (found.sequence, [root.name for root in found.roots]) == (9, ["r1", "r2"])


def test_the_former_ceremony_holds(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pkilint, "version", lambda: None)
    own, root = home / CEREMONY, home / "ceremony/roots/r1.crt"
    verify_seal(own / "transcript.jsonl", own / "transcript.p7s", load_certificate(root.read_bytes(), "r1"))
    assert failed(home / "ceremony") == {}


def _parses(path: Path) -> bool:
    """Whether a file of the project reads JSON or YAML."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    found = {ast.unparse(one) for one in calls}
    return bool(found & {"json.loads", "json.load", "strict_yaml.load", "yaml.load", "FILE.parse", "report.FILE.parse"})


def test_whoever_parses_a_file_is_known() -> None:
    """A new kind of file has a line in `KINDS`, with files of the former version for the next one."""
    parsers = {name for name, source in sources().items() if _parses(source.path)}
    known = {kind.parser for kind in KINDS.values()} | set(OTHERS) | {"action.trust_rollout"}
    assert parsers == known
