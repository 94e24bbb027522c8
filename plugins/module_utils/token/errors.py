# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with a token and is to be told apart from all else. Standard library only."""

from __future__ import annotations

from ..errors import TrustAnchorError


class TokenAbsent(TrustAnchorError):
    """The token is not there. Of its own class, since a dry run can go on without it."""
