# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What linters of others say of every profile: pkilint, which ceremonies ask as well, and zlint."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import templates
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import pkilint
from cryptography import x509
from factories import issued, pki, proof_clients, proof_shapes
from factories.pki import profiled

_CRL = "http://pki.corp.example/ca1.crl"
# What rests on standards; the others are rules of the public web's certificates.
_SOURCES = "Community,RFC3279,RFC5280,RFC5480,RFC5891,RFC8813"
# What zlint says of these and is right otherwise: it wants two labels in a subtree, and `invalid` stands for nobody.
_ACCEPTED = {"e_name_constraint_not_fqdn"}
_SIGNED_BY_A_ROOT = {
    "root": proof_shapes.ROOT,
    "standby root": profiled.standby(profiled.new_key()),
    "intermediate": proof_shapes.CA.intermediate.certificate,
    "manifest signer": profiled.manifest_signer(profiled.root(path_length=2), profiled.new_key()),
    "cross-certificate": profiled.cross(profiled.standby(profiled.new_key()), profiled.root(path_length=2)),
}
_SIGNED_BY_STEP_CA = {
    **{what: (templates.leaf(_CRL), names, False) for what, (names, _host) in proof_shapes.GOOD.items()},
    "a key of RSA": (templates.leaf(""), ["web.corp.example"], True),
    "a canary": (templates.canary("ca.corp.example"), ["ca.corp.example"], False),
    "a canary of an address": (templates.canary("10.0.0.1"), ["10.0.0.1"], False),
}


def zlint_findings(certificate: x509.Certificate, directory: Path) -> Mapping[str, str]:
    """Lint to what is wrong."""
    path = directory / "certificate.pem"
    path.write_text(pki.pem(certificate))
    command = [str(proof_clients.zlint()), "-includeSources", _SOURCES, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    results = json.loads(done.stdout)
    assert len(results) > 50
    return {lint: one["result"] for lint, one in results.items() if one["result"] not in ("pass", "NA", "NE")}


@pytest.mark.parametrize("what", _SIGNED_BY_A_ROOT)
def test_what_a_ceremony_signs(what: str, tmp_path: Path) -> None:
    certificate = _SIGNED_BY_A_ROOT[what]
    assert pkilint.certificate_findings(certificate) == ()
    assert zlint_findings(certificate, tmp_path).keys() <= _ACCEPTED


@pytest.mark.parametrize("what", _SIGNED_BY_STEP_CA)
def test_what_step_makes_of_the_templates(what: str, tmp_path: Path) -> None:
    template, names, rsa = _SIGNED_BY_STEP_CA[what]
    certificate = issued.by_template(template, names, proof_shapes.CA.intermediate, tmp_path, rsa=rsa)
    assert pkilint.certificate_findings(certificate) == ()
    assert zlint_findings(certificate, tmp_path) == {}


def test_they_are_asked_at_all(tmp_path: Path) -> None:
    bare = profiled.leaf(profiled.root(), profiled.ROOT_KEY, [x509.DNSName("my_web.corp.example")])
    assert "e_ext_authority_key_identifier_no_key_identifier" in zlint_findings(bare, tmp_path)


@pytest.mark.parametrize("name", ["my_web.corp.example", "web-.corp.example", "*.corp", "*.*.corp.example", "*"])
def test_a_name_that_some_client_does_not_read_is_refused_by_the_template(name: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="is not a name of a host that all clients read"):
        issued.by_template(templates.leaf(""), [name], proof_shapes.CA.intermediate, tmp_path)


def test_a_common_name_is_one_of_the_names(tmp_path: Path) -> None:
    for number, (names, common) in enumerate(
        [(["10.0.0.1"], ""), (["10.0.0.1", "a.corp.example"], ""), (["a.corp.example"], "a.corp.example")]
    ):
        directory = tmp_path / str(number)
        directory.mkdir()
        leaf = issued.by_template(templates.leaf(""), names, proof_shapes.CA.intermediate, directory)
        assert "".join(str(one.value) for one in leaf.subject) == common
        assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical is (not common)
