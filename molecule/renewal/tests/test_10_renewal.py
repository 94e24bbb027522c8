# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewals for real: with requests all the time, with the CA away, and killed half-way."""

from __future__ import annotations

import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

import pytest
from cryptography import x509
from lab import estate, hosts
from lab.play import converge

NAME = "web1.corp.example"
SERVICE = "service-certificate-web.service"
DIRECTORY = "/etc/service-certificates/web"
METRICS = "/var/lib/prometheus/node-exporter/service_certificate_web.prom"
RENEWER = "/usr/local/lib/trustanchor/renew-certificate"
LIFETIME, RENEW_BEFORE = 300, 270
# A period from one renewal to the next (30 s), the timer's 5 s, and a machine with a lot to do.
PATIENCE = 90.0


class Visitor:
    """Opens one TLS connection after the other, each verified against the root, and keeps what it saw."""

    def __init__(self) -> None:
        self.serials: list[int] = []
        self.failures: list[str] = []
        self.visits = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._context = ssl.create_default_context(cadata=estate.root())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(0.02):
            try:
                serial = served(self._context)
            except OSError as error:
                self.failures.append(repr(error))
                continue
            self.visits += 1
            if serial not in self.serials:
                self.serials.append(serial)


def served(context: ssl.SSLContext) -> int:
    """Serial of the verified certificate that the web server serves, after one request."""
    with (
        socket.create_connection((estate.address("web1"), 443), 5) as raw,
        context.wrap_socket(raw, server_hostname=NAME) as tls,
    ):
        tls.sendall(f"GET / HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        assert tls.recv(100).startswith(b"HTTP/1.1 200")
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"").serial_number


def metrics() -> dict[str, float]:
    text = hosts.output("web1", f"cat {METRICS}")
    found = re.findall(r'^trustanchor_service_certificate_(\w+)\{certificate="web"\} (\d+)$', text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def pair_is_good() -> None:
    """Key and certificate belong together, the chain leads to the root, and nginx takes both."""
    hosts.run(
        "web1",
        f"cd {DIRECTORY}/current && "
        "test $(openssl pkey -in key.pem -pubout | sha256sum | cut -c1-64) = "
        "$(openssl x509 -in fullchain.pem -noout -pubkey | sha256sum | cut -c1-64) && "
        "openssl verify -no-CApath -CAfile /etc/ssl/certs/ca-certificates.crt -untrusted fullchain.pem fullchain.pem "
        "&& nginx -t",
    )


def failed() -> bool:
    return hosts.run("web1", f"systemctl is-failed --quiet {SERVICE}", check=False).returncode == 0


@pytest.fixture
def ca_stopped() -> Iterator[Callable[[], None]]:
    """Stop step-ca; the test gets what starts it again."""

    def start() -> None:
        hosts.run("ca1", "systemctl start step-ca.service")

    hosts.run("ca1", "systemctl stop step-ca.service")
    yield start
    start()


@pytest.fixture
def timer_stopped() -> Iterator[None]:
    """Keep the timer quiet, so that the test alone runs the renewer."""
    hosts.run("web1", "systemctl stop service-certificate-web.timer")
    yield
    hosts.run("web1", "systemctl start service-certificate-web.timer")


def test_two_renewals_without_one_failed_request() -> None:
    with Visitor() as visitor:
        hosts.await_true(lambda: len(visitor.serials) >= 3, 2 * PATIENCE, "two renewals")
        seen = visitor.visits
        hosts.await_true(lambda: visitor.visits > seen + 20, 10, "requests after the renewal")
    assert visitor.failures == []
    assert visitor.visits > 200
    pair_is_good()


def test_metrics_after_a_success() -> None:
    found = metrics()
    now = float(hosts.output("web1", "date +%s"))
    assert found.keys() == {
        "expiry_timestamp_seconds",
        "last_success_timestamp_seconds",
        "last_run_success",
        "renew_before_seconds",
    }
    assert found["last_run_success"] == 1
    assert found["renew_before_seconds"] == RENEW_BEFORE
    assert now - PATIENCE < found["last_success_timestamp_seconds"] <= now
    assert now < found["expiry_timestamp_seconds"] <= now + LIFETIME


def test_the_ca_is_away_and_comes_back(ca_stopped: Callable[[], None]) -> None:
    context = ssl.create_default_context(cadata=estate.root())
    before = served(context)
    hosts.await_true(failed, PATIENCE, "the renewal must fail without the CA")
    hosts.await_true(lambda: metrics()["last_run_success"] == 0, 10, "metrics must tell the failure")
    success = metrics()["last_success_timestamp_seconds"]
    assert success > 0
    assert served(context) == before
    pair_is_good()
    ca_stopped()
    hosts.await_true(lambda: served(context) != before, PATIENCE, "the timer must recover by itself")
    hosts.await_true(lambda: metrics()["last_run_success"] == 1 and not failed(), 30, "metrics must tell the success")
    assert metrics()["last_success_timestamp_seconds"] > success


@pytest.mark.usefixtures("timer_stopped")
def test_the_renewer_is_killed_at_any_moment() -> None:
    """Always due (299 of 300 seconds before the end), killed 20 times: the current pair is good each time."""
    hosts.run("web1", f'sed -i \'s/"renew_before": {RENEW_BEFORE}/"renew_before": 299/\' {DIRECTORY}/settings.json')
    context = ssl.create_default_context(cadata=estate.root())
    took = _seconds_of_one_renewal()
    moments = random.Random(7)  # the same moments in each run, for a failure that can be repeated
    killed = 0
    for _attempt in range(20):
        killed += _killed_after(moments.uniform(0, took))
        pair_is_good()
        hosts.run("web1", "systemctl reload nginx.service")
        served(context)
    assert killed >= 10, f"only {killed} of 20 runs were killed before their end"
    _seconds_of_one_renewal()
    left = hosts.output("web1", f"ls -A {DIRECTORY}/generations").split()
    assert len(left) == 2, f"killed runs left {left}"
    converge(limit="web1", variables=_SHORT)
    again = converge(limit="web1", variables=_SHORT)
    assert again.changed == 0, again.output


_SHORT = {
    "service_certificate_lifetime": "5m",
    "service_certificate_renew_before": "4m30s",
    "service_certificate_calendar": "*:*:0/5",
    "service_certificate_random_delay": 0,
}


def _seconds_of_one_renewal() -> float:
    began = time.monotonic()
    said = hosts.output("web1", f"{RENEWER} web")
    assert "renewed" in said
    return time.monotonic() - began


def _killed_after(seconds: float) -> bool:
    """Start the renewer, kill it after that time, and say whether it was still running."""
    return hosts.output("web1", f"timeout --signal=KILL {seconds:.3f} {RENEWER} web >/dev/null 2>&1; echo $?") == "137"
