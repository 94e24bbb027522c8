#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge the trust stores of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trust_bundle
short_description: Converge the trust stores of a host to a set of roots
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes every trust store of a host trust exactly the declared roots, beside those that the distribution brings, in
    one call. These are the system store (bundle file and hash directory), Java's stores, NSS databases, browsers'
    policies, environment variables for Python and Node.js, container registries, the C(step) program, and files for
    services.
  - A root that this module once put there and that is no longer declared is removed from every store. Debian and Ubuntu
    leave such a root trusted by Java, and dangling links in the hash directory; this module does not.
  - Every store is read back. One that cannot be brought right does not keep the others from it; the module then fails
    and says which one it is.
  - Says which processes began before the stores changed, and so may still hold what was there before. It restarts none.
  - Needs only the standard library of Python and the C(openssl) program on the host; for NSS databases C(certutil), for
    keystores in the form PKCS#12 C(keytool).
extends_documentation_fragment:
  - trustanchor.private_ca.attributes
  - trustanchor.private_ca.attributes.pki
  - trustanchor.private_ca.trust_stores
  - trustanchor.private_ca.trust_stores.stores
options:
  override:
    description:
      - Take the place of whatever the host was told before, whatever its sequence. For the day on which a thief has
        signed a manifest, and for a host whose C(/var/lib/trustanchor/trust.json) is damaged. The damaged file is kept
        beside the new one.
    type: bool
    default: false
  journal:
    description: File on the controller to which one line of JSON about this host is appended; without one, none is.
    type: path
  probe_targets:
    description:
      - Services, each as C(host:port), with which clients of the host must shake hands afterwards. A host whose clients
        refuse one has failed. Not in check mode.
    type: list
    elements: str
    default: []
  probe_clients:
    description: These clients, as of M(trustanchor.private_ca.tls_handshake_info).
    type: list
    elements: str
    default: [curl, python]
seealso:
  - module: trustanchor.private_ca.trust_bundle_info
  - plugin: trustanchor.private_ca.trust_manifest
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Trust the roots of the public record
  trustanchor.private_ca.trust_bundle:
    manifest: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory) }}"

- name: Trust one root without a trust manifest
  trustanchor.private_ca.trust_bundle:
    manifest:
      trusted:
        - pem: "{{ lookup('ansible.builtin.file', 'r1.crt') }}"
          # May be left out; it is compared on the host.
          sha256: 0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0

- name: Trust them in the stores of Kafka and PostgreSQL, too
  trustanchor.private_ca.trust_bundle:
    manifest: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory) }}"
    keystores:
      - path: /etc/kafka/truststore.p12
        password_file: /etc/kafka/truststore.password
        create: pkcs12
        owner: kafka
        group: kafka
    files:
      - path: /etc/postgresql/roots.pem
        owner: postgres
        group: postgres
"""

RETURN = r"""
stores:
  description: How each store was found before the run.
  returned: always
  type: list
  elements: dict
  sample:
    - name: system bundle
      path: /etc/ssl/certs/ca-certificates.crt
      state: ok
      missing: []
      unwanted: []
      why: ""
    - name: java
      path: /etc/ssl/certs/java/cacerts
      state: wrong
      missing: []
      unwanted: ["2f0cd9e4a9f87a7d4e6f2d1c0b9a8f7e6d5c4b3a29181716151413121110f0e0"]
      why: ""
repaired:
  description: Names of the stores that were wrong and are right now.
  returned: always
  type: list
  elements: str
  sample: [java]
effective:
  description:
    - Whether what is on the disk is in effect. V(stale) lists processes that began before the last change and have a
      TLS library; V(unknown) means that a process could not be looked into.
  returned: always
  type: dict
  sample:
    state: stale
    changed_at: 1795000000.0
    processes:
      - {"pid": 812, "program": "nginx", "unit": "nginx.service", "runtime": "openssl", "started": 1794000000.12}
leaves:
  description: The service certificates of the host, with the fingerprint of the root that each leads to.
  returned: always
  type: list
  elements: dict
  sample:
    - {"name": "web", "root": "0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a8f7e6d5c4b3a29181706f5e4d3c2b1a0"}
manifest:
  description: What the host was told last.
  returned: always
  type: dict
  sample: {"id": "0c5c9e4f0d2f6d5d9b8f7a3d2e1c0b9a", "sequence": 3}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import push, report
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import declaration

SPECIFICATION: dict[str, dict[str, Any]] = {
    "manifest": push.SPEC,
    **declaration.SPEC,
    "override": {"type": "bool", "default": False},
    "journal": {"type": "path"},
    "probe_targets": {"type": "list", "elements": "str", "default": []},
    "probe_clients": {"type": "list", "elements": "str", "default": ["curl", "python"]},
}


def converge(module: AnsibleModule) -> dict[str, Any]:
    """Push, and say what became of it."""
    options = module.params
    assigned, stores = push.parse(options["manifest"]), declaration.from_options(options)
    override = options["override"]
    outcome, host = push.push(assigned, stores, override, module.check_mode, forget=override)
    for warning in outcome.warnings:
        edge.warn(module, warning)
    before = report.summary(outcome.plan.listed)
    failure = outcome.failure()
    return {
        **report.pushed(outcome, host),
        **(edge.failure(failure) if failure else {}),
        "diff": edge.diff(before, dict.fromkeys(before, "ok"), "trust stores"),
    }


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), converge)


if __name__ == "__main__":
    main()
