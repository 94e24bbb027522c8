# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vouches for the roots of a record from outside of it."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that hand the roots of a record on to hosts or clients."""

    DOCUMENTATION = r"""
options:
  anchors:
    description:
      - Roots that the inventory vouches for, usually the variable C(pki_anchors). A root of the record is taken only
        when it is one of these, or when a ceremony has made it that one of these has sealed, or a root that such a
        ceremony made. The root that seals the first ceremony is enough.
      - They belong where nobody changes them who can change the record. See
        P(trustanchor.private_ca.trust_manifest#lookup).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the root.
        type: str
        required: true
      sha256:
        description: Its SHA-256 fingerprint (hex).
        type: str
        required: true
      reason:
        description: Why it is trusted, such as the ceremony whose printed report has the fingerprint; or why it is not.
        type: str
        required: true
      refused:
        description:
          - Its key is in wrong hands. The root is not trusted whatever the record says of it, and what it sealed
            introduces no root.
        type: bool
        default: false
"""
