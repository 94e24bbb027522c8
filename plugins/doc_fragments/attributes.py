# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that the modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """How a module behaves in check mode, with diff, and on a second run."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Runs the same plan and stops before the first change.
  diff_mode:
    support: full
    description: Shows parsed facts, never PEM and never a secret.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Changes nothing, so check mode makes no difference.
  diff_mode:
    support: N/A
    description: Changes nothing.
  idempotent:
    support: full
    description: Changes nothing.
"""

    PKI = r"""
options: {}
attributes:
  action_group:
    support: full
    description: Member of the action group C(group/trustanchor.private_ca.pki), so that defaults can be set for all.
    membership:
      - trustanchor.private_ca.pki
"""

    HOST = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Runs the same plan and stops before the first change.
  diff_mode:
    support: full
    description: Shows parsed facts, never PEM and never a secret.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
notes:
  - Internal. It is the half of another module that runs on the host, and its options change without notice. Do not use
    it in a task. It is not in the action group, so defaults of a group do not reach it.
"""
