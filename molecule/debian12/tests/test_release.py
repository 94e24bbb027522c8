# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release is the one that this scenario is about, and the unit is as tight there. The plays proved the rest."""

from __future__ import annotations

import re

from ansible_collections.trustanchor.private_ca.tests.lab import hosts

MOST_EXPOSURE = 1.4


def test_the_host_is_debian_12():
    assert hosts.output("ca1", "cat /etc/debian_version").startswith("12.")
    version = hosts.output("ca1", "python3 -c 'import cryptography; print(cryptography.__version__)'")
    assert version.startswith("38.")


def test_the_unit_is_tight():
    report = hosts.output("ca1", "systemd-analyze security --no-pager step-ca.service")
    found = re.search(r"exposure level for step-ca.service: ([\d.]+)", report)
    assert found, report
    assert float(found[1]) <= MOST_EXPOSURE
