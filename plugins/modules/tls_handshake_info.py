#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TLS handshakes from a host."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tls_handshake_info
short_description: Shake hands with services, with the clients and trust stores that a host really has
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Lets the clients of a host open a verified TLS connection to each target, each with its own trust store, and shows a
    table with issuer, expiry and outcome.
  - Fails when a handshake fails, unless O(require=false).
  - Changes nothing.
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.info
  - trustanchor.private_ca.attributes.pki
options:
  targets:
    description: Services, each as C(host:port).
    type: list
    elements: str
    required: true
  clients:
    description:
      - The clients to use. One that the host has not got fails, and says which package it is in.
      - Settings by which a user has switched verification off (C(.curlrc), C(.wgetrc), E(NODE_TLS_REJECT_UNAUTHORIZED),
        C(defaults.json) of step and the like) do not count, and no proxy is asked.
      - V(curl) and V(python) read the bundle and the hash links in C(/etc/ssl/certs), by OpenSSL. V(python) asks each
        address of a name, the others the first one that answers.
      - V(java) is each version of Java that is found, the one on E(PATH) under this name, and each further one under
        the name and its directory, as C(java /opt/jdk-21). One of them has to be a JDK. A program that is a user's is
        run as that user.
      - V(node) gets the additional roots that the host declares as E(NODE_EXTRA_CA_CERTS) in
        C(/etc/environment.d/50-trustanchor.conf). Debian's own Node.js also reads the system store, others their
        built-in roots. Where its version knows the switch, C(node --use-system-ca) is asked too, without these roots.
      - V(step) is smallstep's C(step), which shows what a Go program finds in the system store. Go reads every file in
        C(/etc/ssl/certs), whatever its name. C(git), by GnuTLS, does so too on Debian.
      - V(wget) and V(gnutls) (C(gnutls-cli)) read the bundle, by GnuTLS, and no variable of OpenSSL.
      - V(nss) is C(tstclnt), with the databases of O(nss_databases), and without the roots that browsers bring.
      - V(uv) stands for programs in Rust with rustls that ask for the system's certificates. It is in no package of
        Debian.
    type: list
    elements: str
    choices: [curl, python, java, node, step, wget, gnutls, nss, uv]
    default: [curl, python]
  roots:
    description:
      - Path of a file on the host, PEM, with the only roots that the clients are to trust. Every other store is shut
        out, which takes more than C(curl --cacert) or C(wget --ca-certificate).
      - Without it, each client reads the host's own stores, as they are.
    type: path
  nss_databases:
    description:
      - Directories of the NSS databases with which V(nss) is asked, as whoever they belong to. Its result has the name
        V(nss) and the directory.
      - Without it, V(nss) is asked with C(~/.pki/nssdb) or C(~/.local/share/pki/nssdb) of the user that the module runs
        as.
    type: list
    elements: path
    default: []
  require:
    description: Whether every handshake must succeed.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Prove that the services are trusted
  trustanchor.private_ca.tls_handshake_info:
    targets: ["www.corp.example:443"]
    clients: [curl, python, java, node]

- name: Prove that the new root alone is enough
  trustanchor.private_ca.tls_handshake_info:
    targets: ["www.corp.example:443"]
    clients: [curl, python, java, wget, gnutls]
    roots: /root/r2.crt
"""

RETURN = r"""
handshakes:
  description:
    - One entry for each target. C(clients) is a mapping from the name of a client to C(ok) or its error; a client with
      several stores or versions has an entry for each.
  returned: always
  type: list
  elements: dict
  sample:
    - target: www.corp.example:443
      clients: {"curl": "ok", "python": "ok", "java": "ok"}
      issuer: Example Corp Intermediate CA 1
      not_after: "2026-11-24T15:00:00Z"
table:
  description: The same for a person to read.
  returned: always
  type: str
  sample: "service  issuer  expires  curl  python"
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof import handshakes
from ansible_collections.trustanchor.private_ca.plugins.module_utils.proof.clients import registry

SPECIFICATION: dict[str, dict[str, Any]] = {
    "targets": {"type": "list", "elements": "str", "required": True},
    "clients": {
        "type": "list",
        "elements": "str",
        "choices": list(registry.CLIENTS),
        "default": ["curl", "python"],
    },
    "roots": {"type": "path"},
    "nss_databases": {"type": "list", "elements": "path", "default": []},
    "require": {"type": "bool", "default": True},
}


def measure(module: AnsibleModule) -> dict[str, Any]:
    """All handshakes; the action plugin shows the table."""
    given = module.params
    shaken = handshakes.perform(given["targets"], given["clients"], given["roots"] or "", given["nss_databases"])
    results = [asdict(result) for result in shaken]
    failed = handshakes.failures(results)
    answer: dict[str, Any] = {"changed": False, "handshakes": results, "table": handshakes.table(results)}
    if failed and given["require"]:
        answer |= {"failed": True, "msg": "Handshakes failed. " + "; ".join(failed)}
    return answer


def main() -> None:
    """Entry point."""
    edge.run(AnsibleModule(SPECIFICATION, supports_check_mode=True), measure)


if __name__ == "__main__":
    main()
