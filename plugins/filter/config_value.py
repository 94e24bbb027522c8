# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A value in a template of a role, by the writer that plugins use."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: config_value
short_description: A value as it is written into a unit of systemd or a list of apt
version_added: 1.1.0
author:
  - The trustanchor.private_ca authors (@trustanchor)
description:
  - Quotes a value for the file that it is written to, and takes the meaning from what systemd would expand in it.
  - Fails for what cannot stand there, such as line ends, other control characters, and names that are not UTF-8.
positional: _input, kind, name
options:
  _input:
    description: The value. A text, a number, or for kinds of several values a list.
    type: raw
    required: true
  kind:
    description:
      - What the value is in the file, for example V(unit_word) for a word of a command line, V(unit_path), V(calendar),
        V(account), V(apt_value).
    type: str
    required: true
  name:
    description: Name of the value, for messages.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show how a path stands in a unit
  ansible.builtin.debug:
    msg: "WorkingDirectory={{ '/srv/50%' | trustanchor.private_ca.config_value('unit_path', 'directory') }}"
"""

RETURN = r"""
_value:
  description: The value as it is written.
  type: str
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import configuration


def config_value(value: Any, kind: str, name: str) -> str:
    """See the documentation above."""
    if kind not in configuration.KINDS:
        raise AnsibleFilterError(f"'{kind}' is not a kind of value. Known: {', '.join(sorted(configuration.KINDS))}")
    try:
        return configuration.write(kind, value, name)
    except TrustAnchorError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"config_value": config_value}
