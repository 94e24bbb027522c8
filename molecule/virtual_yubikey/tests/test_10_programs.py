# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ykman, yubico-piv-tool and pkcs11-tool take the virtual key for a YubiKey."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab.hosts import output, run
from ansible_collections.trustanchor.private_ca.tests.lab.yubikeys import YKCS11, VirtualYubiKeys

testinfra_hosts = ["ssh://ceremony1"]

HOST = "ceremony1"
MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"
AUTHORISED = f"--management-key {MANAGEMENT_KEY} --pin 123456"


def ykman(*commands: str, serial: int = 11111111) -> str:
    """Run `ykman piv` commands in one login; return the output of all."""
    return output(HOST, " && ".join(f"ykman --device {serial} piv {command}" for command in commands))


def test_all_programs_see_both_keys():
    listed = output(HOST, "ykman list")
    tokens = output(HOST, f"pkcs11-tool --module {YKCS11} --list-slots")
    for serial, firmware in ((11111111, "5.7.1"), (22222222, "5.7.4")):
        assert f"({firmware}) [OTP+FIDO+CCID] Serial: {serial}" in listed
        assert f"YubiKey PIV #{serial}" in tokens
    status = output(HOST, "yubico-piv-tool --action status --reader 'Yubico YubiKey OTP+FIDO+CCID 00 01'")
    assert "22222222" in status and "PIN tries left:\t3" in status


def test_a_new_key_says_so():
    info = ykman("info")
    for line in ("PIN tries remaining:      3/3", "AES192", "default PIN!", "default PUK!", "default Management key!"):
        assert line in info


def test_credentials_leave_the_defaults(keys: VirtualYubiKeys):
    arguments = f"--algorithm AES256 --protect --generate --management-key {MANAGEMENT_KEY} --pin 246813"
    info = ykman(
        f"access set-retries --force {AUTHORISED} 5 4",
        "access change-pin --pin 123456 --new-pin 246813",
        "access change-puk --puk 12345678 --new-puk 24681357",
        f"access change-management-key {arguments}",
        "info",
    ).partition("PIV version")[2]
    assert "default" not in info
    assert "5/5" in info and "4/4" in info and "AES256" in info and "protected by PIN" in info
    # The protected management key opens with the PIN alone.
    assert "BEGIN PUBLIC KEY" in ykman("keys generate --algorithm ECCP384 --pin 246813 9c -")
    ykman("access unblock-pin --puk 24681357 --new-pin 135724")
    assert run(HOST, "ykman --device 11111111 piv access verify-pin 246813", check=False).returncode
    for secret in ("246813", "24681357", "135724", MANAGEMENT_KEY):
        assert secret.encode().hex() not in keys.log() and secret not in keys.log()


@pytest.mark.parametrize("algorithm", ["RSA3072", "ED25519"])
def test_keys(algorithm: str):
    policies = "--pin-policy ALWAYS --touch-policy CACHED"
    made = ykman(f"keys generate --algorithm {algorithm} {policies} {AUTHORISED} 9a -", "keys info 9a")
    for word in ("BEGIN PUBLIC KEY", algorithm, "GENERATED", "ALWAYS", "CACHED"):
        assert word in made


def test_certificate_move_delete_and_reset():
    managed = f"--management-key {MANAGEMENT_KEY}"
    moved = ykman(
        f"keys generate --algorithm ECCP384 {AUTHORISED} 9a /run/key.pem",
        f"certificates generate --subject CN=Test --valid-days 1 {AUTHORISED} 9a /run/key.pem",
        "certificates export 9a -",
        f"keys move {managed} 9a 82",
        "keys info 82",
    )
    assert "BEGIN CERTIFICATE" in moved and "ECCP384" in moved
    ykman(f"keys delete {managed} 82")
    assert run(HOST, "ykman --device 11111111 piv keys info 82", check=False).returncode
    assert "default PIN" in ykman("access change-pin --pin 123456 --new-pin 246813", "reset --force", "info")


def test_an_imported_key_is_never_attested():
    run(HOST, "openssl ecparam -name secp384r1 -genkey -noout -out /run/software.pem")
    imported = ykman(f"keys import {AUTHORISED} 9c /run/software.pem", "keys info 9c", "keys export 9c -")
    assert "IMPORTED" in imported
    assert output(HOST, "openssl pkey -in /run/software.pem -pubout") in imported
    assert run(HOST, "ykman --device 11111111 piv keys attest 9c -", check=False).returncode


@pytest.mark.parametrize(
    ("serial", "root", "management_key"),
    [(11111111, "old-root", "AES192"), (22222222, "new-root", "AES192"), (33333333, "old-root", "TDES")],
)
def test_attestation(keys: VirtualYubiKeys, serial: int, root: str, management_key: str):
    if serial == 33333333:
        keys.pull(22222222)
        keys.insert(serial)
    info = ykman(
        f"keys generate --algorithm ECCP384 --touch-policy ALWAYS {AUTHORISED} 9c /run/key.pem",
        "keys attest 9c /run/attestation.pem",
        "certificates export f9 /run/f9.pem",
        "info",
        serial=serial,
    )
    assert management_key in info
    published = "/run/virtual-yubikey/attestation"
    run(HOST, f"cat /run/f9.pem {published}/intermediates.pem > /run/untrusted.pem")
    verify = f"openssl verify -CAfile {published}/{root}.pem -untrusted /run/untrusted.pem /run/attestation.pem"
    assert output(HOST, verify) == "/run/attestation.pem: OK"
    key = output(HOST, "openssl x509 -in /run/attestation.pem -noout -pubkey")
    assert key == output(HOST, "cat /run/key.pem")
    assert keys.attestation_roots()[f"{root}.pem"].startswith(b"-----BEGIN CERTIFICATE-----")


def test_attestation_by_the_other_program():
    ykman(f"keys generate {AUTHORISED} 9c /run/key.pem")
    attested = "yubico-piv-tool --reader 'Yubico YubiKey OTP+FIDO+CCID 00 00' --action attest --slot 9c"
    assert "BEGIN CERTIFICATE" in output(HOST, attested)


def test_a_key_of_the_fourth_generation(keys: VirtualYubiKeys):
    keys.pull(11111111)
    keys.insert(4444444)
    assert "(4.3.1)" in output(HOST, "ykman list")
    assert "YubiKey YK4" in output(HOST, f"pkcs11-tool --module {YKCS11} --list-slots")
    generate = f"keys generate --algorithm ECCP384 {AUTHORISED} 9c /run/key.pem"
    ykman(generate, "certificates export f9 /run/f9.pem", serial=4444444)
    assert "CA:" not in output(HOST, "openssl x509 -in /run/f9.pem -noout -text")
