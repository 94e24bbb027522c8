# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A keystore that a user turns into a link; of the form that needs no JVM."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust import pem
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.java import Keystore
from factories import pki

ROOT = pem.parse_root(pki.root("One").pem, "root")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can work as another user")
def test_root_makes_no_file_where_a_user_leads_it(tmp_path: Path) -> None:
    for parent in (tmp_path, *tmp_path.parents):
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    home, victim = tmp_path / "home", tmp_path / "nologin"
    home.mkdir()
    (home / "store.jks").symlink_to(victim)
    os.chown(home, 65534, 65534)
    with pytest.raises(TrustAnchorError, match="cannot write"):
        Keystore(str(home / "store.jks"), "java", Cache(), create="jks").converge(Wanted((ROOT,)))
    assert not victim.exists()
