# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that declare a service's certificate. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..text.durations import seconds
from .settings import Settings

CERTIFICATE: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "names": {"type": "list", "elements": "str", "required": True},
    "ca_url": {"type": "str", "required": True},
    "root": {"type": "str", "required": True},
    "lifetime": {"type": "str", "default": "24h"},
    "renew_before": {"type": "str", "default": "16h"},
    "key_type": {"type": "str", "choices": ["P-256", "P-384", "RSA-3072"], "default": "P-256"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "reload": {"type": "list", "elements": "str", "default": []},
    "calendar": {"type": "str", "default": "*:0/15"},
    "random_delay": {"type": "int", "default": 300},
    "metrics_directory": {"type": "str", "default": "/var/lib/prometheus/node-exporter"},
}


def read(options: Mapping[str, Any]) -> Settings:
    """The settings that the options declare.

    Args:
        options: values of `CERTIFICATE`.

    Raises:
        TrustAnchorError: a duration is not one.
    """
    return Settings(
        name=options["name"],
        names=tuple(options["names"]),
        ca_url=options["ca_url"].rstrip("/"),
        root_pem=options["root"],
        lifetime=seconds(options["lifetime"], "lifetime"),
        renew_before=seconds(options["renew_before"], "renew_before"),
        key_type=options["key_type"],
        owner=options["owner"],
        group=options["group"],
        reload=tuple(options["reload"]),
        metrics_directory=options["metrics_directory"],
    )
