# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ceremonies that were held otherwise than planned, each named by the check that should catch it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts import crl as crl_act
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.acts.root import RootAct
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.attestation import AttestationFiles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.key_checks import (
    attestation_problems,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.people_checks import (
    agreement_problems,
    asking_problems,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.recorded import RecordedCeremony
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify.verification import verify
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.journal.chain import head
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, pkilint, profiles
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from factories import ceremonies as factory
from factories import pki
from factories.ceremony_host import CeremonyHost
from factories.tampering import FIRST, failed, flip, other_root, reseal, set_data

pytestmark = pytest.mark.usefixtures("without_pkilint")

PKILINT = pkilint.version
LINKS = "each ceremony stands on the one before"


def held_otherwise(tmp_path: Path, **changes: Callable[[Any], Any]) -> Path:
    """A ceremony by people who hold the keys and depart from the plan in one act."""
    ceremony = factory.Ceremony(tmp_path, factory.first_plan(tmp_path))
    ceremony.begin()
    for act in ceremony.plan.acts:
        ceremony.perform(changes.get(act.id.partition(":")[0], lambda same: same)(act))
    ceremony.close()
    return tmp_path


def longer(act: Any) -> Any:
    return dataclasses.replace(act, profile=dataclasses.replace(act.profile, days=act.profile.days + 1))


def later(act: Any) -> Any:
    return dataclasses.replace(act, not_before=act.not_before + dt.timedelta(hours=1))


def free(act: Any) -> Any:
    assert isinstance(act, RootAct)
    return dataclasses.replace(act, profile=dataclasses.replace(act.profile, constraints=None))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("root", free),
        ("intermediate", longer),
        ("intermediate", later),
        ("cross", longer),
        ("manifest_signer", later),
        ("crl", lambda act: dataclasses.replace(act, number=9)),
    ],
)
def test_signed_otherwise_than_planned(tmp_path: Path, kind: str, change: Callable[[Any], Any]) -> None:
    found = failed(held_otherwise(tmp_path, **{kind: change}))
    wrong = [name for name in found if name.endswith("signed as planned")]
    assert wrong and all(f" {kind}:" in name for name in wrong)


def test_another_key_than_the_reviewed_request(tmp_path: Path) -> None:
    """Signed from another request; then the reviewed one is put back."""
    reviewed = b""

    def swapped(act: Any) -> Any:
        nonlocal reviewed
        reviewed = (tmp_path / act.request).read_bytes()
        return dataclasses.replace(act, request_sha256=factory.request(tmp_path, "ca1", factory.NEXT_CA_KEY, "CN=CA 1"))

    held_otherwise(tmp_path, intermediate=swapped)
    assert failed(tmp_path) == {}  # another request stands there: nobody can say any more
    (tmp_path / "requests/ca1.csr").write_bytes(reviewed)
    assert list(failed(tmp_path)) == ["0001 intermediate:ca1: signed as planned"]


def test_crl_number_of_another_ceremony(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held by a program that does not look at what was signed before."""
    factory.Ceremony(tmp_path, factory.first_plan(tmp_path)).hold()
    (tmp_path / "crls/r1.crl").unlink()
    monkeypatch.setattr(crl_act, "known_crls", lambda *_arguments: [])
    factory.Ceremony(tmp_path, factory.second_plan(tmp_path, number=1)).hold()
    detail = failed(tmp_path)["CRL numbers rise, and nothing leaves a CRL"]
    assert "went from 1 to 1 in 0002" in detail and "have two CRLs with the number 1" in detail


def test_a_ceremony_under_way(tmp_path: Path) -> None:
    ceremony = factory.Ceremony(tmp_path, factory.first_plan(tmp_path))
    ceremony.begin()
    found = failed(tmp_path)
    assert {"0001 the ceremony is closed", "0001 the seal holds", "0001 outputs are present"} <= set(found)


def test_attestation(record: Path) -> None:
    """The plan wants r1 attested; its transcript says what the changes say."""
    found = RecordedCeremony.load(record, "0001")
    keys = {**found.plan.keys, "r1": dataclasses.replace(found.plan.keys["r1"], attested=True)}
    plan = dataclasses.replace(found.plan, keys=keys)

    def recorded(**changes: Any) -> RecordedCeremony:
        events = [
            dataclasses.replace(one, data={**one.data, **changes}) if one.data.get("act") == "key:r1" else one
            for one in found.events
        ]
        return dataclasses.replace(found, plan=plan, events=tuple(events))

    none = ["key 'r1' is not attested, and the plan wants it to be"]
    said = {"attestation": {"serial": "11111111"}}
    chain = other_root() + (record / "roots/r1.crt").read_bytes()
    assert list(attestation_problems(found, None)) == []
    assert list(attestation_problems(recorded(), None)) == none
    assert list(attestation_problems(recorded(**said), None)) == none
    attested = recorded(**said, attestation_chain=chain.decode())
    assert list(attestation_problems(attested, None)) == []
    with pytest.raises(TrustAnchorError):
        list(attestation_problems(attested, AttestationFiles((chain,))))


def test_the_head_that_people_agreed_to(record: Path) -> None:
    found = RecordedCeremony.load(record, "0001")
    index = next(n for n, one in enumerate(found.events) if one.data.get("act") == "seal")

    def problems(*between: str, digest: str = head(found.events[:index])) -> list[str]:
        more = [dataclasses.replace(found.events[index], kind=kind) for kind in between]
        seal = dataclasses.replace(found.events[index], data={"act": "seal", "digest": digest})
        events = (*found.events[:index], *more, seal, *found.events[index + 1 :])
        return list(agreement_problems(dataclasses.replace(found, events=events)))

    assert problems() == problems("token") == []
    for wrong in (problems("failed"), problems("token", "written"), problems(digest="")):
        assert wrong == ["people agreed to the seal of a transcript other than this one up to there"]


def test_a_ceremony_without_its_root_has_no_seal(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ["root:r1"])
    host.plan["pkilint"] = "optional"
    host.take("first", [], attended=False)
    host.abandon = True
    host.hold()
    (host.ceremony_directory / "ceremony.yml").write_bytes(host.material().plan)
    assert not (host.ceremony_directory / "transcript.p7s").exists()
    assert failed(tmp_path) == {}


def test_a_seal_is_not_talked_away(record: Path) -> None:
    reseal(record, lambda e: set_data(e, "closed", None, unsealed=True, abandoned=True), "ceremonies/0003")
    (record / "ceremonies/0003/transcript.p7s").unlink()
    assert "0003 the seal holds" in failed(record)


def test_nobody_was_asked(tmp_path: Path) -> None:
    """A plan that says so is not a fault; the same run with another plan is."""
    ceremony = factory.Ceremony(tmp_path, factory.first_plan(tmp_path)).hold()
    reseal(tmp_path, lambda e: set_data(e, "opened", None, unattended=True))
    assert list(failed(tmp_path)) == ["0001 people were asked"]
    found = dataclasses.replace(
        RecordedCeremony.load(tmp_path, "0001"), plan=dataclasses.replace(ceremony.plan, unattended=True)
    )
    assert list(asking_problems(found)) == []


def linters(record: Path) -> tuple[bool, str]:
    check = next(one for one in verify(record) if one.check == "intermediate:ca1: linters")
    return check.ok, check.detail


def test_linters_look_again(tmp_path: Path) -> None:
    """Those of the ceremony must agree today; what later ones find is reported."""
    record = held_otherwise(tmp_path, root=free)
    ok, detail = linters(record)
    assert not ok and "has name constraints" in detail
    older = ["trustanchor.private_ca 0.9.0", "pkilint 0.1"]
    reseal(record, lambda e: set_data(e, "draft", "intermediate:ca1", lint=older))
    ok, detail = linters(record)
    assert ok and "has name constraints" in detail
    assert "at the ceremony: trustanchor.private_ca 0.9.0, pkilint 0.1" in detail


def test_what_was_found(record: Path) -> None:
    """The last ceremony finds what it wrote itself: then no ceremony before it did."""

    def found(events: list[dict[str, Any]]) -> None:
        next(one for one in events if one["event"] == "written")["event"] = "found"

    reseal(record, found, "ceremonies/0003")
    title = "what was found was written before"
    assert failed(record)[title] == "0003 found intermediates/ca1.crt, which no ceremony before it wrote"


def test_what_left_a_crl(record: Path) -> None:
    key = factory.KEYS["r1"]
    root = x509.load_pem_x509_certificate((record / "roots/r1.crt").read_bytes())
    entry = builders.Revoked(0xAB12, x509.ReasonFlags.superseded, pki.FIXED_NOW)
    profile = profiles.CrlProfile(365)
    crl = builders.crl_builder(profile, root, 0, [entry], pki.FIXED_NOW).sign(key, hashes.SHA384())
    (record / "crls/archive/r1-0.crl").write_bytes(crl.public_bytes(Encoding.DER))
    detail = failed(record)["CRL numbers rise, and nothing leaves a CRL"]
    assert "crls/archive/r1-0.crl revokes ab12, " in detail and "with number 1 does not" in detail


def test_a_clock_that_goes_back_is_told(record: Path) -> None:
    def back(events: list[dict[str, Any]]) -> None:
        events[-1]["time"] = "2026-11-22T06:30:00Z"

    reseal(record, back, "ceremonies/0003")
    assert failed(record) == {}
    told = next(one for one in verify(record, "0003") if one.check == "the clock went on")
    assert told.ok and "went back from 2026-11-22T07:00:00Z to 2026-11-22T06:30:00Z at 'closed'" in told.detail


def test_the_command_in_the_report(record: Path) -> None:
    text = (record / FIRST / "report.md").read_text()
    command = next(line for line in text.splitlines() if line.startswith("    openssl"))
    directory = record / FIRST
    assert subprocess.run(command.split(), cwd=directory, capture_output=True, check=False).returncode == 0
    flip(directory / "transcript.jsonl", b"Ada", b"Eve")
    assert subprocess.run(command.split(), cwd=directory, capture_output=True, check=False).returncode != 0
