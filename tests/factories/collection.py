# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the collection importable: Ansible's loader wants .../ansible_collections/NAMESPACE/NAME."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def _tree() -> str:
    """Where ansible_collections/trustanchor/private_ca is: the environment's place, or a temporary one."""
    for place in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(":"):
        if place and (Path(place) / "ansible_collections/trustanchor/private_ca").exists():
            return place
    place = tempfile.mkdtemp(prefix="trustanchor-collections-")
    home = Path(place) / "ansible_collections/trustanchor"
    home.mkdir(parents=True)
    (home / "private_ca").symlink_to(CHECKOUT)
    return place


def make_importable() -> None:
    """Put it on the path of this process, once."""
    place = _tree()
    if place not in sys.path:
        sys.path.insert(0, place)
