# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that name a key on a PKCS#11 token."""

from __future__ import annotations


class ModuleDocFragment:
    """Token and key."""

    DOCUMENTATION = r"""
options:
  token:
    description: The PKCS#11 token. Exactly one of O(token.serial) and O(token.label) names it.
    type: dict
    required: true
    suboptions:
      kind:
        description:
          - What the token is. A V(yubikey) is also asked through Yubico's library, which knows retry counts, defaults
            and policies; it is named by its serial number.
        type: str
        choices: [pkcs11, softhsm, yubikey]
        default: pkcs11
      module_path:
        description: PKCS#11 module, such as V(/usr/lib/softhsm/libsofthsm2.so).
        type: path
        required: true
      serial:
        description: Serial number of the token. Preferred for YubiKeys.
        type: str
      label:
        description: Label of the token.
        type: str
      softhsm_config:
        description: SoftHSM2 only. Its configuration file (E(SOFTHSM2_CONF)).
        type: path
  key:
    description: The key on the token, by CKA_ID or label. Where there is an id, it alone decides.
    type: dict
    required: true
    suboptions:
      id:
        description: CKA_ID in hexadecimal. On a YubiKey it is the slot; V(02) is slot 9c.
        type: str
      label:
        description: CKA_LABEL.
        type: str
requirements:
  - cryptography >= 42
  - python-pkcs11 >= 0.10
  - For YubiKeys, yubikit and pyscard (Debian package yubikey-manager), pcscd, and libykcs11 >= 2.5.0
notes:
  - The module runs on the ceremony host.
"""
