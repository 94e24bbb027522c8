# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ceremony machine of the lab is offline."""

from __future__ import annotations

testinfra_hosts = ["ssh://ceremony1"]


def test_systemd_has_started_everything(host):
    assert host.check_output("systemctl is-system-running") == "running"


def test_no_network(host):
    assert host.interface.names() == ["lo"]
    assert not host.addr("ca1.corp.example").is_resolvable
