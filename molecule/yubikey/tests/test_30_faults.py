# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ceremony meets every fault of a YubiKey: each is reported, nothing is signed, and in the end it is held.

The tests build on each other: they are one day at one machine, with a YubiKey fresh from the drawer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lab import hosts
from lab.play import Play
from lab.yubikeys import VirtualYubiKeys
from scenario import HOST, OLD, PRIMARY, SPARE, STANDBY, Ceremony, device, maker, pins, run, ykman

NAME = "faults"
PREPARE = "playbooks/prepare_tokens.yml"
FACTORY = "--management-key 010203040506070801020304050607080102030405060708 --pin 123456"
WRONG = {"root_ceremony_pins": {"primary": "00000000"}}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceremony]:
    ceremony = Ceremony(tmp_path_factory.mktemp("day") / "pki", NAME)
    ceremony.plug(primary=device(SPARE, "9c"))
    yield ceremony
    yubikeys = VirtualYubiKeys(HOST)
    for serial in (SPARE, OLD):
        yubikeys.pull(serial)
    for serial in (PRIMARY, STANDBY):
        yubikeys.insert(serial)


def refused(day: Ceremony, *words: str, run: Play | None = None, **variables: object) -> None:
    """The ceremony fails with these words, and nothing is signed."""
    before = day.signed()
    done = run or day.hold(**variables)
    told = done.failure(HOST)
    assert [word for word in words if word not in told] == [], told
    assert "Traceback" not in done.output
    assert day.signed() == before


def test_another_yubikey_is_plugged_in(day: Ceremony):
    refused(day, f"no token with serial {SPARE} is present", f"(serial {PRIMARY})", "Insert it")


def test_nothing_may_be_as_the_factory_set_it(day: Ceremony, keys: VirtualYubiKeys):
    keys.pull(STANDBY)
    keys.insert(SPARE)
    # For later: keys that are not as planned.
    hosts.run(HOST, "openssl ecparam -name secp384r1 -genkey -noout -out /run/software.pem")
    ykman(SPARE, f"keys import {FACTORY} --pin-policy ALWAYS --touch-policy ALWAYS 9a /run/software.pem")
    ykman(SPARE, f"keys generate {FACTORY} --algorithm ECCP384 --pin-policy ALWAYS --touch-policy NEVER 9d -")
    refused(day, "still as the factory set it: PIN and PUK and management key", "prepare_tokens")
    runs = [run(PREPARE, check=check, **day.variables(root_ceremony_pin_retries=2)) for check in (True, False)]
    assert [done.changed for done in runs] == [1, 1], runs[-1].output


def test_one_default_is_enough_to_stop(day: Ceremony, keys: VirtualYubiKeys):
    keys.credentials(SPARE, puk="12345678")
    refused(day, "still as the factory set it: PUK (")
    keys.credentials(SPARE, puk="24681357")


def test_an_imported_key_where_a_generated_one_is_planned(day: Ceremony):
    day.plug(primary=device(SPARE, "9a"))
    refused(day, "the origin of its key is imported, not generated as asked", "no PIN was tried")


def test_a_key_with_another_policy(day: Ceremony):
    day.plug(primary=device(SPARE, "9d"))
    refused(day, "the touch policy of its key is never, not always as asked")


def test_an_occupied_slot_is_never_overwritten():
    done = run("molecule/yubikey/occupied.yml", serial=str(SPARE))
    told = done.failure(HOST)
    assert "the algorithm of its key is ec-p384, not rsa-3072 as asked" in told and "never replaced" in told
    assert "ECCP384" in ykman(SPARE, "keys info 9d")


def test_rsa_keys_of_old_firmware_can_be_factored(keys: VirtualYubiKeys, tmp_path: Path):
    keys.pull(PRIMARY)
    keys.insert(OLD)
    ceremony = Ceremony(tmp_path / "pki", "roca", algorithm="rsa-3072")
    ceremony.plug(primary=device(OLD, "9c"))
    refused(ceremony, "RSA keys made by firmware 4.3.1 can be factored (CVE-2017-15361")
    keys.pull(OLD)
    keys.insert(PRIMARY)


def test_a_tampered_certificate_of_the_maker(day: Ceremony, tmp_path: Path):
    (tmp_path / "maker.pem").write_bytes(Path(maker()["file"]).read_bytes() + b"\n")
    day.plug([{"file": str(tmp_path / "maker.pem"), "sha256": maker()["sha256"]}], primary=device(SPARE, "9c"))
    refused(day, "is pinned", "a certificate that nobody approved")


def test_a_wrong_pin_is_counted_and_the_last_try_is_left(day: Ceremony, keys: VirtualYubiKeys):
    day.plug(primary=device(SPARE, "9c"))
    refused(day, f"the PIN of the token with serial {SPARE} is wrong", "attempts left: 1", **WRONG)
    refused(day, "one attempt at its PIN is left", "no PIN was tried", **WRONG)
    assert keys.status()["keys"][str(SPARE)]["pin_tries"] == 1


def test_a_blocked_pin(day: Ceremony, keys: VirtualYubiKeys):
    keys.block(SPARE, "pin")
    refused(day, "its PIN is locked", "unblock it with the PUK")
    keys.credentials(SPARE, pin=pins()["primary"])


def test_a_key_that_the_maker_does_not_vouch_for(day: Ceremony, tmp_path: Path):
    """The key is made: only then can it be attested. It stays, and is looked at again."""
    stranger = tmp_path / "stranger.pem"
    stranger.write_text(hosts.output(HOST, "cat /var/lib/root-ceremony/roots/r1.crt") + "\n")
    pinned = {"file": str(stranger), "sha256": hashlib.sha256(stranger.read_bytes()).hexdigest()}
    day.plug([pinned], primary=device(SPARE, "9c"))
    refused(day, "no pinned certificate leads to", "the token is not genuine")
    day.plug(primary=device(SPARE, "9c"))


def test_no_touch(day: Ceremony, keys: VirtualYubiKeys):
    keys.touch("never", 1)
    refused(day, "was not touched in time", "touch the token when it blinks")
    assert [event["data"]["attestation"]["serial"] for event in day.events() if event["event"] == "key"] == [str(SPARE)]
    assert keys.signatures(SPARE) == 0


def test_pulled_while_it_waits_for_the_touch(day: Ceremony, keys: VirtualYubiKeys):
    keys.touch("manual", 30)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(day.hold)
        hosts.await_true(lambda: keys.status()["touch"]["waiting"] == [SPARE], 60, "nobody waits for a touch")
        keys.pull(SPARE)
        refused(day, f"the token with serial {SPARE} went away", "Insert it again", run=running.result())
    keys.insert(SPARE)


def test_pulled_as_it_signs(day: Ceremony, keys: VirtualYubiKeys):
    keys.pull_at_signature(SPARE)
    refused(day, f"the token with serial {SPARE} went away", "Insert it again")
    keys.insert(SPARE)


def test_a_wrong_pin_at_the_signature(day: Ceremony, keys: VirtualYubiKeys):
    """PKCS#11 enters it there, Yubico's library when the key was made."""
    refused(day, f"the PIN of the token with serial {SPARE} is wrong", "attempts left: 1", **WRONG)
    keys.credentials(SPARE, pin=pins()["primary"])


def test_in_the_end_it_is_held(day: Ceremony):
    day.finish()
    assert day.signed() == [f"root:{NAME}"]
    failed = [event["data"]["error"] for event in day.events() if event["event"] == "failed"]
    assert len(failed) >= 6, failed
    again = day.finish()
    assert again.changed == 0
    verified = run("playbooks/verify_ceremony.yml", pki_directory=str(day.record))
    assert verified.rc == 0, verified.output
