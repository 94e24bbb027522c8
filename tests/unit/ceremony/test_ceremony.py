# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole ceremony without Ansible: two SoftHSM tokens sign, openssl judges."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session import key_steps
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.devices import Device
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.facts import TokenFacts, inspect
from cryptography import x509
from factories.ceremony_host import PEOPLE, CeremonyHost


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> CeremonyHost:
    """A ceremony that was held with the full plan."""
    host = CeremonyHost(tmp_path_factory.mktemp("ceremony"))
    assert {status.state for status in host.hold()} == {"done"}
    return host


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_openssl_accepts_what_was_signed(held: CeremonyHost) -> None:
    home = held.home
    for root in ("r1", "s1"):
        openssl(
            "verify", "-x509_strict", "-check_ss_sig", "-CAfile", home / f"roots/{root}.crt", home / f"roots/{root}.crt"
        )
        der = home / f"crls/{root}.crl"
        openssl("crl", "-inform", "DER", "-in", der, "-noout", "-CAfile", home / f"roots/{root}.crt")
    below = ("intermediates/ca1.crt", "cross/s1-by-r1.crt", "signers/m1.crt")
    for path in below:
        openssl("verify", "-x509_strict", "-CAfile", home / "roots/r1.crt", home / path)


def test_the_transcript_tells_each_step_in_order(held: CeremonyHost) -> None:
    events = [json.loads(line) for line in (held.ceremony_directory / "transcript.jsonl").read_text().splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[:3] == ["opened", "clock", "plan_confirmed"]
    assert events[0]["data"]["version"] == 1
    assert kinds[-1] == "closed"
    for act in ("root:r1", "cross:s1-by-r1", "crl:s1"):
        mine = [event["event"] for event in events if event["data"].get("act") == act]
        assert mine == ["draft", "confirmed", "signed", "written"]
    assert events[-1]["data"]["signatures"] == 7
    openssl(
        "cms", "-verify", "-binary", "-inform", "PEM", "-in", held.ceremony_directory / "transcript.p7s",
        "-content", held.ceremony_directory / "transcript.jsonl", "-CAfile", held.home / "roots/r1.crt",
        "-purpose", "any",
        "-out", "/dev/null",
    )  # fmt: skip


def test_a_ceremony_that_is_over_changes_nothing(held: CeremonyHost) -> None:
    before = {path: path.read_bytes() for path in held.home.rglob("*") if path.is_file()}
    state = held.state()
    assert state["over"]
    assert state["steps"] == []
    held.hold()
    assert {path: path.read_bytes() for path in held.home.rglob("*") if path.is_file()} == before


def test_a_plan_that_was_changed_is_refused(held: CeremonyHost) -> None:
    held.plan["title"] = "Another title"
    try:
        with pytest.raises(TrustAnchorError, match="was opened with .*: the plan was changed since"):
            held.hold()
    finally:
        held.plan["title"] = "First roots of Corp Example"


def test_check_mode_rehearses_all_and_touches_nothing(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    state = host.state()
    assert not state["over"]
    assert [step["id"] for step in state["steps"]] == [
        "token:primary", "token:standby", "key:r1", "key:s1", "inspect:primary", "root:r1", "root:s1",
        "cross:s1-by-r1", "intermediate:ca1", "manifest_signer:m1", "crl:r1", "crl:s1", "seal",
    ]  # fmt: skip
    assert {step["state"] for step in state["steps"]} == {"pending"}
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_with_people_shows_each_digest_before_it_signs(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ["root:r1", "crl:r1"])
    state = host.take("people", [])
    asked = []
    while not state["over"]:
        step = next(step for step in state["steps"] if step["state"] != "done")
        asked.append(step["id"])
        assert step["digest"] or not step["consent"]
        people = [{"name": p["name"], "role": p["role"], "how": "words"} for p in state["people"]]
        state = host.take("people", [{"step": step["id"], "digest": step["digest"], "confirmed_by": people}])
    assert asked == ["token:primary", "key:r1", "root:r1", "crl:r1", "seal"]
    transcript = (host.ceremony_directory / "transcript.jsonl").read_text()
    assert transcript.count('"event":"opened"') == 1
    assert '"event":"resumed"' not in transcript


def test_nothing_is_signed_that_was_not_shown(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ["root:r1"])
    by = [{"name": p["name"], "role": p["role"], "how": "words"} for p in host.plan["people"]]
    host.take("people", [{"step": "token:primary", "digest": "", "confirmed_by": []}])
    host.take("people", [{"step": "key:r1", "digest": _digest(host, "key:r1"), "confirmed_by": by}])
    for digest, message in (("0" * 64, "people confirmed 0000"), ("", "nobody confirmed what will be signed")):
        with pytest.raises(TrustAnchorError, match=message):
            host.take("people", [{"step": "root:r1", "digest": digest, "confirmed_by": by}])
    with pytest.raises(TrustAnchorError, match="not confirmed by Grace Hopper"):
        host.take("people", [{"step": "root:r1", "digest": _digest(host, "root:r1"), "confirmed_by": by[:1]}])
    assert not (tmp_path / "roots/r1.crt").exists()


def _digest(host: CeremonyHost, step: str) -> str:
    return str(next(one["digest"] for one in host.state()["steps"] if one["id"] == step))


def test_a_rehearsal_has_a_place_and_names_of_its_own(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path)
    host.rehearsal = True
    host.hold()
    assert not (tmp_path / "roots").exists()
    for path in ("roots/r1.crt", "intermediates/ca1.crt", "signers/m1.crt"):
        certificate = x509.load_pem_x509_certificate((host.outputs / path).read_bytes())
        (name,) = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        assert str(name.value).startswith("REHEARSAL Test ")
    assert "REHEARSAL" in (host.ceremony_directory / "report.md").read_text()


def test_a_rehearsal_below_a_root_that_exists_makes_a_rehearsal_root(held: CeremonyHost) -> None:
    import hashlib

    from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import (
        fingerprint,
        load_certificate,
    )

    pem = (held.home / "roots/r1.crt").read_bytes()
    host = CeremonyHost(held.home, ["crl:r1"])
    host.plan |= {
        "name": "0002",
        "roots": {"r1": {"sha256": fingerprint(load_certificate(pem, "r1")), "standby": False}},
    }
    host.act("crl")["number"] = 2
    host.rehearsal = True
    before = hashlib.sha256((held.home / "crls/r1.crl").read_bytes()).hexdigest()
    host.hold()
    made = x509.load_pem_x509_certificate((host.outputs / "roots/r1.crt").read_bytes())
    assert (
        made.subject.rfc4514_string() == "O=Test,CN=REHEARSAL Test Root R1"
        or "REHEARSAL" in made.subject.rfc4514_string()
    )
    openssl(
        "crl", "-inform", "DER", "-in", host.outputs / "crls/r1.crl", "-noout", "-CAfile", host.outputs / "roots/r1.crt"
    )
    assert hashlib.sha256((held.home / "crls/r1.crl").read_bytes()).hexdigest() == before


def test_a_plan_with_an_rsa_root_is_rehearsed_before_its_key_is_made(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ["root:r1", "crl:r1"])
    host.plan["keys"]["r1"]["algorithm"] = "rsa-3072"
    assert not host.state()["over"]


def test_a_token_that_is_not_fit_is_told_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = CeremonyHost(tmp_path, ["root:r1", "crl:r1"])
    host.take("run", [{"step": "token:primary", "digest": "", "confirmed_by": PEOPLE}])

    def locked(device: Device) -> TokenFacts:
        return dataclasses.replace(inspect(device), pin_flag="locked")

    monkeypatch.setattr(key_steps, "inspect", locked)
    with pytest.raises(TrustAnchorError, match="its PIN is locked"):
        host.state()
