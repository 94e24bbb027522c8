# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fingerprint that people can read to each other."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: fingerprint_lines
short_description: A SHA-256 as hexadecimal digits and words
version_added: 1.0.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Gives eight lines of four bytes each, hexadecimal and as words of the PGP word list, to be compared line by line.
positional: _input
options:
  _input:
    description: SHA-256 in hexadecimal, without separators.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the fingerprint of a root
  ansible.builtin.debug:
    msg: "{{ lookup('trustanchor.private_ca.trust_manifest', pki_directory, root='r1').sha256
      | trustanchor.private_ca.fingerprint_lines }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import words


def fingerprint_lines(sha256: str) -> list[str]:
    """See the documentation above."""
    try:
        return words.fingerprint_lines(str(sha256))
    except ValueError as error:
        raise AnsibleFilterError(f"'{sha256}' is not hexadecimal: {error}") from error


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"fingerprint_lines": fingerprint_lines}
