# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each wrong declaration stops the play before anything changes on the host, and says what, why and what next."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import hurdles
import pytest
import records
from ansible_collections.trustanchor.private_ca.tests.lab import snapshot
from ansible_collections.trustanchor.private_ca.tests.lab.play import STATE, converge, play
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa


@dataclass(frozen=True)
class Case:
    """One thing that is wrong.

    Args:
        what: it is.
        words: pieces of the message: what is wrong, why it matters, what to do.
        variables: extra variables.
        record: changes a good record, which is then used instead of the lab's.
        host: on which the play must stop.
        hurdle: what is wrong with the host itself.
        playbook: to run.
        prefix: command in front of ansible-playbook.
    """

    what: str
    words: list[str]
    variables: dict[str, Any] = field(default_factory=dict)
    record: records.Change | None = None
    host: str = "ca1"
    hurdle: Callable[[str], AbstractContextManager[None]] = contextlib.nullcontext
    playbook: str = "playbooks/site.yml"
    prefix: tuple[str, ...] = ()


DEB = str(STATE / "packages/step-ca_0.30.2-1_amd64.deb")
TWO_TYPES = {"step_ca_provisioners": [{"type": ["ACME", "JWK"], "name": "both"}]}


def web(**certificate: Any) -> dict[str, Any]:
    """Variables that declare one certificate."""
    good = {"name": "web", "names": ["web1.corp.example"]}
    return {"service_certificate_list": [{**good, **certificate}]}


CASES = [
    Case("no names", ["'dnsNames' is missing or empty", "does not start"], {"step_ca_dns_names": []}),
    Case("names unset", ["step_ca_dns_names", "required"], {"step_ca_dns_names": None}),
    Case("names of a wrong type", ["step_ca_dns_names", "list"], {"step_ca_dns_names": {"ca": "corp.example"}}),
    Case(
        "unknown key",
        ["ca.json has the unknown key 'adress'", "unknown keys are refused", "Did you mean 'address'?"],
        {"step_ca_extra_settings": {"adress": ":443"}},
    ),
    Case(
        "provisioner of two types",
        ["'type' must be one name", "exactly one type", "Declare a second provisioner"],
        TWO_TYPES,
    ),
    Case(
        "name that the constraints exclude",
        ["exclude the CA's own name ca.example.net", "would not start", "step_ca_dns_names"],
        {"step_ca_dns_names": ["ca.example.net"]},
    ),
    Case(
        "constraints that exclude the name",
        ["Test Intermediate exclude the CA's own name ca.corp.example", "would not start", "wider constraints"],
        record=records.other_names,
    ),
    Case(
        "certificate for another key",
        ["does not match the key on this host", "the host has", "signed at a ceremony"],
        record=records.another_key,
    ),
    Case(
        "chain to another root",
        ["was not issued by 'CN=Test Root'", "its issuer is CN=Other Root", "right root"],
        record=records.another_root,
    ),
    Case("expired intermediate", ["has expired", "it ended at"], record=records.expired),
    Case("intermediate of tomorrow", ["is not yet valid", "it starts at", "clock"], record=records.not_yet_valid),
    Case(
        "no intermediate",
        [
            "has no intermediate certificate yet",
            "the public record holds none",
            "trustanchor.private_ca.request_intermediate",
        ],
        record=records.no_certificate,
    ),
    Case(
        "root that is not the declared one",
        ["has fingerprint", "0000 is declared", "the one you trust"],
        {"step_ca_root_sha256": "00" * 32},
    ),
    Case(
        "port in use",
        ["port 443 is in use by python3", "step-ca has to listen there", "step_ca_address"],
        hurdle=hurdles.port_in_use,
    ),
    Case(
        "another distribution",
        ["distribution gentoo 2 is not supported", "supported: debian 12", "Use one of these"],
        hurdle=hurdles.another_distribution,
    ),
    Case(
        "no systemd",
        ["systemd does not run on this host", "units of systemd", "booted with systemd"],
        hurdle=hurdles.no_systemd,
    ),
    Case(
        "clocks differ",
        ["behind the controller's", "backdated by one minute", "time synchronisation"],
        prefix=("faketime", "+5 minutes"),
    ),
    Case(
        "another package",
        ["step-ca_0.30.2-1_amd64.deb is not the package that was declared", "its SHA-256 is", "Copy it again"],
        {"step_ca_debs": [{"path": DEB, "sha256": "00" * 32}]},
    ),
    Case("no packages", ["step_ca_debs is empty", "not installed", "Declare the packages"], {"step_ca_debs": []}),
    Case(
        "apt without a key",
        ["signing key of the apt repository is missing", "signature", "step_ca_apt_key"],
        {"step_ca_install_method": "apt"},
    ),
    Case(
        "certificate with a bad name",
        ["'WEB 1' is neither a DNS name nor an IP address", "lower case"],
        web(names=["WEB 1"]),
        host="web1",
    ),
    Case(
        "certificate without names", ["has no names", "clients check", "List at least one"], web(names=[]), host="web1"
    ),
    Case(
        "renewal without end",
        ["renewal 86340 seconds before the end does not fit", "renews without end", "two thirds"],
        web(renew_before="23h59m"),
        host="web1",
    ),
    Case(
        "renewal too late",
        ["renewal 60 seconds before the end does not fit", "no time for a CA that is down", "two thirds"],
        web(renew_before="1m"),
        host="web1",
    ),
    Case(
        "no provisioner key",
        ["provisioner's private key cannot be read", "PEM private key is expected", "openssl genpkey"],
        {**web(), "service_certificate_provisioner_key": ""},
        host="web1",
    ),
    Case(
        "no trust manifest",
        ["has no trust manifest", "the ceremony makes it", "Run trustanchor.private_ca.ceremony first"],
        record=records.no_manifest,
        host="web1",
    ),
    Case(
        "manifest with another fingerprint",
        ["roots/r1.crt has fingerprint", "declares 0000", "Find out which of the two was changed"],
        record=records.wrong_fingerprint,
        host="web1",
    ),
    Case("no root", ["roots/r1.crt is missing", "names it", "Restore"], record=records.no_root, host="web1"),
    Case("leaf as root", ["is not a CA certificate", "trust anchor"], record=records.leaf_as_root, host="web1"),
    Case("unknown state", ["state is 'trustd'", "staged, trusted"], record=records.unknown_state, host="web1"),
]

_before: dict[str, snapshot.Snapshot] = {}


@pytest.fixture(scope="module")
def host_key() -> ec.EllipticCurvePublicKey:
    """Public key of the intermediate's key on ca1."""
    key = x509.load_pem_x509_csr((STATE / "pki/requests/ca1.csr").read_bytes()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def stops(case: Case, variables: dict[str, Any], but: str = "(?!)") -> None:
    """Run a case. The host's disk before it is what the case before left.

    Args:
        case: to run.
        variables: extra variables.
        but: pattern of paths that may change.
    """
    before = _before.get(case.host) or snapshot.take(case.host)
    with case.hurdle(case.host):
        done = play(case.playbook, limit=case.host, variables=variables, prefix=case.prefix)
    _before[case.host] = snapshot.take(case.host)
    told = " ".join(done.output.replace("''", "'").split())
    assert done.rc != 0
    assert [word for word in case.words if word not in told] == [], done.output
    assert "Traceback" not in told
    written = snapshot.differences(before, _before[case.host])
    assert [path for path in written if not re.match(but, path)] == []


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_stops_before_anything_changes(case, host_key, tmp_path):
    variables = dict(case.variables)
    if case.record is not None:
        record = records.Record(tmp_path, host_key)
        case.record(record)
        variables["pki_anchors"] = record.anchors()
        # The trust stores of ca1 keep the lab's root.
        variables["step_ca_record" if case.host == "ca1" else "pki_directory"] = str(tmp_path)
    stops(case, variables)


def test_a_good_record_is_not_refused(host_key, tmp_path):
    """The records that the cases spoil are good ones."""
    anchors = records.Record(tmp_path, host_key).anchors()
    done = play(limit="ca1", variables={"step_ca_record": str(tmp_path), "pki_anchors": anchors}, check=True)
    assert done.rc == 0, done.output


ROOT = {"name": "r1", "subject": "CN=Root", "token": "primary", "attested": False}
PLAN = "playbooks/plan_ceremony.yml"


def root(**more: Any) -> dict[str, Any]:
    """Variables that declare one root."""
    return {"root_ceremony_roots": [{**ROOT, **more}]}


PLANS = [
    Case(
        "no name constraints",
        ["no name constraints", "every name on earth", "unconstrained"],
        {"root_ceremony_name_constraints": {}},
    ),
    Case("weak root", ["ec-p256", "P-384", "allow_weak_root"], root(algorithm="ec-p256")),
    Case("one person", ["witness"], {"root_ceremony_people": [{"name": "Ada Lovelace", "role": "operator"}]}),
    Case(
        "no token",
        ["one of the following is required: token, tokens"],
        {"root_ceremony_roots": [{"name": "r1", "subject": "CN=Root"}]},
    ),
    Case(
        "primary root below the standby",
        ["primary", "standby"],
        {"root_ceremony_cross": [{"standby": "r1", "primary": "s1"}]},
    ),
    Case(
        "path too short for a cross-certificate",
        ["has path length 1 and its issuer 'r1' has 1", "would be refused", "2 for a primary root"],
        {"root_ceremony_cross": [{"standby": "s1", "primary": "r1"}]},
    ),
    Case("CRL for too long", ["366", "365"], {"root_ceremony_crl_days": 366}),
    Case("no request", ["the record has no requests/ca9.csr"], {"root_ceremony_intermediates": [{"name": "ca9"}]}),
    Case("nowhere published", ["no publication URL"], {"root_ceremony_publication_url": ""}),
]


@pytest.mark.parametrize("case", PLANS, ids=[case.what for case in PLANS])
def test_nothing_is_planned(case, tmp_path):
    shutil.copytree(STATE / "pki/requests", tmp_path / "requests")
    stop = Case(case.what, case.words, host="ceremony1", playbook=PLAN)
    stops(stop, {"pki_directory": str(tmp_path), **case.variables})
    assert not (tmp_path / "ceremonies").exists()


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA of 2048 bits"),
        (ec.generate_private_key(ec.SECP521R1()), "secp521r1"),
    ],
    ids=["RSA-2048", "P-521"],
)
def test_no_plan_for_a_request_with_a_wrong_key(key, kind, tmp_path):
    shutil.copytree(STATE / "pki", tmp_path, dirs_exist_ok=True)
    records.write_request(tmp_path, key)
    words = [f"requests/ca1.csr is {kind}", "a CA needs P-256", "Have a key of one of these kinds made"]
    stops(Case("request", words, host="ceremony1", playbook=PLAN), {"pki_directory": str(tmp_path)})


def test_no_ceremony_without_a_plan(tmp_path):
    words = ["there is no plan", "by a reviewed plan", "Run trustanchor.private_ca.plan_ceremony first"]
    stop = Case("no plan", words, host="ceremony1", playbook="playbooks/ceremony.yml")
    virgin = {"root_ceremony_directory": "/var/lib/never", "pki_directory": str(tmp_path)}
    stops(stop, virgin, but="/var/lib/never: ")


def test_no_ceremony_with_another_request_than_was_reviewed(tmp_path):
    shutil.copytree(STATE / "pki/requests", tmp_path / "requests")
    virgin = {"root_ceremony_directory": "/var/lib/other", "pki_directory": str(tmp_path)}
    converge(PLAN, limit="ceremony1", variables=virgin)
    records.write_request(tmp_path, ec.generate_private_key(ec.SECP384R1()))
    stop = Case("digest", ["requests/ca1.csr", "SHA-256"], host="ceremony1", playbook="playbooks/ceremony.yml")
    stops(stop, virgin, but="/var/lib/other")
