# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token import devices
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.pkcs11.keys import KeySpec
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends.yubikey import slots

HOME = Path("/var/lib/root-ceremony")
DIGEST = "ab" * 32
GOOD = f"""
version: 1
tokens:
  primary: {{kind: yubikey, module_path: /lib/libykcs11.so.2, serial: "11111111"}}
  standby: {{kind: yubikey, module_path: /lib/libykcs11.so.2, serial: 22222222, slot: 82}}
  lab1: {{kind: softhsm, label: root-r1, id: "02"}}
  other: {{kind: pkcs11, module_path: /lib/hsm.so, serial: "4711", id: "0a0b"}}
attestation:
  roots: [{{file: yubico-piv-ca-1.pem, sha256: {DIGEST.upper()}}}]
"""


def parse(text: str) -> devices.TokensFile:
    return devices.parse_tokens(text.encode(), "tokens.yml", HOME)


def test_each_kind() -> None:
    found = parse(GOOD)
    primary, standby, lab, other = (found.devices[name] for name in ("primary", "standby", "lab1", "other"))
    assert (primary.slot, primary.key) == ("9c", KeySpec(b"\x02"))
    assert (standby.slot, standby.key, standby.spec.serial) == ("82", KeySpec(b"\x05"), "22222222")
    assert lab.spec.module_path == devices.SOFTHSM_MODULE
    assert lab.spec.softhsm_config == "/var/lib/root-ceremony/softhsm2.conf"
    assert (other.spec.serial, other.key, other.slot) == ("4711", KeySpec(b"\x0a\x0b"), "")
    assert found.attestation_roots == (devices.PinnedFile("yubico-piv-ca-1.pem", DIGEST),)
    assert str(primary) == "token with serial 11111111 (slot 9c)"


@pytest.mark.parametrize("slot", ["9a", "9c", "9d", "9e", "82", "95"])
def test_a_slot_and_its_key(slot: str) -> None:
    assert slots.slot_of(slots.slot_key(slot)) == slot


def token(fields: str) -> str:
    return f"version: 1\ntokens:\n  a: {{{fields}}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "tokens.yml"),
        ("", "not a mapping"),
        ("tokens: {}", "'version' is missing"),
        ("version: 2\ntokens: {}", "version 1 is the newest that is understood"),
        ("version: 1", "names no tokens"),
        ("version: 1\ntokens: [a]", "names no tokens"),
        ("version: 1\ntokens: {a: 1}", "token a is int"),
        ("version: 1\ntokens: {'../a': {kind: softhsm}}", "not letters"),
        (token("kind: yubi"), "kind is 'yubi'"),
        (token("kind: yubikey, serial: '1'"), "'module_path' is missing"),
        (token("kind: yubikey, module_path: /m, serial: abc"), "is not a number"),
        (token("kind: yubikey, module_path: /m, serial: '1', slot: 9f"), "no PIV slot '9f'"),
        (token("kind: yubikey, module_path: /m, serial: '1', id: '02'"), "unknown key 'id'"),
        (token("kind: softhsm, label: a"), "'id' is missing"),
        (token("kind: softhsm, label: a, id: 02"), "'id' is 2"),
        (token("kind: softhsm, label: a, id: zz"), "not hexadecimal"),
        (token("kind: pkcs11, module_path: /m, id: '02'"), "both or neither"),
        (token("kind: softhsm, label: a, id: '02', pin: '1'"), "unknown key 'pin'"),
        (token("kind: softhsm, label: x, id: '02'") + "  b: {kind: softhsm, label: x, id: '03'}", "are the same token"),
        (GOOD + "  intermediates: {}", "a list is expected"),
        (GOOD + "  intermediates: [{file: a}]", "'sha256' is missing"),
        (GOOD + "  intermediates: [{file: a, sha256: 12}]", "'sha256' is 12"),
        (GOOD + "  intermediates: [{file: a, sha256: '12'}]", "is not a SHA-256"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        parse(text)


def test_a_pinned_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    assert devices.PinnedFile("ca.pem", digest).read(tmp_path) == b"x"
    with pytest.raises(TrustAnchorError, match="is pinned"):
        devices.PinnedFile("ca.pem", DIGEST).read(tmp_path)
    with pytest.raises(TrustAnchorError, match="cannot be read"):
        devices.PinnedFile("absent.pem", DIGEST).read(tmp_path)
