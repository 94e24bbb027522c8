# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root whose plan closed what is not declared lies within one whose plan left it open; not the other way round."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import constraints
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import to_pem
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.constraint_set import closed
from factories.pki import profiled as make

OPEN = {"permitted_dns": ["corp.example"], "permitted_ip": ["10.0.0.0/8"]}
PEOPLE = {**OPEN, "permitted_email": ["corp.example"], "permitted_uri": [".corp.example"]}


def read(declared: dict[str, Any]) -> constraints.Constraints:
    return constraints.read(to_pem(make.root(name_constraints=declared)).decode())


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (closed(OPEN), OPEN),
        (closed(OPEN), closed(OPEN)),
        (closed(OPEN), closed(PEOPLE)),
        (closed(PEOPLE), OPEN),
        (closed({"permitted_dns": ["corp.example"]}), closed(OPEN)),
        (closed({**OPEN, "excluded_ip": ["10.9.0.0/16"]}), closed(OPEN)),
    ],
)
def test_within(new: dict[str, Any], old: dict[str, Any]) -> None:
    assert read(new).is_within(read(old))


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (OPEN, closed(OPEN)),
        (closed(PEOPLE), closed(OPEN)),
        (closed({"permitted_dns": ["corp.example"], "permitted_ip": ["2001:db8::/32"]}), closed(OPEN)),
        (closed({"permitted_dns": ["example"]}), closed(OPEN)),
        (closed(OPEN), {**OPEN, "excluded_ip": ["10.9.0.0/16"]}),
    ],
)
def test_wider(new: dict[str, Any], old: dict[str, Any]) -> None:
    assert not read(new).is_within(read(old))
