# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of the collection, for records that outlive it. Equal to galaxy.yml's; a test says so."""

from __future__ import annotations

VERSION = "1.0.0"
