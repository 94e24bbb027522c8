# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts have the habits that prepare.yml gave them, so what works there works in spite of these."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import converge

HOSTS = ("ca1", "web1", "web2", "client1", "ceremony1")
# Due half a minute after it was signed.
SHORT_LIVED = {
    "service_certificate_lifetime": "5m",
    "service_certificate_renew_before": "4m30s",
    "service_certificate_calendar": "*:*:0/5",
    "service_certificate_random_delay": 0,
}


@pytest.mark.parametrize("host", HOSTS)
def test_programs_of_a_session_speak_german(host: str) -> None:
    code = "import locale, time; locale.setlocale(locale.LC_ALL, ''); print(time.strftime('%B', time.gmtime(5e6)))"
    assert hosts.output(host, f'python3 -c "{code}"') == "Februar"
    assert hosts.output(host, "printenv https_proxy") == "http://127.0.0.1:9"


def test_the_daemon_has_the_environment_of_the_manager() -> None:
    pid = hosts.output("ca1", "systemctl show --property=MainPID --value step-ca.service")
    assert "HTTPS_PROXY=http://127.0.0.1:9" in hosts.output("ca1", f"tr '\\0' '\\n' < /proc/{pid}/environ")


def test_a_certificate_is_renewed() -> None:
    """By the timer's program: it reads openssl's dates, makes a request and asks the CA."""
    current = "readlink /etc/service-certificates/web/current"
    converge(limit="web1", variables=SHORT_LIVED)
    try:
        first = hosts.output("web1", current)
        hosts.await_true(lambda: hosts.output("web1", current) != first, 120, "a renewal")
        assert hosts.run("client1", "curl --noproxy '*' -sS https://web1.corp.example/", check=False).returncode == 0
    finally:
        converge(limit="web1")


def test_what_is_converged_stays_so() -> None:
    assert converge(limit="web1,client1").changed == 0
