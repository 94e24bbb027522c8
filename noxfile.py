# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every collection is checked for, by antsibull-nox; the sessions are configured in antsibull-nox.toml.

Run them with `./dev nox` (`./dev nox --list` shows them). `./dev lint` runs those that need the package index alone.
"""

from __future__ import annotations

import antsibull_nox
import nox

nox.needs_version = ">=2025.02.09"

antsibull_nox.load_antsibull_nox_toml()

if __name__ == "__main__":
    nox.main()
