# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The intermediate's request on its way from the CA host into the public record."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.action import intermediate as action
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import intermediate, work
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from factories import accounts, actions, pki
from factories.interleaving import Other

SUBJECT = intermediate.Subject("Example Intermediate CA 1", "Example Corp")


def request(subject: x509.Name | None = None, password: bytes = b"") -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or SUBJECT.name())
    if password:
        builder = builder.add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, password)
    return builder.sign(pki.new_key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def run(monkeypatch: pytest.MonkeyPatch, record: Path, answer: dict[str, Any], **options: Any) -> dict[str, Any]:
    host = actions.Host(answer)
    given = {"state": "requested", "common_name": SUBJECT.common_name, "organization": SUBJECT.organization}
    return host.run(action.ActionModule, monkeypatch, **given, record=str(record), **options)


def answer(pem: str) -> dict[str, Any]:
    return {"changed": False, "request": pem, "corrected": {}}


def test_it_is_kept_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, pem = tmp_path / "requests/ca1.csr", request()
    planned = run(monkeypatch, path, answer(pem), check_mode=True)
    assert (planned["changed"], planned["corrected"], path.exists()) == (True, {str(path): ["absent"]}, False)
    done = run(monkeypatch, path, answer(pem))
    assert (done["changed"], done["corrected"]) == (True, {str(path): ["absent"]})
    assert path.read_text() == pem
    assert run(monkeypatch, path, answer(pem))["changed"] is False


def _unsigned() -> str:
    """One whose signature is another one."""
    der = bytearray(x509.load_pem_x509_csr(request().encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    return ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST")


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        ("garbage", "holds no request that can be parsed"),
        (f"{request()}{pki.key_pem(pki.new_key())}", "holds no request that can be parsed"),
        (request(pki.name("Somebody else")), "'CN=Example Intermediate CA 1,O=Example Corp' is declared"),
        (request(password=b"hunter2"), "asks for the attribute 1.2.840.113549.1.9.7"),
        (_unsigned(), "is not signed by its own key"),
        (["a list"], "the host's answer cannot be used"),
        (None, "the host's answer cannot be used"),
    ],
    ids=["garbage", "key", "subject", "attribute", "signature", "type", "absent"],
)
def test_what_no_root_would_sign_does_not_get_into_the_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pem: Any, words: str
) -> None:
    path = tmp_path / "requests/ca1.csr"
    done = run(monkeypatch, path, answer(pem))
    assert done["failed"] is True
    assert words in done["msg"]
    assert not path.exists()
    assert "PRIVATE KEY" not in json.dumps(done)


@pytest.mark.parametrize("found", [{"failed": True, "msg": "no"}, answer("")])
def test_without_a_request_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: dict[str, Any]
) -> None:
    done = run(monkeypatch, tmp_path / "x.csr", dict(found))
    assert done == found
    assert not (tmp_path / "x.csr").exists()


def test_two_runs_on_a_virgin_host_make_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key, password and request of two runs would not fit each other."""
    accounts.as_current_user(monkeypatch)
    layout = Layout(base=str(tmp_path / "step-ca"))
    monkeypatch.setattr(intermediate, "_unseal", lambda _layout: Path(layout.password).read_bytes())

    def make() -> list[bool]:
        monkeypatch.setattr(intermediate, "_seal", lambda password: password)
        with work.at_work(layout, check=False):
            return [
                intermediate.ensure_key(layout, "P-256", check=False),
                intermediate.ensure_request(layout, SUBJECT, check=False),
            ]

    with Other(make) as second:

        def seal(password: bytes) -> bytes:
            second.start()
            second.await_lock()
            return password

        monkeypatch.setattr(intermediate, "_seal", seal)
        with work.at_work(layout, check=False):
            assert intermediate.ensure_key(layout, "P-256", check=False)
            assert intermediate.ensure_request(layout, SUBJECT, check=False)
        assert second.result() == [False, False]
    intermediate.load_key(layout)
