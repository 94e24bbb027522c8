# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible_collections.trustanchor.private_ca.plugins.lookup.trust_manifest import LookupModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import model, store
from factories import pki

ONE, TWO = pki.root("One"), pki.root("Two")
ENTRY = {"name": "one", "sha256": ONE.sha256, "state": "trusted"}


def write(directory: Path, *entries: Any, **changes: Any) -> str:
    """A record with the certificates of both roots."""
    (directory / "roots").mkdir(exist_ok=True)
    for name, root in (("one", ONE), ("two", TWO)):
        (directory / "roots" / f"{name}.crt").write_text(root.pem)
    content = {"version": 1, "sequence": 3, "roots": list(entries), **changes}
    (directory / "trust.yml").write_text(yaml.safe_dump(content))
    return str(directory)


def test_the_roots_by_name(tmp_path: Path) -> None:
    found = store.read(write(tmp_path, ENTRY, {"name": "two", "sha256": TWO.sha256, "state": "retiring"}))
    assert list(found) == ["one", "two"]
    assert found["one"] == store.Anchor("one", ONE.sha256, "trusted", ONE.pem)
    assert found["two"].as_dict() == {"name": "two", "sha256": TWO.sha256, "state": "retiring", "pem": TWO.pem}


@pytest.mark.parametrize("state", model.STATES)
def test_states(tmp_path: Path, state: str) -> None:
    assert store.read(write(tmp_path, {**ENTRY, "state": state}))["one"].state == state


def test_text_around_the_certificate_is_left_out(tmp_path: Path) -> None:
    directory = write(tmp_path, ENTRY)
    (tmp_path / "roots" / "one.crt").write_text(f"Certificate:\n  Data:\n{ONE.pem}")
    assert store.read(directory)["one"].pem == ONE.pem


def test_a_fingerprint_as_people_write_it(tmp_path: Path) -> None:
    digits = ONE.sha256.upper()
    written = ":".join(digits[at : at + 2] for at in range(0, 64, 2))
    assert store.read(write(tmp_path, {**ENTRY, "sha256": written}))["one"].sha256 == ONE.sha256


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
        store.read(write(tmp_path, entry))


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
        store.read(write(tmp_path, ENTRY, **changes))


@pytest.mark.parametrize("content", [b"", b"text", b"- list", b"a: [", b"a: b: c", b"\xff\xfe\xff", b"\x00"])
def test_what_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    directory = write(tmp_path, ENTRY)
    (tmp_path / "trust.yml").write_bytes(content)
    with pytest.raises(TrustAnchorError, match=r"trust\.yml"):
        store.read(directory)


def test_one_name_twice(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match="lists a name twice"):
        store.read(write(tmp_path, ENTRY, {**ENTRY, "sha256": TWO.sha256}))


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match=r"has no trust manifest.*playbooks/ceremony\.yml"):
        store.read(str(tmp_path))


def test_a_distrusted_root_may_have_lost_its_file(tmp_path: Path) -> None:
    found = store.read(write(tmp_path, {"name": "gone", "sha256": TWO.sha256, "state": "distrusted"}))
    assert found["gone"] == store.Anchor("gone", TWO.sha256, "distrusted", "")


@pytest.mark.parametrize("state", ["trusted", "distrusted"])
def test_not_a_ca(tmp_path: Path, state: str) -> None:
    plain = pki.root("Plain", ca=False)
    directory = write(tmp_path, {"name": "plain", "sha256": plain.sha256, "state": state})
    (tmp_path / "roots" / "plain.crt").write_text(plain.pem)
    with pytest.raises(TrustAnchorError, match="plain.crt is not a CA certificate"):
        store.read(directory)


@pytest.mark.parametrize("extra", [pki.key_pem(pki.new_key()), TWO.pem])
def test_a_root_file_holds_one_certificate_and_no_key(tmp_path: Path, extra: str) -> None:
    directory = write(tmp_path, ENTRY)
    (tmp_path / "roots" / "one.crt").write_text(ONE.pem + extra)
    with pytest.raises(TrustAnchorError, match="one.crt holds"):
        store.read(directory)


def test_the_lookup(tmp_path: Path) -> None:
    directory = write(tmp_path, ENTRY)
    assert LookupModule().run([directory]) == [{"one": {**ENTRY, "pem": ONE.pem}}]
    with pytest.raises(AnsibleLookupError, match="has no trust manifest"):
        LookupModule().run([str(tmp_path / "none")])


def test_the_lookup_gives_the_whole_manifest(tmp_path: Path) -> None:
    directory = write(tmp_path, ENTRY)
    (whole,) = LookupModule().run([directory], whole=True)
    assert (whole["id"], whole["sequence"]) == (ONE.sha256[:32], 3)
    assert whole["roots"] == LookupModule().run([directory])[0]
