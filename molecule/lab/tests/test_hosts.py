# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networked hosts of the lab give what the other scenarios rely on."""

from __future__ import annotations

testinfra_hosts = ["ssh://ca1", "ssh://web1"]


def test_systemd_has_started_everything(host):
    assert host.check_output("systemctl is-system-running") == "running"


def test_names_resolve_by_dns(host):
    index = host.check_output("hostname -I").split(".")[2]
    for name in ("ca1.corp.example", "ca.corp.example", "ca1"):
        assert host.addr(name).ipv4_addresses == [f"10.77.{index}.11"]
    assert "corp.example" not in host.file("/etc/hosts").content_string


def test_token_software_is_absent(host):
    assert not host.package("softhsm2").is_installed
