# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where SoftHSM is, and the PINs of tests' tokens."""

from __future__ import annotations

LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
PIN, SO_PIN = "test-pin-4711", "test-so-pin-4711"
