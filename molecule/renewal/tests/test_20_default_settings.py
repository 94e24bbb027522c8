# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""With default settings an outage of the CA of 16 hours is survived."""

from __future__ import annotations

import json
import re

from lab import hosts
from lab.play import converge

HOUR = 3600
RENEWER = "/usr/local/lib/trustanchor/renew-certificate"
TIMER = "service-certificate-web.timer"


def test_the_margin_is_sixteen_hours() -> None:
    converge(limit="web1")
    settings = json.loads(hosts.output("web1", "cat /etc/service-certificates/web/settings.json"))
    assert settings["lifetime"] == 24 * HOUR
    assert settings["renew_before"] == 16 * HOUR
    # The timer looks often enough for the margin to be used: a quarter of an hour, spread by five minutes.
    timer = hosts.output("web1", f"systemctl cat {TIMER}").splitlines()
    assert "OnCalendar=*:0/15" in timer
    assert "RandomizedDelaySec=300" in timer
    assert "Persistent=yes" in timer
    assert hosts.output("web1", f"systemctl is-enabled {TIMER}") == "enabled"
    assert hosts.output("web1", f"systemctl is-active {TIMER}") == "active"

    assert re.fullmatch(r"web: not due, 2[34]\.\d hours left", hosts.output("web1", f"{RENEWER} web"))
