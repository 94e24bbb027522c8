# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said of the templates without Go; a scenario has step-ca sign with them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import templates


def leaf(crl_url: str, rsa: bool) -> dict[str, Any]:
    """What Go's template engine would make of the JSON in the template of leaves."""
    text = templates.leaf(crl_url)
    text = text[text.index('{\n  "subject"') :]
    text = re.sub(r"\{\{ if \$common \}\}.*\{\{ end \}\}", "{}", text).replace("{{ toJson .SANs }}", "[]")
    branches = r"\{\{- if typeIs [^}]* \}\}(.*?)\{\{- else \}\}(.*?)\{\{- end \}\}"
    found: dict[str, Any] = json.loads(re.sub(branches, r"\1" if rsa else r"\2", text, flags=re.DOTALL))
    return found


@pytest.mark.parametrize("rsa", [True, False])
@pytest.mark.parametrize("crl_url", ["", "http://pki.corp.example/ca1.crl", 'http://x/"quoted"\\'])
def test_leaf(crl_url: str, rsa: bool) -> None:
    found = leaf(crl_url, rsa)
    assert found["keyUsage"] == (["keyEncipherment"] if rsa else []) + ["digitalSignature"]
    assert found["extKeyUsage"] == ["serverAuth", "clientAuth"]
    assert found.get("crlDistributionPoints", []) == ([crl_url] if crl_url else [])


@pytest.mark.parametrize(
    ("name", "subject", "sans"),
    [
        ("ca.corp.example", {"commonName": "ca.corp.example"}, [{"type": "dns", "value": "ca.corp.example"}]),
        ("10.0.0.1", {}, [{"type": "ip", "value": "10.0.0.1"}]),
        ("fd00::1", {}, [{"type": "ip", "value": "fd00::1"}]),
    ],
)
def test_the_canary_has_no_address_as_common_name(
    name: str, subject: dict[str, str], sans: list[dict[str, str]]
) -> None:
    found = json.loads(templates.canary(name))
    assert (found["subject"], found["sans"]) == (subject, sans)
