# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public part of a provisioner's key."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: public_jwk
short_description: The public JWK of a provisioner's private key
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Makes what C(key) of a JWK provisioner in C(ca.json) needs from the private key, so that only one of them is kept.
positional: _input
options:
  _input:
    description: Private key, PEM, P-256 or P-384, not encrypted.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Declare a provisioner whose private key is in a secrets manager
  ansible.builtin.set_fact:
    step_ca_provisioners:
      - type: JWK
        name: enrolment
        key: "{{ enrolment_key | trustanchor.private_ca.public_jwk }}"
"""

RETURN = r"""
_value:
  description: The public key with its RFC 7638 thumbprint as key id.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError


def public_jwk(pem: str) -> dict[str, str]:
    """See the documentation above."""
    # Imported here, so that the documentation can be shown where cryptography is not installed.
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens

    try:
        return tokens.public_jwk(tokens.load_key(pem))
    except TrustAnchorError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"public_jwk": public_jwk}
