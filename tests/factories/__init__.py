# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makers of what tests need: certificates, plans, records, hosts, servers. All keys are made at test time.

Importing this package makes the collection importable.
"""

from __future__ import annotations

from . import collection

collection.make_importable()
