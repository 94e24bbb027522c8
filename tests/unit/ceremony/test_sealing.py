# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.seal import seal, verify_seal
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, profiles
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from factories import pki
from factories.pki import profiled as make

ROOT = make.root()
DATA = b'{"seq":0}\n{"seq":1}\r\n\n'  # line ends that a text mode would change


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    data, sealed = tmp_path / "transcript.jsonl", tmp_path / "transcript.p7s"
    data.write_bytes(DATA)
    sealed.write_bytes(seal(DATA, ROOT, make.ROOT_KEY))
    return data, sealed


def root_with(key: Any, now: dt.datetime = pki.FIXED_NOW) -> x509.Certificate:
    builder = builders.root_builder(profiles.parse_root(make.ROOT), key.public_key(), builders.Issuance.fresh(now))
    return builder.sign(key, builders.digest_for(key.public_key()))


def test_holds(files: tuple[Path, Path]) -> None:
    verify_seal(*files, ROOT)


def test_anyone_verifies_it_with_openssl_alone(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "root.crt").write_bytes(ROOT.public_bytes(Encoding.PEM))
    command = f"openssl cms -verify -binary -inform PEM -in {files[1]} -content {files[0]} -no_check_time"
    command += f" -CAfile {tmp_path}/root.crt -purpose any -out {tmp_path}/out"
    subprocess.run(command.split(), check=True, capture_output=True)
    assert (tmp_path / "out").read_bytes() == DATA


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 3072)],
    ids=["P-256", "RSA"],
)
def test_kinds_of_key(tmp_path: Path, key: Any) -> None:
    root = root_with(key)
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "seal").write_bytes(seal(DATA, root, key))
    verify_seal(tmp_path / "data", tmp_path / "seal", root)


def test_a_root_that_has_expired(tmp_path: Path) -> None:
    root = root_with(make.ROOT_KEY, dt.datetime(1999, 1, 1, tzinfo=dt.UTC))
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "seal").write_bytes(seal(DATA, root, make.ROOT_KEY))
    verify_seal(tmp_path / "data", tmp_path / "seal", root)


@pytest.mark.parametrize("spoilt", [DATA + b"\n", DATA[:-1], DATA.replace(b"\r", b""), DATA.replace(b"1", b"2"), b""])
def test_changed_data(files: tuple[Path, Path], spoilt: bytes) -> None:
    files[0].write_bytes(spoilt)
    with pytest.raises(TrustAnchorError, match="does not hold"):
        verify_seal(*files, ROOT)


def test_another_root_of_the_same_name(files: tuple[Path, Path]) -> None:
    with pytest.raises(TrustAnchorError, match="does not hold"):
        verify_seal(*files, root_with(make.new_key()))


def test_an_intermediate_seals_nothing(files: tuple[Path, Path]) -> None:
    key = make.new_key()
    intermediate = make.intermediate(ROOT, key)
    signed = pkcs7.PKCS7SignatureBuilder().set_data(DATA).add_signer(intermediate, key, hashes.SHA384())
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    files[1].write_bytes(signed.add_certificate(ROOT).sign(Encoding.PEM, options))
    with pytest.raises(TrustAnchorError, match="does not hold"):
        verify_seal(*files, ROOT)


@pytest.mark.parametrize("junk", [b"", b"junk", b"-----BEGIN CMS-----\nAAAA\n-----END CMS-----\n"])
def test_junk(files: tuple[Path, Path], junk: bytes) -> None:
    files[1].write_bytes(junk)
    with pytest.raises(TrustAnchorError, match="does not hold"):
        verify_seal(*files, ROOT)


def test_no_file(files: tuple[Path, Path]) -> None:
    files[1].unlink()
    with pytest.raises(TrustAnchorError, match="does not hold"):
        verify_seal(*files, ROOT)


def test_the_key_of_another_certificate() -> None:
    with pytest.raises(TrustAnchorError, match="not the key of"):
        seal(DATA, ROOT, make.new_key())
