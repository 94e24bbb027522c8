# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The development program: image, lab, pinned programs, lint and tests (started by ./dev)."""
