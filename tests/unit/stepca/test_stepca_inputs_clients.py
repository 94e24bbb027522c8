# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA's own certificate and chain must be so that all clients read them alike."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import inputs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from factories import pki

ROOT = pki.root()
INTERMEDIATE = ROOT.intermediate()
SETTINGS: dict[str, Any] = {"address": ":443", "dnsNames": ["ca.corp.example"]}


def check(bundle: str = INTERMEDIATE.pem, root: pki.Authority = ROOT, planning: bool = False, **settings: Any) -> None:
    inputs.check(inputs.Inputs({**SETTINGS, **settings}, root.pem, root.sha256, bundle), pki.NOW, planning)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (ROOT.pem, "Test Root.*it is a root, which clients have themselves.*Take it out"),
        (INTERMEDIATE.pem, "the second one of that name"),
        (
            pki.pem(pki.authority_certificate("Test Intermediate", INTERMEDIATE.key, pki.root("Standby"))),
            "the second one of that name",
        ),
        (pki.root("Stranger").intermediate("Strange").pem, "'CN=Strange'.*it issued none of the others"),
    ],
    ids=["root", "double", "under another root", "stranger"],
)
def test_the_file_of_the_intermediate_holds_too_much(more: str, why: str) -> None:
    with pytest.raises(TrustAnchorError, match=why):
        check(INTERMEDIATE.pem + more)


def test_a_path_of_two_intermediates_is_good() -> None:
    check(pki.pem(*ROOT.intermediate("Middle").intermediate("Lower").above))


@pytest.mark.parametrize("name", ["my_ca.corp.example", "ca.corp.example.", "*.example", "10.0.0.300"])
def test_a_name_of_the_ca_that_some_client_does_not_read(name: str) -> None:
    with pytest.raises(TrustAnchorError, match="own name '.*' is not one that all clients read"):
        check(dnsNames=["ca.corp.example", name])


def limited(*, addresses: bool = True) -> pki.Authority:
    """A root whose name constraints permit corp.example, and the address that the tests use."""
    key = pki.new_key()
    trees: list[x509.GeneralName] = [x509.DNSName("corp.example")]
    if addresses:
        trees.append(x509.IPAddress(ipaddress.ip_network("10.0.0.0/8")))
    root = pki.bare(pki.name("Limited"), pki.name("Limited"), key.public_key(), pki.NOW - pki.DAY, pki.NOW + pki.DAY)
    usage = pki.root().certificate.extensions.get_extension_for_class(x509.KeyUsage)
    certificate = (
        root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage.value, critical=True)
        .add_extension(x509.NameConstraints(trees, None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return pki.Authority(certificate, key)


LIMITED = limited()
BELOW = LIMITED.intermediate(end=pki.NOW + pki.DAY).pem


@pytest.mark.parametrize("planning", [False, True])
@pytest.mark.parametrize(
    ("settings", "common_name"),
    [
        ({}, "Step Online CA"),
        ({"commonName": "ca.other.example"}, "ca.other.example"),
        ({"commonName": "10.0.0.1"}, "10.0.0.1"),
        ({"commonName": "Example CA"}, "Example CA"),
    ],
)
def test_a_ca_of_addresses_alone_needs_a_permitted_common_name(
    settings: dict[str, str], common_name: str, planning: bool
) -> None:
    bundle = "" if planning else BELOW
    with pytest.raises(TrustAnchorError, match=f"no DNS name, and '{common_name}'.*CN=Limited.*step_ca_extra_settings"):
        check(bundle, LIMITED, planning, dnsNames=["10.0.0.1"], **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"dnsNames": ["10.0.0.1"], "commonName": "corp.example"},
        {"dnsNames": ["10.0.0.1", "ca.corp.example"]},
        {"dnsNames": ["ca.corp.example"], "commonName": "Example CA"},
    ],
)
def test_common_names_that_clients_accept(settings: dict[str, Any]) -> None:
    check(BELOW, LIMITED, **settings)


def test_without_name_constraints_nobody_reads_the_common_name() -> None:
    check(dnsNames=["10.0.0.1"])


def test_an_intermediate_without_name_constraints_below_a_root_that_has_them_is_told() -> None:
    """Java takes no notice of those of its trust anchor."""
    said = inputs.warnings(inputs.Inputs(SETTINGS, LIMITED.pem, LIMITED.sha256, BELOW), pki.NOW)
    assert any("CN=Test Intermediate has no name constraints of its own" in one for one in said)
    below = LIMITED.intermediate(permitted_dns=["corp.example"]).pem
    said = inputs.warnings(inputs.Inputs(SETTINGS, LIMITED.pem, LIMITED.sha256, below), pki.NOW)
    assert not any("name constraints" in one for one in said)
    said = inputs.warnings(inputs.Inputs(SETTINGS, ROOT.pem, ROOT.sha256, INTERMEDIATE.pem), pki.NOW)
    assert not any("name constraints" in one for one in said)
