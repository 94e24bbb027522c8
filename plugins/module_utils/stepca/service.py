# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge step-ca's unit and process on a CA host, and prove that the CA signs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import TrustAnchorError
from ..host import files, systemd
from ..x509 import certificates
from . import canary, daemon, unit, verification, versions
from .client import Client
from .layout import Layout
from .work import at_work


@dataclass(frozen=True)
class ServiceResult:
    """What was (or would be) done.

    Args:
        changed: whether anything was.
        action: what the daemon needed: none, reload, restart or start.
        verified: what a client saw at the end, see `verification.verify`; empty where it was not asked.
        unit_differences: what was wrong with the unit file.
    """

    changed: bool
    action: str
    verified: Mapping[str, Any] = field(default_factory=dict)
    unit_differences: tuple[str, ...] = ()


def converge(settings: unit.UnitSettings, layout: Layout, expect_change: bool, check: bool) -> ServiceResult:
    """Unit, process, proof.

    Args:
        settings: the operator's decisions about the unit.
        layout: paths and account.
        expect_change: in check mode, whether an earlier task would change what the daemon reads.
        check: only plan; a daemon that runs as configured is verified all the same, without a certificate signed.

    Raises:
        TrustAnchorError: ca.json is missing, the program is a version with known holes, the daemon does not come up, or
            a client does not see what is configured.
    """
    with at_work(layout, check):
        return _converge_locked(settings, layout, expect_change, check)


def _converge_locked(settings: unit.UnitSettings, layout: Layout, expect_change: bool, check: bool) -> ServiceResult:
    """What the daemon has loaded is remembered by whoever made it load that."""
    content = files.read(layout.config)
    if content is None and check:
        return ServiceResult(True, "start", unit_differences=("waits for ca.json",))
    config = parse_config(content, layout)
    if not check and os.path.exists(unit.PROGRAM):  # a check comes before the installation that it announces
        versions.require_safe_program(unit.PROGRAM)
    corrected = files.converge([files.File(unit.PATH, unit.render(config, settings, layout))], check)
    state = _load_unit(bool(corrected), check)
    restart, reload = daemon.digests(config, layout)
    action = daemon.plan(state, daemon.loaded_state(), restart, reload, daemon.newest_change(layout))
    if action == "none" and state.needs_daemon_reload:
        action = "restart"  # the process runs with the unit that systemd had read before
    if check and action == "none" and (corrected or expect_change):
        action = "restart" if corrected else "reload"
    client = _client(config, layout)
    if not check:
        daemon.apply(action, client.server_certificate)
        daemon.remember(restart, reload)
    return ServiceResult(
        changed=bool(corrected) or action != "none" or not state.enabled,
        action=action,
        verified=_verified(client, config, layout, check) if not check or action == "none" else {},
        unit_differences=tuple(corrected.get(unit.PATH, ())),
    )


def parse_config(content: bytes | None, layout: Layout) -> dict[str, Any]:
    """ca.json.

    Raises:
        TrustAnchorError: it is missing or not a JSON object.
    """
    try:
        found = json.loads(content or b"")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TrustAnchorError(
            f"{layout.config} is missing or not a JSON object", "step_ca_config makes it", "Run the role"
        )
    return found


def _load_unit(changed: bool, check: bool) -> systemd.Unit:
    """Have systemd read and enable the unit; its state before that."""
    state = systemd.show(unit.NAME)
    if check:
        return state
    if changed or state.needs_daemon_reload:
        systemd.daemon_reload()
    if not state.enabled:
        systemd.act("enable", unit.NAME)
    return state


def _client(config: Mapping[str, Any], layout: Layout) -> Client:
    """A client that trusts the root, comes from this host and calls the CA by its first name."""
    host = unit.reachable(config["address"])
    port = unit.port(config["address"])
    url = f"https://{config['dnsNames'][0]}" + ("" if port == 443 else f":{port}")
    return Client(url, (files.read(layout.root) or b"").decode(), host)


def _verified(client: Client, config: dict[str, Any], layout: Layout, check: bool) -> dict[str, Any]:
    root = certificates.load_certificate(files.read(layout.root) or b"", layout.root)
    bundle = certificates.load_bundle(files.read(layout.certificate) or b"", layout.certificate)
    expected = verification.Expected(config, root, bundle)
    return verification.verify(client, expected, None if check else canary.load_key(layout))
