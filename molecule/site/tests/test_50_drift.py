# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever was changed by hand is repaired by one run of the site playbook, and the next one changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import Play, converge

LAB = "ca1:web1:web2:client1"
UNIT_FILE = "/etc/systemd/system/step-ca.service"
CA_JSON = "/etc/step-ca/config/ca.json"
TIMER = "service-certificate-web.timer"
PAIR = "/etc/service-certificates/web/current"
SOURCE = "/usr/local/share/ca-certificates"
STORE = "/etc/ssl/certs"
BUNDLE = f"{STORE}/ca-certificates.crt"
JAVA = "keytool -keystore /etc/ssl/certs/java/cacerts -storepass changeit"
SHA256 = estate.root_sha256()
COLONS = ":".join(SHA256.upper()[at : at + 2] for at in range(0, 64, 2))
OURS = f"trustanchor-{SHA256[:32]}"
# The lines of our root in the bundle; the last one of a block is its end.
EMPTIED = f"""python3 -c "
import pathlib, ssl
end = '-----END CERTIFICATE-----\\n'
bundle = pathlib.Path('{BUNDLE}')
root = pathlib.Path('{SOURCE}/{OURS}.crt').read_text().split('-----BEGIN')[1]
blocks = [block for block in bundle.read_text().split(end) if root.split('-----END')[0] not in block]
bundle.write_text(end.join(blocks))
" """
FOREIGN_ROOT = f"""
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 9 -subj '/CN=Foreign' \
    -out {SOURCE}/trustanchor-foreign.crt 2>/dev/null
update-ca-certificates
"""
SUBJECTS = f"openssl storeutl -certs -text {BUNDLE}"
MODES = "stat --format '%a %U:%G'"


@dataclass(frozen=True)
class Drift:
    """Something that somebody changed by hand.

    Args:
        host: where.
        what: for the reader.
        do: shell command that does it.
        good: shell command that succeeds when it is as it should be.
    """

    host: str
    what: str
    do: str
    good: str

    def is_repaired(self) -> bool:
        """Whether the host is as it should be."""
        return hosts.run(self.host, self.good, check=False).returncode == 0


ROUNDS = {
    "files are edited, step-ca is stopped": [
        Drift(
            "ca1",
            "service is stopped and disabled",
            "systemctl disable --now --quiet step-ca.service",
            "systemctl is-active --quiet step-ca.service && systemctl is-enabled --quiet step-ca.service",
        ),
        Drift(
            "ca1",
            "mode of the intermediate's key",
            "chmod 644 /etc/step-ca/secrets/intermediate_ca_key",
            f"{MODES} /etc/step-ca/secrets/intermediate_ca_key | grep -q '440 root:step'",
        ),
        Drift("ca1", "mode of ca.json", f"chmod 666 {CA_JSON}", f"{MODES} {CA_JSON} | grep -q '640 root:step'"),
        Drift(
            "ca1",
            "unit",
            f"sed -i 's/^NoNewPrivileges=yes/NoNewPrivileges=no/' {UNIT_FILE} && systemctl daemon-reload",
            "systemctl show --property NoNewPrivileges step-ca.service | grep -q yes",
        ),
        Drift(
            "web1",
            "certificate is garbage",
            f"echo garbage > {PAIR}/fullchain.pem",
            f"openssl verify -CAfile {BUNDLE} -untrusted {PAIR}/fullchain.pem {PAIR}/fullchain.pem",
        ),
        Drift("web2", "source file of the root is gone", f"rm {SOURCE}/{OURS}.crt", f"test -s {SOURCE}/{OURS}.crt"),
        Drift(
            "client1",
            "root is gone from the bundle",
            EMPTIED,
            "curl -sS --capath /nowhere https://web2.corp.example",
        ),
    ],
    "step-ca restarted into another configuration": [
        Drift(
            "web1", "mode of the key", f"chmod 644 {PAIR}/key.pem", f"{MODES} {PAIR}/key.pem | grep -q '640 root:root'"
        ),
        Drift(
            "ca1",
            "ca.json",
            f'sed -i \'s/"acme"/"other"/\' {CA_JSON} && systemctl restart step-ca.service',
            "curl -sS https://ca.corp.example/acme/acme/directory | grep -q newNonce",
        ),
        Drift(
            "web2",
            "hash link is gone",
            f"find {STORE} -lname '{OURS}.pem' -delete",
            f"test -n \"$(find {STORE} -name '*.0' -lname '{OURS}.pem')\"",
        ),
        Drift(
            "client1",
            "root is gone from Java",
            f"{JAVA} -delete -alias {OURS}",
            f"{JAVA} -list | grep -q {COLONS}",
        ),
    ],
    "ca.json is not JSON": [
        Drift(
            "ca1",
            "ca.json",
            f"echo '{{' > {CA_JSON}; systemctl restart step-ca.service; test $? -ne 0",
            "curl -sS https://ca.corp.example/health",
        ),
        Drift(
            "web1",
            "timer is disabled",
            f"systemctl disable --now --quiet {TIMER}",
            f"systemctl is-enabled --quiet {TIMER} && systemctl is-active --quiet {TIMER}",
        ),
        Drift(
            "web2",
            "a foreign root under our prefix",
            FOREIGN_ROOT,
            f"! ls {SOURCE}/trustanchor-foreign.crt && ! {SUBJECTS} | grep -q 'Subject:.*Foreign'",
        ),
    ],
}


@pytest.mark.parametrize("drifts", ROUNDS.values(), ids=ROUNDS)
def test_is_repaired(drifts):
    for drift in drifts:
        assert drift.is_repaired(), f"{drift.what} on {drift.host} is wrong to begin with"
        hosts.run(drift.host, drift.do)
        assert not drift.is_repaired(), f"{drift.what} on {drift.host}: nothing changed"
    repair = converge(limit=LAB)
    assert {drift.host for drift in drifts} == {host for host, counts in repair.hosts.items() if counts["changed"]}
    assert [f"{drift.host}: {drift.what}" for drift in drifts if not drift.is_repaired()] == []
    assert changed(converge(limit=LAB)) == {}


def changed(play: Play) -> dict[str, int]:
    """Hosts on which a run changed something."""
    return {host: counts["changed"] for host, counts in play.hosts.items() if counts["changed"]}


def test_pair_of_another_host_is_replaced():
    for name in ("key.pem", "fullchain.pem"):
        content = hosts.run("web2", f"cat {PAIR}/{name}").stdout
        hosts.run("web1", f"cat > {PAIR}/{name}", content)
    shown = f"openssl x509 -in {PAIR}/fullchain.pem -noout -ext subjectAltName"
    assert "web2.corp.example" in hosts.output("web1", shown)
    assert changed(converge(limit="web1")) == {"web1": 1}
    assert "DNS:web1.corp.example" in hosts.output("web1", shown)
    assert hosts.run("client1", "curl -sS https://web1.corp.example/", check=False).returncode == 0


def test_file_of_somebody_else_stays():
    other = f"{SOURCE}/somebody-else.crt"
    hosts.run("web2", FOREIGN_ROOT.replace(f"{SOURCE}/trustanchor-foreign.crt", other))
    try:
        assert changed(converge(limit="web2")) == {}
        assert hosts.run("web2", f"test -s {other}", check=False).returncode == 0
    finally:
        hosts.run("web2", f"rm {other}; update-ca-certificates --fresh")
