# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import addresses


def test_the_addresses_of_this_machine() -> None:
    assert addresses.is_own("127.0.0.1")
    assert not addresses.is_own("192.0.2.1")
    assert all(addresses.is_own(one) for one in addresses.own())
    assert not any(one.startswith(("127.", "fe80:")) for one in addresses.own())
    table = "Local:\n  +-- 0.0.0.0/0 3 0 5\n        |-- 10.0.0.5\n           /32 host LOCAL\n        |-- 10.0.0.255\n"
    assert list(addresses._ipv4(f"{table}           /32 link BROADCAST\n")) == ["10.0.0.5"]
    assert list(addresses._ipv6("fd000000000000000000000000000001 02 40 00 80 eth0\n")) == ["fd00::1"]


def test_names_that_lead_nowhere() -> None:
    assert addresses.resolved("192.0.2.7") == ["192.0.2.7"]
    assert addresses.resolved("no such name") == addresses.resolved("a" * 300) == []
