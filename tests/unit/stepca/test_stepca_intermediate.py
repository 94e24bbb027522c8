# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd-creds needs a booted systemd, so sealing and unsealing are replaced; everything else is real."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import commands, files
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import intermediate
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from factories import accounts, pki

SUBJECT = intermediate.Subject("Example Intermediate CA 1", "Example Corp")
SEAL = b"sealed:"


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A virgin CA host."""
    accounts.as_current_user(monkeypatch)
    monkeypatch.setattr(intermediate, "_seal", lambda password: SEAL + password)
    found = Layout(base=str(tmp_path / "step-ca"))
    monkeypatch.setattr(intermediate, "_unseal", lambda _layout: password_of(found))
    return found


def password_of(layout: Layout) -> bytes:
    return Path(layout.password).read_bytes().removeprefix(SEAL)


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def contents(layout: Layout) -> dict[str, bytes]:
    """Every file below the layout."""
    return {str(path): path.read_bytes() for path in Path(layout.base).rglob("*") if path.is_file()}


def certificate_for(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return pki.authority_certificate("Example Intermediate CA 1", key, pki.root())


@pytest.mark.parametrize(("curve", "size"), [("P-384", 384), ("P-256", 256)])
def test_a_key_is_made_encrypted(layout: Layout, curve: str, size: int) -> None:
    assert intermediate.ensure_key(layout, curve, check=False)
    pem = Path(layout.key).read_text()
    assert pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert intermediate.load_key(layout).curve.key_size == size
    assert mode(layout.key) == 0o440
    assert mode(layout.password) == 0o600
    assert mode(f"{layout.base}/secrets") == 0o710


def test_the_encryption_is_pbes2_with_aes(layout: Layout) -> None:
    intermediate.ensure_key(layout, "P-384", check=False)
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", layout.key], capture_output=True, check=True, text=True
    ).stdout
    assert ":PBES2" in shown
    assert ":PBKDF2" in shown
    assert ":aes-256-cbc" in shown


def test_openssl_opens_the_key_with_the_password_only(layout: Layout) -> None:
    """What step-ca reads is a plain PKCS#8 file."""
    intermediate.ensure_key(layout, "P-256", check=False)
    command = ["openssl", "pkey", "-in", layout.key, "-noout", "-passin", "stdin"]
    assert subprocess.run(command, input=password_of(layout), capture_output=True, check=False).returncode == 0
    assert subprocess.run(command, input=b"wrong", capture_output=True, check=False).returncode != 0


def test_the_password_is_random_and_in_no_other_file(layout: Layout) -> None:
    intermediate.ensure_key(layout, "P-256", check=False)
    password = password_of(layout)
    assert len(bytes.fromhex(password.decode())) == 32
    assert [path for path, content in contents(layout).items() if password in content] == [layout.password]
    for path in (layout.key, layout.password):
        Path(path).unlink()
    intermediate.ensure_key(layout, "P-256", check=False)
    assert password_of(layout) != password


def test_an_existing_key_is_never_replaced(layout: Layout) -> None:
    intermediate.ensure_key(layout, "P-384", check=False)
    before = contents(layout)
    assert not intermediate.ensure_key(layout, "P-384", check=False)
    assert not intermediate.ensure_key(layout, "P-256", check=False)
    assert contents(layout) == before


def test_a_password_without_a_key_is_what_a_killed_run_leaves(layout: Layout) -> None:
    intermediate.ensure_key(layout, "P-384", check=False)
    Path(layout.key).unlink()
    assert intermediate.ensure_key(layout, "P-384", check=False)
    intermediate.load_key(layout)


@pytest.mark.parametrize("password", [b"sealed:wrong", b"sealed:", b""])
@pytest.mark.parametrize("check", [True, False])
def test_a_wrong_password_is_refused_and_the_key_stays(layout: Layout, password: bytes, check: bool) -> None:
    intermediate.ensure_key(layout, "P-384", check=False)
    Path(layout.password).write_bytes(password)
    before = contents(layout)
    with pytest.raises(TrustAnchorError, match="does not open .*step-ca would not start any more"):
        intermediate.ensure_key(layout, "P-384", check)
    assert contents(layout) == before


def test_a_missing_password_is_told(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    intermediate.ensure_key(layout, "P-384", check=False)
    monkeypatch.undo()
    Path(layout.password).unlink()
    with pytest.raises(TrustAnchorError, match=r"password.cred is missing.*cannot be opened"):
        intermediate.load_key(layout)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not open"),
        (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "does not open"),
        (pki.key_pem(pki.new_key()).encode(), "does not open"),
        (
            rsa.generate_private_key(65537, 2048).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right")
            ),
            "is not an elliptic-curve key",
        ),
    ],
    ids=["empty", "damaged", "not-encrypted", "rsa"],
)
def test_keys_that_are_refused(layout: Layout, content: bytes, message: str) -> None:
    Path(layout.key).parent.mkdir(parents=True)
    Path(layout.key).write_bytes(content)
    Path(layout.password).write_bytes(b"sealed:right")
    with pytest.raises(TrustAnchorError, match=message):
        intermediate.ensure_key(layout, "P-384", check=False)
    assert Path(layout.key).read_bytes() == content


def test_check_mode_writes_nothing(layout: Layout) -> None:
    root = pki.root()
    signed = root.intermediate()
    assert intermediate.ensure_key(layout, "P-384", check=True)
    assert intermediate.ensure_request(layout, SUBJECT, check=True)
    corrected = intermediate.install(layout, signed.pem.encode(), root.pem.encode(), check=True)
    assert corrected[layout.certificate] == corrected[layout.root] == ["absent"]
    assert not Path(layout.base).exists()


def test_check_mode_on_a_finished_host_writes_nothing(layout: Layout) -> None:
    finish(layout)
    before = contents(layout)
    assert not intermediate.ensure_key(layout, "P-384", check=True)
    assert not intermediate.ensure_request(layout, SUBJECT, check=True)
    assert intermediate.ensure_request(layout, intermediate.Subject("Other"), check=True)
    assert contents(layout) == before


def finish(layout: Layout) -> tuple[bytes, bytes]:
    """Key, request, certificate; what was installed."""
    intermediate.ensure_key(layout, "P-384", check=False)
    intermediate.ensure_request(layout, SUBJECT, check=False)
    root = pki.root()
    signed = pki.authority_certificate("Example", intermediate.load_key(layout), root)
    installed = (pki.pem(signed).encode(), root.pem.encode())
    intermediate.install(layout, *installed, check=False)
    return installed


def test_the_request_fits_key_and_subject(layout: Layout) -> None:
    intermediate.ensure_key(layout, "P-384", check=False)
    assert intermediate.ensure_request(layout, SUBJECT, check=False)
    csr = x509.load_pem_x509_csr(Path(layout.request).read_bytes())
    assert csr.is_signature_valid
    assert csr.public_key() == intermediate.load_key(layout).public_key()
    assert csr.subject.rfc4514_string() == "CN=Example Intermediate CA 1,O=Example Corp"
    assert csr.signature_hash_algorithm is not None
    assert csr.signature_hash_algorithm.name == "sha384"
    assert mode(layout.request) == 0o644
    assert not intermediate.ensure_request(layout, SUBJECT, check=False)


def test_a_subject_without_organization() -> None:
    assert intermediate.Subject("CA").name().rfc4514_string() == "CN=CA"


@pytest.mark.parametrize("damage", ["garbage", "", "other key", "other subject"])
def test_a_request_that_does_not_fit_is_made_again(layout: Layout, damage: str) -> None:
    intermediate.ensure_key(layout, "P-256", check=False)
    intermediate.ensure_request(layout, SUBJECT, check=False)
    request = Path(layout.request)
    if damage.startswith("other"):
        key = pki.new_key() if damage == "other key" else intermediate.load_key(layout)
        subject = SUBJECT if damage == "other key" else intermediate.Subject("Other")
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject.name())
        request.write_bytes(builder.sign(key, intermediate._digest(key)).public_bytes(Encoding.PEM))
    else:
        request.write_text(damage)
    assert intermediate.ensure_request(layout, SUBJECT, check=False)
    csr = x509.load_pem_x509_csr(request.read_bytes())
    assert csr.public_key() == intermediate.load_key(layout).public_key()
    assert csr.subject == SUBJECT.name()


def test_a_certificate_of_another_key_is_refused(layout: Layout) -> None:
    intermediate.ensure_key(layout, "P-384", check=False)
    with pytest.raises(TrustAnchorError, match="does not match the key on this host.*the host has"):
        intermediate.require_match(layout, certificate_for(pki.new_key()))
    intermediate.require_match(layout, certificate_for(intermediate.load_key(layout)))


@pytest.mark.parametrize(
    ("days", "same_key", "same_issuer", "refused"),
    [(25, True, True, True), (0, True, True, False), (25, False, True, False), (25, True, False, False)],
)
def test_a_former_certificate_does_not_take_the_place_of_its_successor(
    layout: Layout, days: int, same_key: bool, same_issuer: bool, refused: bool
) -> None:
    """The record was checked out at an older commit."""
    root, key = pki.root(), pki.new_key()
    Path(layout.certificate).parent.mkdir(parents=True)
    wanted = pki.authority_certificate("CA", key, root, start=pki.NOW - (1 + days) * pki.DAY)
    intermediate.require_not_older(layout, wanted)
    Path(layout.certificate).write_text("damaged")
    intermediate.require_not_older(layout, wanted)
    issuer, of = root if same_issuer else pki.root("Other"), key if same_key else pki.new_key()
    present = pki.authority_certificate("CA", of, issuer, start=pki.NOW - pki.DAY)
    Path(layout.certificate).write_text(pki.pem(present))
    if refused:
        with pytest.raises(TrustAnchorError, match="this host has its successor of .* Bring the record up to date"):
            intermediate.require_not_older(layout, wanted)
    else:
        intermediate.require_not_older(layout, wanted)


def test_install_converges(layout: Layout) -> None:
    signed, root = finish(layout)
    assert Path(layout.certificate).read_bytes() == signed
    assert Path(layout.root).read_bytes() == root
    assert intermediate.install(layout, signed, root, check=False) == {}
    Path(layout.key).chmod(0o644)
    assert intermediate.install(layout, signed, root, check=True) == {layout.key: ["mode"]}
    assert mode(layout.key) == 0o644
    assert intermediate.install(layout, signed, root, check=False) == {layout.key: ["mode"]}
    assert mode(layout.key) == 0o440


def test_facts_hold_no_pem(layout: Layout) -> None:
    assert intermediate.facts(layout) == {}
    finish(layout)
    found = intermediate.facts(layout)
    assert found["request_subject"] == "CN=Example Intermediate CA 1,O=Example Corp"
    assert found["certificate"]["issuer"] == "CN=Test Root"
    assert "BEGIN" not in str(found)


def test_the_password_goes_by_standard_input(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Process arguments can be read by every user of the host."""
    seen: list[tuple[list[str], bytes]] = []

    def run(arguments: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        seen.append((arguments, stdin))
        return subprocess.CompletedProcess(arguments, 0, b"sealed:" + stdin, b"")

    monkeypatch.undo()
    monkeypatch.setattr(commands, "run", run)
    assert intermediate._seal(b"hunter2") == b"sealed:hunter2"
    assert seen == [(["systemd-creds", "encrypt", "--name=password", "-", "-"], b"hunter2")]
    Path(layout.password).parent.mkdir(parents=True)
    Path(layout.password).write_bytes(b"sealed")
    intermediate._unseal(layout)
    assert seen[1][0] == ["systemd-creds", "decrypt", "--name=password", layout.password, "-"]


def test_nothing_is_made_when_sealing_fails(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_password: bytes) -> bytes:
        raise TrustAnchorError("no TPM")

    monkeypatch.setattr(intermediate, "_seal", fail)
    with pytest.raises(TrustAnchorError, match="no TPM"):
        intermediate.ensure_key(layout, "P-384", check=False)
    assert contents(layout) == {}
    assert files.read(layout.key) is None
