# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and plans that no ceremony takes, and that cause no traceback."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.plan.document import dump
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from factories import plans as plan_factory
from factories.ceremony_host import SUBJECTS, CeremonyHost, refused
from factories.pki import profiled as make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT_AND_CA = ["root:r1", "intermediate:ca1"]


def test_a_request_that_is_not_the_one_of_the_plan(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    host.act("intermediate")["request_sha256"] = "0" * 64
    refused(host, "requests/ca1.csr has the SHA-256 .*reviewed for 0000")


def test_a_request_that_is_absent(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    (tmp_path / "requests/ca1.csr").unlink()
    refused(host, "there is no requests/ca1.csr")


def _spoilt_signature(key: Any) -> bytes:
    der = bytearray(make.request(key, SUBJECTS["ca1"]).public_bytes(Encoding.DER))
    der[40] ^= 1  # within the subject
    return x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)


BAD_REQUESTS = {
    "a bad signature": (_spoilt_signature, "is not signed by its own key"),
    "a weak key": (
        lambda _key: make.request(ec.generate_private_key(ec.SECP256K1()), SUBJECTS["ca1"]).public_bytes(Encoding.PEM),
        "is secp256k1",
    ),
    "another subject": (
        lambda key: make.request(key, "CN=Somebody else").public_bytes(Encoding.PEM),
        "asks for the subject 'CN=Somebody else'",
    ),
    "more than the profile": (
        lambda key: make.request(key, SUBJECTS["ca1"], x509.BasicConstraints(True, 3)).public_bytes(Encoding.PEM),
        "asks for the path length 3",
    ),
    "a name of its own": (
        lambda key: make.request(
            key, SUBJECTS["ca1"], x509.SubjectAlternativeName([x509.DNSName("bank.example")])
        ).public_bytes(Encoding.PEM),
        "asks for the extension subjectAltName",
    ),
    "no request at all": (lambda _key: b"hello", "holds no request that can be parsed"),
}


@pytest.mark.parametrize("what", BAD_REQUESTS)
def test_a_bad_request_stops_before_the_root_is_made(what: str, tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    spoil, message = BAD_REQUESTS[what]
    host.put_request("ca1", spoil(make.new_key()))
    refused(host, message)


def test_a_private_key_in_a_request_goes_nowhere(tmp_path: Path) -> None:
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    key = make.new_key()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    host.put_request("ca1", secret + make.request(key, SUBJECTS["ca1"]).public_bytes(Encoding.PEM))
    refused(host, "nothing before or after it")


VALID_REQUEST = make.request(make.new_key(), SUBJECTS["ca1"]).public_bytes(Encoding.DER)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, len(VALID_REQUEST) - 1), value=st.integers(0, 255), cut=st.integers(0, 400))
def test_malformed_requests_never_cause_a_traceback(tmp_path: Path, position: int, value: int, cut: int) -> None:
    import base64

    der = bytearray(VALID_REQUEST)
    der[position] = value
    body = base64.encodebytes(bytes(der[: len(der) - cut if cut < 50 else len(der)])).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n".encode()
    host = CeremonyHost(tmp_path, ROOT_AND_CA)
    host.put_request("ca1", pem)
    try:
        state = host.state()
    except TrustAnchorError:
        return
    assert bytes(der) == VALID_REQUEST or not state["over"]


PLAN_TEXT = dump(plan_factory.full())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, len(PLAN_TEXT) - 1), junk=st.binary(max_size=6), drop=st.integers(0, 30))
def test_malformed_plans_never_cause_a_traceback(tmp_path: Path, position: int, junk: bytes, drop: int) -> None:
    from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session import setup

    text = PLAN_TEXT[:position] + junk + PLAN_TEXT[position + drop :]
    host = CeremonyHost(tmp_path)
    good = host.material()
    material = setup.Material(text, good.tokens, {}, tmp_path, False)
    with contextlib.suppress(TrustAnchorError):
        setup.state(setup.ceremony_context(material, {}, {}))
    assert not (tmp_path / "softhsm").exists()
    assert not (tmp_path / "roots").exists()
