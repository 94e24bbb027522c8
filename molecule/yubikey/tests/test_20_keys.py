# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys by the modules for tokens, read back by ykman; a key that two YubiKeys have signs with either."""

from __future__ import annotations

from pathlib import Path

from lab import hosts
from lab.yubikeys import VirtualYubiKeys
from scenario import HOST, PRIMARY, STANDBY, TOKENS, Ceremony, device, run, ykman


def test_keys_are_made_once():
    runs = [run(TOKENS, check=check) for check in (True, False, False, True)]
    assert [(done.rc, done.changed) for done in runs] == [(0, 2), (0, 2), (0, 0), (0, 0)], runs[0].output
    root = runs[1].result("Look at the root's key", HOST)
    assert root["attestation"]["serial"] == str(PRIMARY) and root["attestation"]["touch_policy"] == "always"
    assert root["facts"]["defaults"] == [] and root["facts"]["pin_retries"] == 5
    # JSON of the loop's items comes one by one.
    copies = [one["facts"]["slot"] for one in runs[1].results["Look at the copies", HOST]]
    assert [one["origin"] for one in copies] == ["imported", "imported"]
    assert copies[0]["public_key_sha256"] == copies[1]["public_key_sha256"]


def test_ykman_reads_the_keys_back():
    rsa = ykman(PRIMARY, "keys info 9d")
    assert [word for word in ("RSA3072", "GENERATED", "ONCE", "CACHED") if word not in rsa] == []
    for serial in (PRIMARY, STANDBY):
        copy = ykman(serial, "keys info 82")
        assert [word for word in ("ECCP384", "IMPORTED", "ALWAYS", "NEVER") if word not in copy] == []
        assert hosts.run(HOST, f"ykman --device {serial} piv keys attest 82 -", check=False).returncode


def test_an_imported_root_signs_with_either_yubikey(keys: VirtualYubiKeys, tmp_path: Path):
    """The two have different PINs; the second ceremony is held with the copy alone."""
    ceremony = Ceremony(tmp_path / "pki", "copied", tokens=["primary", "standby"], origin="imported")
    ceremony.plug(primary=device(PRIMARY, "83"), standby=device(STANDBY, "83"))
    ceremony.finish()
    (key,) = [event["data"] for event in ceremony.events() if event["event"] == "key"]
    assert (key["origin"], key["attestation"], key["serials"]) == ("imported", None, [str(PRIMARY), str(STANDBY)])
    before = keys.signatures(STANDBY)
    keys.pull(PRIMARY)
    try:
        pinned = hosts.output(
            HOST, f"openssl x509 -in {ceremony.directory}/roots/copied.crt -noout -fingerprint -sha256"
        )
        sha256 = pinned.partition("=")[2].replace(":", "").lower()
        crl = {"act": "crl", "issuer": "copied", "number": 1, "days": 365, "revoked": []}
        ceremony.plan("second", [crl], roots={"copied": {"sha256": sha256, "standby": False}})
        ceremony.finish()
    finally:
        keys.insert(PRIMARY)
    assert ceremony.signed("second") == ["crl:copied"]
    assert keys.signatures(STANDBY) == before + 2  # the CRL and the seal
