#!/usr/bin/python
# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what is wrong with a CA's inputs and host before anything changes."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: step_ca_preflight
short_description: Check a CA's declared inputs and its host before anything changes
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - On the controller, checks the settings against step-ca's schema, the root against its declared fingerprint, the
    chain, validity, path length, and that the name constraints permit the CA's own names.
  - On the host, checks distribution, systemd, the clock against the controller's, the listening ports, and that the
    intermediate certificate belongs to the key there.
  - Warns when the root or the intermediate ends before what has to be done can be done, or before the longest-lived
    certificate that the CA may issue; step-ca itself does not shorten those.
  - Changes nothing.
requirements:
  - cryptography >= 42 on the controller
extends_documentation_fragment:
  - trustanchor.private_ca.attributes.info
  - trustanchor.private_ca.attributes.pki
notes:
  - In check mode a missing intermediate certificate is a warning and not an error, so that C(--check) can show the
    plan for a virgin host.
options:
  settings:
    description: See M(trustanchor.private_ca.step_ca_config).
    type: dict
    required: true
  root:
    description: Root certificate, PEM.
    type: str
    required: true
  root_sha256:
    description: Its declared SHA-256 fingerprint.
    type: str
    required: true
  certificate:
    description: Intermediate certificate, PEM, signer first; empty while it is not signed.
    type: str
    default: ""
  client_networks:
    description: See M(trustanchor.private_ca.step_ca_service).
    type: list
    elements: str
    default: []
  install_method:
    description: How step-ca is to be installed, when it is not there in the declared version.
    type: str
    choices: [apt, deb, file]
    default: apt
  version:
    description:
      - Wanted version of the package step-ca. Below 0.30.0 it is refused, since such versions issue certificates
        without authentication over SCEP (CVE-2026-30836), and can be stopped by a forged device attestation
        (CVE-2026-40097).
    type: str
    required: true
  cli_version:
    description: Wanted version of the package step-cli.
    type: str
    required: true
  apt_key:
    description: For O(install_method=apt), path of the repository's signing key on the controller.
    type: str
    default: ""
  debs:
    description: >-
      For O(install_method=deb), C(url) and C(sha256) of each package; for O(install_method=file), C(path) and
      C(sha256).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Check inputs and host
  trustanchor.private_ca.step_ca_preflight:
    root: "{{ lookup('ansible.builtin.file', 'pki/roots/root.crt') }}"
    root_sha256: 2f0cd9e4a9f87a7d4e6f2d1c0b9a8f7e6d5c4b3a29181716151413121110f0e0
    certificate: "{{ lookup('ansible.builtin.file', 'pki/intermediates/ca1.crt') }}"
    version: 0.30.2-1
    cli_version: 0.30.6-1
    apt_key: files/smallstep.asc
    settings:
      address: ":443"
      dnsNames: [ca.corp.example]
      authority:
        provisioners:
          - {type: ACME, name: acme}
"""

RETURN = r"""
ready:
  description: Whether an intermediate certificate can be installed; false only in check mode.
  returned: success
  type: bool
  sample: true
outdated:
  description: Whether step-ca or step-cli has to be installed.
  returned: success
  type: bool
  sample: false
library_missing:
  description: Whether python3-cryptography has to be installed.
  returned: success
  type: bool
  sample: false
account_missing:
  description: Whether the service account has to be made.
  returned: success
  type: bool
  sample: false
distribution:
  description: Distribution and version of the host.
  returned: success
  type: str
  sample: debian 13
clock_offset:
  description: Seconds by which the host's clock is ahead of the controller's.
  returned: success
  type: float
  sample: 0.2
installed:
  description: Installed versions of the packages that the role needs; empty where a package is not installed.
  returned: success
  type: dict
  sample: {"step-ca": "0.30.2-1", "step-cli": "0.30.6-1", "python3-cryptography": "43.0.0-3"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils import edge

SPECIFICATION: dict[str, dict[str, Any]] = {
    "settings": {"type": "dict", "required": True},
    "root": {"type": "str", "required": True},
    "root_sha256": {"type": "str", "required": True},
    "certificate": {"type": "str", "default": ""},
    "client_networks": {"type": "list", "elements": "str", "default": []},
    "install_method": {"type": "str", "choices": ["apt", "deb", "file"], "default": "apt"},
    "version": {"type": "str", "required": True},
    "cli_version": {"type": "str", "required": True},
    "apt_key": {"type": "str", "default": "", "no_log": False},
    "debs": {"type": "list", "elements": "dict", "default": []},
}


def main() -> None:
    """Entry point; the action plugin does the work and never calls it."""
    edge.refuse(AnsibleModule(SPECIFICATION, supports_check_mode=True))


if __name__ == "__main__":
    main()
