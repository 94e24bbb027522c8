# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that declare a publication. Standard library only."""

from __future__ import annotations

from typing import Any

from ..text.notice import NOTICE

PUBLICATION: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "ca_crls": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "url": {"type": "str", "required": True}},
    },
    "margins": {
        "type": "dict",
        "apply_defaults": True,
        "options": {kind: {"type": "str", "default": margin} for kind, margin in NOTICE.items()},
    },
    "metrics_directory": {"type": "str", "default": "/var/lib/prometheus/node-exporter"},
    "calendar": {"type": "str", "default": "*:0/5"},
    "alert_unit": {"type": "str", "default": ""},
}
