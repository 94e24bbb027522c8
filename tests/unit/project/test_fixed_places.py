# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places on a host that one version writes and another reads, or that the operating system gives."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import homes
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import nginx, record_state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.host import receipt, state
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import debian, private_roots


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (record_state.PATH, "/var/lib/trustanchor/publication-record.json"),
        (state.PATH, "/var/lib/trustanchor/trust.json"),
        (receipt.PATH, "/var/lib/trustanchor/receipt.json"),
        (private_roots.PATH, "/etc/trustanchor/roots.pem"),
        (debian.SOURCE, "/usr/local/share/ca-certificates"),
        (debian.DIRECTORY, "/etc/ssl/certs"),
        (debian.BUNDLE, "/etc/ssl/certs/ca-certificates.crt"),
        (nginx.DIRECTORY, "/var/lib/trustanchor/publication"),
        (homes.ROOTS, ("/home",)),
        (homes.LOGIN, "/etc/login.defs"),
    ],
)
def test_a_place(found: object, expected: object) -> None:
    assert found == expected
