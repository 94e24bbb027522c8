# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reported of a host has an end, whatever its users do."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import effective, report
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import StoreFinding


def test_why_a_store_is_unknown_has_an_end() -> None:
    found = report._plain(StoreFinding("nss", "/x", "unknown", why="\x1b" + "x" * 10**6))
    assert len(found["why"]) < 3000
    assert found["why"].startswith("\\x1bxxx")


def test_a_user_with_many_processes_hides_none_of_the_system() -> None:
    def process(pid: int, unit: str) -> effective.Process:
        return effective.Process(pid, "x", unit, "openssl", 1.0)

    many = [process(pid, "user@1000.service") for pid in range(30_000)]
    found = report._effect(effective.Effect("stale", 2.0, (*many, process(30_001, "nginx.service"))))
    assert (found["state"], len(found["processes"])) == ("stale", 5000)
    assert found["processes"][0]["unit"] == "nginx.service"
