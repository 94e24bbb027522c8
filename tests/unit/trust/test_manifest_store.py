# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible_collections.trustanchor.private_ca.plugins.lookup.trust_manifest import LookupModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import manifest_store
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import STATES, Root
from factories import pki

ONE, TWO = pki.root("One"), pki.root("Two")
ENTRY = {"name": "one", "sha256": ONE.sha256, "state": "trusted"}


ANCHORS = {"pki_anchors": [{"name": "any", "sha256": one.sha256, "reason": "a test"} for one in (ONE, TWO)]}


def write(directory: Path, *entries: Any, **changes: Any) -> str:
    """A record with the certificates of both roots."""
    (directory / "roots").mkdir(exist_ok=True)
    for name, root in (("one", ONE), ("two", TWO)):
        (directory / "roots" / f"{name}.crt").write_text(root.pem)
    content = {"version": 1, "sequence": 3, "roots": list(entries), **changes}
    (directory / "trust.yml").write_text(yaml.safe_dump(content))
    return str(directory)


def test_the_roots_by_name(tmp_path: Path) -> None:
    found = manifest_store.read(write(tmp_path, ENTRY, {"name": "two", "sha256": TWO.sha256, "state": "retiring"}))
    assert found.roots == (
        Root("one", ONE.sha256, "trusted", ONE.pem),
        Root("two", TWO.sha256, "retiring", TWO.pem),
    )


@pytest.mark.parametrize("state", STATES)
def test_states(tmp_path: Path, state: str) -> None:
    assert manifest_store.read(write(tmp_path, {**ENTRY, "state": state})).roots[0].state == state


def test_text_around_the_certificate_is_left_out(tmp_path: Path) -> None:
    directory = write(tmp_path, ENTRY)
    (tmp_path / "roots" / "one.crt").write_text(f"Certificate:\n  Data:\n{ONE.pem}")
    assert manifest_store.read(directory).roots[0].pem == ONE.pem


def test_a_fingerprint_as_people_write_it(tmp_path: Path) -> None:
    digits = ONE.sha256.upper()
    written = ":".join(digits[at : at + 2] for at in range(0, 64, 2))
    assert manifest_store.read(write(tmp_path, {**ENTRY, "sha256": written})).roots[0].sha256 == ONE.sha256


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({**ENTRY, "stat": "trusted"}, "unknown key 'stat'.*Did you mean 'state'"),
        ({**ENTRY, "state": "distrust"}, "state is 'distrust'.*staged, trusted, retiring, distrusted"),
        ({**ENTRY, "state": []}, "'state' is "),
        ({"name": "one", "state": "trusted"}, "'sha256' is missing"),
        ({"sha256": ONE.sha256, "state": "trusted"}, "'name' is missing"),
        ({**ENTRY, "sha256": "abc"}, "'abc' is not a SHA-256 fingerprint"),
        ({**ENTRY, "sha256": TWO.sha256}, f"one.crt has fingerprint {ONE.sha256}.*declares {TWO.sha256}"),
        ({**ENTRY, "name": "three"}, "three.crt is missing.*Restore the record from its history"),
        ("one", "is str, not a mapping"),
        (None, "not a mapping"),
    ],
)
def test_bad_entries(tmp_path: Path, entry: Any, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        manifest_store.read(write(tmp_path, entry))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version 1 is understood"),
        ({"version": None}, "version 1 is understood"),
        ({"rootz": []}, "unknown key 'rootz'.*Did you mean 'roots'"),
        ({"roots": 5}, "roots is not a list"),
        ({"roots": {"one": ENTRY}}, "roots is not a list"),
        ({"sequence": "3"}, "'sequence' is '3'"),
    ],
)
def test_bad_manifests(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        manifest_store.read(write(tmp_path, ENTRY, **changes))


@pytest.mark.parametrize("content", [b"", b"text", b"- list", b"a: [", b"a: b: c", b"\xff\xfe\xff", b"\x00"])
def test_what_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    directory = write(tmp_path, ENTRY)
    (tmp_path / "trust.yml").write_bytes(content)
    with pytest.raises(TrustAnchorError, match=r"trust\.yml"):
        manifest_store.read(directory)


def test_one_name_twice(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match="lists a name twice"):
        manifest_store.read(write(tmp_path, ENTRY, {**ENTRY, "sha256": TWO.sha256}))


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match=r"has no trust manifest.*trustanchor\.private_ca\.ceremony"):
        manifest_store.read(str(tmp_path))


def test_a_distrusted_root_may_have_lost_its_file(tmp_path: Path) -> None:
    found = manifest_store.read(write(tmp_path, {"name": "gone", "sha256": TWO.sha256, "state": "distrusted"}))
    assert found.roots == (Root("gone", TWO.sha256, "distrusted"),)


@pytest.mark.parametrize("state", ["trusted", "distrusted"])
def test_not_a_ca(tmp_path: Path, state: str) -> None:
    plain = pki.root("Plain", ca=False)
    directory = write(tmp_path, {"name": "plain", "sha256": plain.sha256, "state": state})
    (tmp_path / "roots" / "plain.crt").write_text(plain.pem)
    with pytest.raises(TrustAnchorError, match="plain.crt is not a CA certificate"):
        manifest_store.read(directory)


@pytest.mark.parametrize("extra", [pki.key_pem(pki.new_key()), TWO.pem])
def test_a_root_file_holds_one_certificate_and_no_key(tmp_path: Path, extra: str) -> None:
    directory = write(tmp_path, ENTRY)
    (tmp_path / "roots" / "one.crt").write_text(ONE.pem + extra)
    with pytest.raises(TrustAnchorError, match="one.crt holds"):
        manifest_store.read(directory)


def test_the_lookup_gives_what_a_host_is_told(tmp_path: Path) -> None:
    """Retiring roots are trusted, too; staged ones are not told."""
    two = {"name": "two", "sha256": TWO.sha256, "state": "staged"}
    for state, trusted, distrusted in (("staged", 1, []), ("retiring", 2, []), ("distrusted", 1, [TWO.sha256])):
        directory = write(tmp_path, ENTRY, {**two, "state": state})
        (found,) = LookupModule().run([directory], ANCHORS)
        listed = [{"name": "one", "sha256": ONE.sha256, "pem": ONE.pem}, {**two, "pem": TWO.pem}]
        listed[1].pop("state", None)
        assert found == {
            "id": ONE.sha256[:32],
            "sequence": 3,
            "trusted": listed[:trusted],
            "distrusted": distrusted,
        }
    with pytest.raises(AnsibleLookupError, match="has no trust manifest"):
        LookupModule().run([str(tmp_path / "none")])


def test_the_lookup_of_one_root(tmp_path: Path) -> None:
    directory = write(tmp_path, ENTRY, {"name": "two", "sha256": TWO.sha256, "state": "distrusted"})
    assert LookupModule().run([directory], ANCHORS, root="one") == [
        {"name": "one", "sha256": ONE.sha256, "pem": ONE.pem}
    ]
    with pytest.raises(AnsibleLookupError, match="'two' is distrusted.*nothing may be issued under it"):
        LookupModule().run([directory], ANCHORS, root="two")
    with pytest.raises(AnsibleLookupError, match="has no root 'x'"):
        LookupModule().run([directory], ANCHORS, root="x")


def test_the_lookup_gives_nothing_to_issue_under_that_no_rollout_has_shown(tmp_path: Path) -> None:
    two = {"name": "two", "sha256": TWO.sha256, "state": "trusted", "since": "2026-11-26T12:00:00Z"}
    directory = write(tmp_path, ENTRY, two)
    assert len(LookupModule().run([directory], ANCHORS)[0]["trusted"]) == 2
    assert LookupModule().run([directory], ANCHORS, root="one")
    with pytest.raises(AnsibleLookupError, match="no rollout has shown it on every host"):
        LookupModule().run([directory], ANCHORS, root="two")
    manifest = manifest_store.read_declared(directory)
    release = {"id": manifest.id, "sequence": 3, "digest": manifest.digest, "trusted": [TWO.sha256]}
    (tmp_path / "rollouts").mkdir()
    report = {"version": 1, "manifest": release, "complete": True, "hosts": {}}
    (tmp_path / "rollouts/000003.json").write_text(json.dumps(report))
    assert LookupModule().run([directory], ANCHORS, root="two")[0]["sha256"] == TWO.sha256
    (tmp_path / "rollouts/000003.json").write_text(json.dumps({**report, "complete": False}))
    write(tmp_path, ENTRY, {**two, "incident": "INC-7"}, sequence=4)
    assert LookupModule().run([directory], ANCHORS, root="two")


def test_the_lookup_reads_a_record_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, read, reads = write(tmp_path, ENTRY), manifest_store.read, []

    def counted(record: str) -> Manifest:
        reads.append(record)
        return read(record)

    monkeypatch.setattr(manifest_store, "read", counted)
    first = LookupModule().run([directory], ANCHORS)
    first[0]["trusted"].clear()  # what a template does with it changes nothing
    assert len(LookupModule().run([directory], ANCHORS)[0]["trusted"]) == 1
    assert LookupModule().run([directory], ANCHORS, root="one")
    assert len(reads) == 1
    write(tmp_path, ENTRY, sequence=4)
    assert LookupModule().run([directory], ANCHORS)[0]["sequence"] == 4
    (tmp_path / "roots/one.crt").write_text(TWO.pem)
    with pytest.raises(AnsibleLookupError, match="one.crt has fingerprint"):
        LookupModule().run([directory], ANCHORS)
    assert len(reads) == 3


@pytest.mark.parametrize("name", ["trust.yml", "roots/one.crt"])
def test_what_is_no_file_is_told_and_nothing_waits_for_it(tmp_path: Path, name: str) -> None:
    """A commit may hold links to anything, and directories."""
    path = Path(write(tmp_path, ENTRY), name)
    for target in (path.name, "/dev/zero", "/tmp"):  # the first one leads to itself
        path.unlink()
        path.symlink_to(target)
        with pytest.raises(TrustAnchorError, match="cannot be read|no regular file|is a directory"):
            manifest_store.read(str(tmp_path))
        with pytest.raises(AnsibleLookupError):
            LookupModule().run([str(tmp_path)], ANCHORS)


@pytest.mark.parametrize(("seconds", "told"), [(-1, True), (0, True), (1, False)])
def test_a_trusted_root_that_has_ended_is_told(tmp_path: Path, seconds: int, told: bool) -> None:
    found = manifest_store.read(write(tmp_path, ENTRY))
    now = ONE.certificate.not_valid_after_utc - dt.timedelta(seconds=seconds)
    said = manifest_store.expired(found, now)
    assert [(what.split(" (")[0], "refused everywhere" in why, "change_trust" in step) for what, why, step in said] == (
        [("root 'one' has expired", True, True)] if told else []
    )
