# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon runs as it must, and a client that asks while it is frozen is answered afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import estate, hosts

UNIT = "step-ca.service"
MOST_EXPOSURE = 1.4
NOTICED_SECONDS = 1.0


def test_active_and_enabled():
    assert hosts.output("ca1", f"systemctl is-active {UNIT}") == "active"
    assert hosts.output("ca1", f"systemctl is-enabled {UNIT}") == "enabled"


def test_runs_unprivileged():
    pid = hosts.output("ca1", f"systemctl show --property MainPID --value {UNIT}")
    lines = hosts.output("ca1", f"cat /proc/{pid}/status").splitlines()
    status = dict(line.split(":", 1) for line in lines)
    assert hosts.output("ca1", f"stat --format %U /proc/{pid}") == "step"
    assert status["NoNewPrivs"].strip() == "1"
    assert int(status["CapEff"], 16) == 1 << 10  # CAP_NET_BIND_SERVICE, for port 443


def test_exposure_is_small():
    said = hosts.output("ca1", f"systemd-analyze security --no-pager {UNIT}").splitlines()[-1]
    assert f"Overall exposure level for {UNIT}:" in said
    assert float(said.partition(f"{UNIT}: ")[2].split()[0]) <= MOST_EXPOSURE


def test_request_is_answered_after_a_freeze():
    hosts.output("ca1", f"systemctl freeze {UNIT}")
    try:
        assert hosts.output("ca1", f"systemctl show --property FreezerState --value {UNIT}") == "frozen"
        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = pool.submit(estate.issue, estate.client(), ["frozen.corp.example"])
            with pytest.raises(TimeoutError):
                waiting.result(timeout=NOTICED_SECONDS)
            hosts.output("ca1", f"systemctl thaw {UNIT}")
            assert len(waiting.result(timeout=10)) == 2
    finally:
        hosts.run("ca1", f"systemctl thaw {UNIT}")
