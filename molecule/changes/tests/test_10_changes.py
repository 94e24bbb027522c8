# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each change of a running CA is applied by one run, with the action that it needs; the next run has nothing to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.client import Client
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lab import estate, hosts
from lab.play import Play, converge

SERVICE = "Run step-ca and have it sign a certificate"
CRL_URL = "http://crl.corp.example/1.0/crl"
CLAIMS = {"minTLSCertDuration": "5m", "defaultTLSCertDuration": "12h", "maxTLSCertDuration": "24h"}
ENROLMENT = {"type": "JWK", "name": "enrolment", "key": "{{ enrolment_key | trustanchor.private_ca.public_jwk }}"}
ACME = {"type": "ACME", "name": "acme"}
SECOND_KEY = ec.generate_private_key(ec.SECP256R1())
RELOADED = {
    "step_ca_claims": CLAIMS,
    "step_ca_dns_names": ["ca.corp.example", "ca1.corp.example"],
    "step_ca_provisioners": [
        ACME,
        ENROLMENT,
        {"type": "JWK", "name": "second", "key": tokens.public_jwk(SECOND_KEY)},
        {"type": "ACME", "name": "acme-dns", "challenges": ["dns-01"]},
    ],
    "step_ca_policy": {"x509": {"allow": {"dns": ["*.corp.example"]}, "deny": {"dns": ["denied.corp.example"]}}},
    "step_ca_crl_url": CRL_URL,
    "step_ca_extra_settings": {"commonName": "Online CA"},
}


def main_pid() -> int:
    return int(hosts.output("ca1", "systemctl show --property MainPID --value step-ca.service"))


def apply(variables: dict[str, Any], action: str) -> Play:
    """One run that does what is needed, and a second one that has nothing to do."""
    before = main_pid()
    done = converge(limit="ca1", variables=variables)
    assert done.result(SERVICE, "ca1")["action"] == action
    assert (main_pid() == before) is (action == "reload")
    assert done.result(SERVICE, "ca1")["verified"]["canary"], "the CA was not verified"
    again = converge(limit="ca1", variables=variables)
    assert again.changed == 0, again.output
    return done


def provisioners() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in estate.client().provisioners()}


def distribution_point(certificate: x509.Certificate) -> str:
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    return str(points[0].full_name[0].value)


def listens(port: int) -> bool:
    return f":{port} " in hosts.output("ca1", "ss --listening --tcp --numeric --no-header") + " "


@pytest.fixture(scope="module", autouse=True)
def original() -> Iterator[None]:
    """Leave the estate as it was declared."""
    yield
    converge(limit="ca1")
    assert set(provisioners()) == {"acme", "enrolment", "canary"}


class TestReload:
    """What step-ca takes over without a restart."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def reloaded(cls) -> None:
        estate.issue(estate.client(), ["denied.corp.example"])  # was allowed
        assert "acme-dns" not in provisioners()
        apply(RELOADED, "reload")

    def test_claims(self) -> None:
        leaf = estate.issue(estate.client(), ["claims.corp.example"])[0]
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        assert 12 * 3600 <= life.total_seconds() <= 12 * 3600 + 120

    def test_a_new_name_is_served(self) -> None:
        estate.client(url="https://ca1.corp.example").health()

    def test_provisioners_are_offered(self) -> None:
        assert set(provisioners()) == {"acme", "acme-dns", "enrolment", "second", "canary"}
        assert provisioners()["acme-dns"]["challenges"] == ["dns-01"]
        estate.issue(estate.client(), ["second.corp.example"], "second", SECOND_KEY)

    def test_a_name_that_is_denied_now_is_refused(self) -> None:
        with pytest.raises(TrustAnchorError, match="not allowed|policy|forbidden"):
            estate.issue(estate.client(), ["denied.corp.example"])

    def test_new_leaves_name_the_new_crl(self) -> None:
        leaf = estate.issue(estate.client(), ["crl.corp.example"])[0]
        assert distribution_point(leaf) == CRL_URL

    def test_further_settings_are_in_force(self) -> None:
        shown = hosts.output("ca1", "openssl s_client -connect localhost:443 </dev/null 2>&1")
        assert "CN = Online CA" in shown or "CN=Online CA" in shown


def test_removed_provisioners_are_gone() -> None:
    apply({**RELOADED, "step_ca_provisioners": [ACME, ENROLMENT]}, "reload")
    assert set(provisioners()) == {"acme", "enrolment", "canary"}
    with pytest.raises(TrustAnchorError):
        estate.issue(estate.client(), ["second.corp.example"], "second", SECOND_KEY)


# Each with all before it. The insecure listener stays out from then on: nothing listens on 8080 any more.
RESTARTED: dict[str, Any] = {}


def restarted(variables: dict[str, Any]) -> None:
    RESTARTED.update(variables)
    apply(RESTARTED, "restart")


def test_metrics_move() -> None:
    restarted({"step_ca_metrics_address": "127.0.0.1:9291"})
    assert "step_ca" in hosts.output("ca1", "curl --silent --fail http://127.0.0.1:9291/metrics")
    assert not listens(9290)


def test_the_insecure_listener_goes() -> None:
    assert listens(8080)
    restarted({"step_ca_insecure_address": ""})
    assert not listens(8080)


def test_the_environment_of_the_daemon_changes() -> None:
    restarted({"step_ca_environment": {"NO_PROXY": "corp.example"}})
    environment = hosts.output("ca1", f"tr '\\0' '\\n' < /proc/{main_pid()}/environ").splitlines()
    assert "NO_PROXY=corp.example" in environment


def test_the_database_moves() -> None:
    restarted({"step_ca_db": {"type": "badgerv2", "dataSource": "/var/lib/step-ca/second"}})
    assert hosts.output("ca1", "ls /var/lib/step-ca/second/MANIFEST")


@pytest.mark.parametrize("version", ["0.30.1", "0.30.2"])
def test_the_version_goes_down_and_up(version: str) -> None:
    restarted({"step_ca_version": f"{version}-1"})
    assert f"Smallstep CA/{version}" in hosts.output("ca1", "/usr/bin/step-ca version")
    assert estate.client().get_json("/version")["version"] == version  # what runs, not what is installed


class TestUnprivileged:
    """A port above 1023 and a list of networks: the unit has no capability and no way to anybody else."""

    URL = "https://ca.corp.example:8443"
    SETTINGS: ClassVar[dict[str, Any]] = {"step_ca_address": ":8443", "step_ca_client_networks": ["10.77.0.0/16"]}

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def unprivileged(cls) -> None:
        apply(cls.SETTINGS, "restart")

    def test_exposure(self) -> None:
        said = hosts.output("ca1", "systemd-analyze security step-ca.service --no-pager")
        found = re.search(r"exposure level for step-ca.service: ([0-9.]+)", said)
        assert found
        assert float(found.group(1)) <= 1.2, said

    def test_it_issues_and_renews(self, tmp_path: Path) -> None:
        key, pem, digest = estate.request(["unprivileged.corp.example"])
        ca = estate.client(url=self.URL)
        names = ["unprivileged.corp.example"]
        token = tokens.mint(
            estate.enrolment_key(), "enrolment", f"{self.URL}/1.0/sign", names, estate.root_sha256(), digest
        )
        chain, private = tmp_path / "chain.pem", tmp_path / "key.pem"
        chain.write_text("".join(ca.sign(pem, token)))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        own = Client(self.URL, estate.root(), estate.address("ca1"), certificate=str(chain), key=str(private))
        renewed = x509.load_pem_x509_certificates("".join(own.renew()).encode())
        assert renewed[0].serial_number != x509.load_pem_x509_certificates(chain.read_bytes())[0].serial_number

    def test_it_reloads(self) -> None:
        apply({**self.SETTINGS, "step_ca_claims": CLAIMS}, "reload")

    def test_it_is_frozen_and_thawed(self) -> None:
        hosts.run("ca1", "systemctl freeze step-ca.service")
        try:
            with pytest.raises(TrustAnchorError, match="does not answer"):
                Client(self.URL, estate.root(), estate.address("ca1"), timeout=0.5).health()
        finally:
            hosts.run("ca1", "systemctl thaw step-ca.service")
        estate.client(url=self.URL).health()
