#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's certificate: enrolled, renewed by a timer, replaced atomically."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: service_certificate
short_description: Enrol a service with a one-time token and keep its certificate renewed
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes a key and a request on the host. The controller mints a one-time token (five minutes, bound to that one
    request) with the key of a JWK provisioner; the host has its certificate signed with it.
  - Key and chain are at C(/etc/service-certificates/NAME/current/key.pem) and C(fullchain.pem); they are replaced as a
    pair by one rename, and the declared units are reloaded.
  - A systemd timer renews the certificate when O(renew_before) of its life is left, and leaves metrics for
    node_exporter.
  - The certificate is enrolled anew, with a new key, when it is missing, damaged, expired, for other names, or does not
    lead to O(root); so a host that is moved to another CA ends with that CA's certificate.
  - Needs only the standard library of Python and the C(openssl) program on the host.
requirements:
  - cryptography >= 42 on the controller
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
options:
  name:
    description: Name of the certificate; part of its directory and of its units.
    type: str
    required: true
  names:
    description: DNS names and IP addresses in the certificate; the first one is the subject.
    type: list
    elements: str
    required: true
  ca_url:
    description: URL of the CA, as the host reaches it.
    type: str
    required: true
  root:
    description: The root that the chain must lead to, PEM.
    type: str
    required: true
  provisioner:
    description: Name of the JWK provisioner.
    type: str
    required: true
  provisioner_key:
    description:
      - Private key of the provisioner, PEM. It is used on the controller only and never sent to a host.
      - Give it from a secrets manager, or encrypted with Ansible Vault.
    type: str
    required: true
  lifetime:
    description: Lifetime of the certificate (h, m, s).
    type: str
    default: 24h
  renew_before:
    description: How long before its end it is renewed; an outage of the CA of that length is survived.
    type: str
    default: 16h
  key_type:
    description: Type of the service's key.
    type: str
    choices: [P-256, P-384, RSA-3072]
    default: P-256
  owner:
    description: User that may read key and certificate.
    type: str
    default: root
  group:
    description: Group that may read key and certificate.
    type: str
    default: root
  reload:
    description:
      - Systemd units that are reloaded (or restarted, where they cannot reload) when the certificate changed.
      - After an enrolment, a unit that is enabled and does not run is started, since most cannot without a certificate.
    type: list
    elements: str
    default: []
  calendar:
    description: When the timer looks (systemd calendar event).
    type: str
    default: "*:0/15"
  random_delay:
    description: Seconds by which the hosts are spread.
    type: int
    default: 300
  metrics_directory:
    description: Directory of node_exporter's textfile collector; no metrics when empty.
    type: str
    default: /var/lib/prometheus/node-exporter
  phase:
    description: Set by the action plugin.
    type: str
    choices: [prepare, enrol]
    default: prepare
  token:
    description: Set by the action plugin.
    type: str
  controller_time:
    description: Set by the action plugin. The controller's clock, seconds since the epoch.
    type: float
"""

EXAMPLES = r"""
- name: A certificate for nginx
  trustanchor.private_ca.service_certificate:
    name: web
    names: [web1.corp.example, www.corp.example]
    ca_url: https://ca.corp.example
    root: "{{ lookup('ansible.builtin.file', 'pki/roots/root.crt') }}"
    provisioner: enrolment
    provisioner_key: "{{ lookup('ansible.builtin.unvault', 'enrolment.key') | string }}"
    reload: [nginx.service]
"""

RETURN = r"""
reason:
  description: Why the certificate was (or would be) enrolled anew; empty when it is good.
  returned: success
  type: str
  sample: there is no certificate yet
corrected:
  description: Files that were (or would be) written, with what was wrong with each.
  returned: success
  type: dict
  sample: {}
not_after:
  description: End of the certificate's validity, ISO 8601; empty in check mode where there is none.
  returned: success
  type: str
  sample: "2026-11-24T15:00:00+00:00"
chain:
  description: Path of the chain, leaf first.
  returned: success
  type: str
  sample: /etc/service-certificates/web/current/fullchain.pem
"""

import base64
import datetime as dt
import hashlib
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.durations import seconds
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files, preflight, systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import (
    lifecycle,
    settings,
    store,
    units,
)


def converge(module: AnsibleModule) -> dict[str, Any]:
    """One of the two steps that the action plugin asks for."""
    wanted = _settings(module.params)
    if module.params["phase"] == "enrol":
        lifecycle.enrol(wanted, module.params["token"])
        _start_timer(wanted, restart=True)
        return {"changed": True, **_facts(wanted, fault="")}  # what was activated was verified before
    return _prepare(module, wanted)


def _prepare(module: AnsibleModule, wanted: settings.Settings) -> dict[str, Any]:
    """Everything but the certificate; a request where one has to be signed."""
    settings.check(wanted)
    preflight.check_host(module.params["controller_time"])
    reason = lifecycle.fault(wanted)
    before = _facts(wanted, reason)
    corrected = files.converge(_files(module, wanted, reason), module.check_mode)
    timer = systemd.show(units.name(wanted, "timer"))
    running = timer.enabled and timer.active
    changed = bool(corrected or reason or not running or lifecycle.unfinished(wanted))
    result = {"changed": changed, "corrected": corrected, "reason": reason, **before}
    if not module.check_mode:
        service = systemd.show(units.name(wanted, "service"))
        stale = timer.needs_daemon_reload or service.needs_daemon_reload
        reloaded = stale or any(path.startswith("/etc/systemd/") for path in corrected)
        if reloaded:
            systemd.daemon_reload()
        result |= _proceed(wanted, reason)
        if not reason and (reloaded or not running):
            _start_timer(wanted, restart=reloaded)
    after = {"names": sorted(wanted.names), "not_after": f"in {module.params['lifetime']}"} if reason else before
    return {**result, "diff": edge.diff(before, after, f"certificate {wanted.name}")}


def _start_timer(wanted: settings.Settings, restart: bool) -> None:
    timer = units.name(wanted, "timer")
    systemd.act("enable", timer)
    systemd.act("restart" if restart else "start", timer)


def _proceed(wanted: settings.Settings, reason: str) -> dict[str, str]:
    """Make a request where a certificate is needed; else do what is due, and finish what a former run left undone."""
    with store.locked(wanted):
        if not reason:
            # A renewal that is overdue fails the play: somebody should know. One that works is no change.
            lifecycle.renew_locked(wanted, time.time(), start=True)
            store.forget_pending(wanted)
            return {}
        digest = hashlib.sha256(store.request_der(store.make_request(wanted))).digest()
        return {"request_sha256": base64.b64encode(digest).decode()}


def _files(module: AnsibleModule, wanted: settings.Settings, reason: str) -> list[files.File | files.Directory]:
    """All files but those that only an enrolment makes."""
    good = [] if reason else [lifecycle.settings_file(wanted), *store.pair_files(wanted)]
    return [
        files.Directory(settings.BASE),
        *store.directories(wanted),
        files.Directory("/usr/local/lib/trustanchor"),
        *good,
        *units.unit_files(wanted, module.params["calendar"], module.params["random_delay"]),
    ]


def _facts(wanted: settings.Settings, fault: str) -> dict[str, Any]:
    """What a diff shows of the current certificate; nothing of one that has a fault."""
    pair = store.current(wanted)
    chain = {"chain": pair.chain}
    if fault:
        return {"names": [], "not_after": "", **chain}
    end = dt.datetime.fromtimestamp(store.validity(pair)[1], dt.UTC)
    return {"names": sorted(store.names(pair)), "not_after": end.isoformat(), **chain}


def _settings(options: dict[str, Any]) -> settings.Settings:
    return settings.Settings(
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


def main() -> None:
    """Entry point."""
    spec = {
        "name": {"type": "str", "required": True},
        "names": {"type": "list", "elements": "str", "required": True},
        "ca_url": {"type": "str", "required": True},
        "root": {"type": "str", "required": True},
        "provisioner": {"type": "str", "required": True},
        "provisioner_key": {"type": "str", "required": True, "no_log": True},
        "lifetime": {"type": "str", "default": "24h"},
        "renew_before": {"type": "str", "default": "16h"},
        "key_type": {"type": "str", "choices": ["P-256", "P-384", "RSA-3072"], "default": "P-256"},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "reload": {"type": "list", "elements": "str", "default": []},
        "calendar": {"type": "str", "default": "*:0/15"},
        "random_delay": {"type": "int", "default": 300},
        "metrics_directory": {"type": "str", "default": "/var/lib/prometheus/node-exporter"},
        "phase": {"type": "str", "choices": ["prepare", "enrol"], "default": "prepare"},
        "token": {"type": "str", "no_log": True},
        "controller_time": {"type": "float"},
    }
    edge.run(AnsibleModule(spec, supports_check_mode=True), converge)


if __name__ == "__main__":
    main()
