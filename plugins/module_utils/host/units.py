# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the units of our timers have in common. Standard library only."""

from __future__ import annotations

MARK = "# Managed by the Ansible collection trustanchor.private_ca; changes are overwritten.\n"

# What none of our programs needs. Each unit says for itself which capabilities, networks, homes and files it does.
SANDBOX = """NoNewPrivileges=yes
ProtectSystem=strict
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateDevices=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""


def timer(description: str, calendar: str, delay: int) -> str:
    """A timer that catches up what it missed while the host was off.

    Args:
        description: of the unit.
        calendar: systemd.time(7) calendar event.
        delay: seconds by which hosts are spread.
    """
    return f"""{MARK}[Unit]
Description={description}

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={delay}
AccuracySec=1s
Persistent=yes

[Install]
WantedBy=timers.target
"""
