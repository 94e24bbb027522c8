# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input and mishaps of a ceremony: a clear error, nothing signed by mistake, and a rerun that finishes."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import outputs
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session import runner, sign_step
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.transcript import EventKind
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.verification import verify
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.times import utc_now
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import signing_keys
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11 import keys
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from factories import plans as plan_factory
from factories.ceremony_host import PINS, CeremonyHost, events, refused
from factories.pki import profiled as make

ROOT, ROOT_AND_CA, ROOT_AND_CRL = ["root:r1"], ["root:r1", "intermediate:ca1"], ["root:r1", "crl:r1"]
DAY = dt.timedelta(days=1)


def test_a_wrong_pin_signs_nothing_and_the_right_one_finishes(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.take("first", [{"step": "token:primary", "digest": "", "confirmed_by": []}], attended=False)
    good, host.pins = host.pins, {"primary": "wrong-pin"}
    with pytest.raises(TrustAnchorError, match="the PIN of the token 'primary' is wrong"):
        host.hold()
    assert "signed" not in events(host)
    assert events(host)[-1] == "failed"
    host.pins = good
    assert {status.state for status in host.hold()} == {"done"}


def test_without_a_pin_nothing_is_tried(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.pins = {}
    with pytest.raises(TrustAnchorError, match="no PIN was given"):
        host.hold()


def test_a_token_that_tokens_yml_does_not_name(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    del host.tokens["primary"]
    refused(host, "tokens.yml has no token 'primary'")


@pytest.mark.parametrize(
    ("hours", "message"), [(-48, "the clock of this machine says"), (2, "the clock of this machine")]
)
def test_a_clock_outside_of_the_window(hours: int, message: str, tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.set_window(utc_now() + dt.timedelta(hours=hours))
    with pytest.raises(TrustAnchorError, match=message):
        host.hold()
    assert events(host) == []


def test_a_plan_that_nobody_confirmed(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    with pytest.raises(TrustAnchorError, match="the confirmed plan has the SHA-256 0000"):
        host.hold(confirmed="0" * 64)
    assert events(host) == []


def test_a_full_disk_is_seen_before_anything_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    real = os.statvfs

    class Full:
        f_bavail, f_frsize = 10, 4096

    monkeypatch.setattr(os, "statvfs", lambda _path: Full)
    with pytest.raises(TrustAnchorError, match="has 40 KiB left"):
        host.hold()
    monkeypatch.setattr(os, "statvfs", real)
    host.hold()


def test_a_disk_that_fills_up_costs_no_second_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    made: list[bytes] = []
    sign = signing_keys.TokenSigner.__call__

    def noted(self: Any, block: bytes, mechanism: Any) -> bytes:
        made.append(block)
        return sign(self, block, mechanism)

    def full(path: Path, _data: bytes) -> None:
        raise TrustAnchorError(f"{path} cannot be written: {os.strerror(errno.ENOSPC)}")

    monkeypatch.setattr(signing_keys.TokenSigner, "__call__", noted)
    with monkeypatch.context() as patch:
        patch.setattr(outputs, "save_once", full)
        with pytest.raises(TrustAnchorError, match="No space left"):
            host.hold()
    assert events(host)[-2:] == ["signed", "failed"]
    host.hold()
    assert len(made) == 2  # root and seal
    assert events(host).count("signed") == 1


def test_an_output_that_is_something_else_stops_the_ceremony(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    (tmp_path / "roots").mkdir()
    other = make.root().public_bytes(Encoding.PEM)
    (tmp_path / "roots/r1.crt").write_bytes(other)
    with pytest.raises(TrustAnchorError, match="roots/r1.crt exists and differs|is not the key of roots/r1.crt"):
        host.hold()
    assert (tmp_path / "roots/r1.crt").read_bytes() == other
    assert "signed" not in events(host)


def test_an_output_that_is_there_as_planned_is_found_and_not_signed(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.hold()
    signed = (tmp_path / "roots/r1.crt").read_bytes()
    window = host.plan["window"]["start"]
    host.plan["name"] = "0002"
    host.act("root")["not_before"] = window
    host.hold()
    assert (tmp_path / "roots/r1.crt").read_bytes() == signed
    assert "found" in events(host)
    assert "signed" not in events(host)


def test_a_root_with_a_key_that_has_a_root(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.hold()
    host.plan |= {"name": "0002", "keys": {"r2": plan_factory.key("primary", attested=False)}, "sealed_by": "r2"}
    host.act("root")["name"] = "r2"
    with pytest.raises(TrustAnchorError, match="is the key of r1.crt already"):
        host.hold()
    assert not (tmp_path / "roots/r2.crt").exists()


def test_a_root_that_is_not_the_one_of_the_plan(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.hold()
    host.keep("root:r1")
    host.plan |= {"name": "0002", "roots": {"r1": {"sha256": "0" * 64, "standby": False}}}
    host.plan["acts"] = [{"act": "crl", "issuer": "r1", "number": 1, "days": 30, "revoked": []}]
    with pytest.raises(TrustAnchorError, match="roots/r1.crt has the fingerprint .*the plan was reviewed for 0000"):
        host.hold()


def test_an_intermediate_that_outlives_its_root(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    host.act("root")["days"] = 365
    with pytest.raises(TrustAnchorError, match="outlive|after its issuer|beyond|ends"):
        host.hold()
    assert not (tmp_path / "softhsm").exists()


def test_a_crl_number_that_goes_back(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CRL)
    host.act("crl")["number"] = 5
    host.hold()
    before = (tmp_path / "crls/r1.crl").read_bytes()
    _next_crl(host, 4)
    with pytest.raises(TrustAnchorError, match="crls/r1.crl has number 5, the plan's is 4"):
        host.hold()
    _next_crl(host, 5, [{"serial": "abcdef0123456789ab"}])
    with pytest.raises(TrustAnchorError, match="crls/r1.crl exists and differs from what is planned"):
        host.hold()
    assert (tmp_path / "crls/r1.crl").read_bytes() == before


def test_a_revocation_is_final(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CRL)
    host.act("crl")["revoked"] = [{"serial": "abcdef0123456789ab", "reason": "key_compromise"}]
    host.hold()
    _next_crl(host, 2)
    with pytest.raises(TrustAnchorError, match="does not have the entry abcdef0123456789ab key_compromise"):
        host.hold()
    date = host.plan["window"]["start"]
    _next_crl(host, 2, [{"serial": "abcdef0123456789ab", "reason": "key_compromise", "date": date}])
    host.hold()
    assert (tmp_path / "crls/archive/r1-1.crl").exists()


def _next_crl(host: CeremonyHost, number: int, revoked: Any = ()) -> None:
    root = x509.load_pem_x509_certificate((host.home / "roots/r1.crt").read_bytes())
    from cryptography.hazmat.primitives import hashes

    sha256 = root.fingerprint(hashes.SHA256()).hex()
    host.plan |= {"name": f"n{number}{len(list(revoked))}", "roots": {"r1": {"sha256": sha256, "standby": False}}}
    host.plan["acts"] = [{"act": "crl", "issuer": "r1", "number": number, "days": 30, "revoked": list(revoked)}]


def test_a_tampered_transcript_stops_the_ceremony(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.take("first", [{"step": "token:primary", "digest": "", "confirmed_by": []}], attended=False)
    path = host.ceremony_directory / "transcript.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Grace", b"Trace", 1))
    with pytest.raises(TrustAnchorError, match="the transcript was changed after it was written"):
        host.hold()


def test_a_draft_whose_input_changed(tmp_path: Path) -> None:
    """The plan pins all inputs; a draft that no longer fits means that somebody changed code or transcript."""
    host = CeremonyHost(tmp_path, ROOT)
    by = [{**person, "how": "test"} for person in host.plan["people"]]
    host.take("first", [{"step": "token:primary", "digest": "", "confirmed_by": []}], attended=False)
    key = next(step for step in host.state()["steps"] if step["id"] == "key:r1")
    host.take("first", [{"step": "key:r1", "digest": key["digest"], "confirmed_by": by}], attended=False)
    context = host.context()
    step = next(step for step in runner.steps_of(context) if step.id == "root:r1")
    draft = context.transcript.find(EventKind.DRAFT, "root:r1")
    assert draft is not None
    changed = {**draft.data, "serial": f"{int(draft.data['serial'], 16) ^ 1:x}"}
    context.transcript.append(EventKind.DRAFT, **changed)
    with pytest.raises(TrustAnchorError, match="an input has changed since"):
        step.prepare(context)


def test_a_ceremony_whose_day_is_over_is_abandoned_and_what_was_signed_stays(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    by = [{**person, "how": "test"} for person in host.plan["people"]]
    state = host.take("first", [], attended=False)
    while not (tmp_path / "roots/r1.crt").exists():
        step = next(step for step in state["steps"] if step["state"] != "done")
        state = host.take("first", [{"step": step["id"], "digest": step["digest"], "confirmed_by": by}], attended=False)
    later = host.context().plan.window.end + DAY
    host.clock = later
    with pytest.raises(TrustAnchorError, match="the clock of this machine says"):
        host.hold()
    host.abandon = True
    assert [status.id for status in host.hold()] == ["seal"]
    assert host.state()["over"]
    assert not (tmp_path / "intermediates").exists()
    (host.ceremony_directory / "ceremony.yml").write_bytes(host.material().plan)
    assert [check for check in verify(tmp_path, host.plan["name"]) if not check.ok] == []
    assert "ABANDONED" in (host.ceremony_directory / "report.md").read_text()


def test_a_ceremony_without_its_root_is_closed_unsealed(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.take("first", [], attended=False)
    host.abandon = True
    host.hold()
    assert host.state()["over"]
    closed = json.loads((host.ceremony_directory / "transcript.jsonl").read_text().splitlines()[-1])
    assert (closed["event"], closed["data"]["unsealed"], closed["data"]["abandoned"]) == ("closed", True, True)
    assert not (host.ceremony_directory / "transcript.p7s").exists()
    assert host.state()["roots"] == []


def test_abandoning_writes_what_was_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    write = outputs.Output.write

    def no_intermediate(self: Any, signed: Any) -> None:
        if "intermediates" in self.path:
            raise TrustAnchorError("the disk is full")
        write(self, signed)

    with monkeypatch.context() as patch:
        patch.setattr(outputs.Output, "write", no_intermediate)
        with pytest.raises(TrustAnchorError, match="the disk is full"):
            host.hold()
    host.abandon = True
    host.hold()
    assert (tmp_path / "intermediates/ca1.crt").exists()
    assert events(host)[-3:] == ["written", "confirmed", "closed"]


def test_one_ceremony_at_a_time(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.take("first", [], attended=False)
    host.plan["name"] = "0002"
    with pytest.raises(TrustAnchorError, match="the ceremony '0001' is under way"):
        host.hold()


def test_what_was_begun_with_people_is_not_finished_without_them(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.take("first", [])
    with pytest.raises(TrustAnchorError, match="was begun with people"):
        host.hold()
    host = CeremonyHost(tmp_path / "other", ROOT)
    host.plan["unattended"] = False
    with pytest.raises(TrustAnchorError, match="the plan does not say unattended: true"):
        host.hold()
    assert events(host) == []


def test_a_planted_key_is_not_taken_without_a_word(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    host.take("first", [{"step": "token:primary", "digest": "", "confirmed_by": []}], attended=False)
    device = host.context().device("primary")
    keys.generate(device.spec, device.key, "ec-p384", PINS["primary"])
    step = next(step for step in host.state()["steps"] if step["id"] == "key:r1")
    assert step["consent"]
    assert step["what"] == "take the key 'r1' that is on its token already"
    assert step["facts"]["public_key_sha256"]
    host.plan["keys"]["r1"]["origin"] = "imported"
    host.plan["name"] = "0002"
    with pytest.raises(TrustAnchorError, match="occupied by a key that this ceremony did not make"):
        host.state()


def test_a_key_that_must_be_attested_is_not_made_in_software(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    del host.plan["keys"]["r1"]["attested"]
    refused(host, "wants the key 'r1' attested, and primary is of kind softhsm")
    host.rehearsal = True
    host.hold()


def test_another_key_in_the_place_gets_no_pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = CeremonyHost(tmp_path, ROOT)
    by = [{**person, "how": "test"} for person in host.plan["people"]]
    host.take("first", [{"step": "token:primary", "digest": "", "confirmed_by": []}], attended=False)
    host.take("first", [{"step": "key:r1", "digest": "", "confirmed_by": by}], attended=False)
    host.tokens["primary"]["id"] = "09"
    device = host.context().device("primary")
    keys.generate(device.spec, device.key, "ec-p384", PINS["primary"])
    monkeypatch.setattr(sign_step, "signing_key", lambda *_: pytest.fail("the PIN was used"))
    with pytest.raises(TrustAnchorError, match="is not the key 'r1'"):
        host.hold()


def test_what_nobody_wrote_is_not_found(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    host.hold()
    transcript = host.ceremony_directory / "transcript.jsonl"
    transcript.rename(tmp_path / "elsewhere")
    (host.ceremony_directory / "transcript.p7s").unlink()
    with pytest.raises(TrustAnchorError, match="no ceremony of this record wrote it"):
        host.hold()
