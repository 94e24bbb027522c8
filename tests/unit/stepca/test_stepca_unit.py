# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import configparser
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import unit
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from hypothesis import given
from hypothesis import strategies as st


def rendered(config: Mapping[str, Any], settings: unit.UnitSettings | None = None) -> dict[str, list[str]]:
    """The [Service] section: directive to all of its values."""
    text = unit.render(config, settings or unit.UnitSettings(), Layout()).decode()
    service = text.partition("[Service]\n")[2].partition("[Install]")[0]
    found: dict[str, list[str]] = {}
    for line in filter(None, service.splitlines()):
        key, _equals, value = line.partition("=")
        found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(
    "config",
    [
        {"address": ":443"},
        {"address": ":1023"},
        {"address": ":8443", "insecureAddress": ":80"},
        {"address": ":8443", "metricsAddress": "127.0.0.1:900"},
    ],
)
def test_a_low_port_takes_one_capability(config: dict[str, str]) -> None:
    service = rendered(config)
    assert service["AmbientCapabilities"] == service["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert "PrivateUsers" not in service


@pytest.mark.parametrize("config", [{"address": ":1024"}, {"address": "10.0.0.1:8443", "insecureAddress": ""}])
def test_a_high_port_takes_none(config: dict[str, str]) -> None:
    service = rendered(config)
    assert service["AmbientCapabilities"] == service["CapabilityBoundingSet"] == [""]
    assert service["PrivateUsers"] == ["yes"]


def test_networks() -> None:
    service = rendered({"address": ":443"}, unit.UnitSettings(["10.20.0.0/16", "fd00::/8"]))
    assert service["IPAddressDeny"] == ["any"]
    assert service["IPAddressAllow"] == ["localhost", "10.20.0.0/16", "fd00::/8"]


def test_without_networks_there_is_no_filter() -> None:
    service = rendered({"address": ":443"})
    assert "IPAddressDeny" not in service
    assert "IPAddressAllow" not in service


@pytest.mark.parametrize("network", ["corp", "10.20.0.1/16", "10.20.0.0/33", "", "10.0.0.0/8\nExecStartPre=/bin/false"])
def test_what_is_not_a_network(network: str) -> None:
    with pytest.raises(TrustAnchorError, match="is not a network"):
        unit.render({"address": ":443"}, unit.UnitSettings([network]), Layout())


def test_the_password_is_a_credential_and_no_argument() -> None:
    service = rendered({"address": ":443"})
    assert service["LoadCredentialEncrypted"] == ["password:/etc/step-ca/secrets/password.cred"]
    assert service["ExecStart"] == [
        "/usr/bin/step-ca /etc/step-ca/config/ca.json --password-file ${CREDENTIALS_DIRECTORY}/password"
    ]
    assert service["User"] == service["Group"] == ["step"]
    assert service["StateDirectory"] == ["step-ca"]


def test_environment() -> None:
    settings = unit.UnitSettings(environment={"NO_PROXY": "corp.example", "HTTPS_PROXY": "http://proxy:3128"})
    assert rendered({"address": ":443"}, settings)["Environment"] == [
        "STEPPATH=/etc/step-ca",
        '"HTTPS_PROXY=http://proxy:3128"',
        '"NO_PROXY=corp.example"',
    ]


def test_a_path_that_looks_like_a_line_of_the_unit_is_left_as_it_is() -> None:
    text = unit.render(
        {"address": ":443"}, unit.UnitSettings(environment={"A": "b"}), Layout("/srv/WorkingDirectory=x")
    )
    assert b"\nEnvironment=STEPPATH=/srv/WorkingDirectory=x\n" in text
    assert b'\nEnvironment="A=b"\nWorkingDirectory=/srv/WorkingDirectory=x\n' in text


def test_the_text_is_a_unit_file() -> None:
    text = unit.render({"address": ":443"}, unit.UnitSettings(), Layout()).decode()
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(text)
    assert parser.sections() == ["Unit", "Service", "Install"]
    assert "{" not in text.replace("${CREDENTIALS_DIRECTORY}", "")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (":443", 443),
        ("10.0.0.1:8443", 8443),
        ("[::1]:9000", 9000),
        ("ca.corp.example:65535", 65535),
        (":1", 1),
    ],
)
def test_ports(address: str, expected: int) -> None:
    assert unit.port(address) == expected


@pytest.mark.parametrize(
    "address", ["", ":", "ca.corp.example", ":0", ":65536", ":https", ":-1", ":44 3", ":²", ":٤٤٣", ":443\n"]
)
def test_what_is_not_an_address(address: str) -> None:
    with pytest.raises(TrustAnchorError, match="is not a listen address"):
        unit.port(address)


@given(st.text())
def test_any_text_is_a_port_or_refused(text: str) -> None:
    try:
        assert 0 < unit.port(text) < 65536
    except TrustAnchorError as error:
        assert "is not a listen address" in str(error)


def test_all_listeners() -> None:
    config = {"address": ":443", "insecureAddress": ":80", "metricsAddress": ":9090", "dnsNames": [":7"]}
    assert unit.listen_ports(config) == [443, 80, 9090]
    assert unit.listen_ports({"address": ":443", "insecureAddress": ""}) == [443]
