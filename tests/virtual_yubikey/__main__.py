# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run virtual YubiKeys: `python -m virtual_yubikey --help`."""

from __future__ import annotations

import argparse
import os
import socket
import threading
from pathlib import Path

from .algorithms import Version
from .attestation import Factory
from .card import Card
from .credentials import MANAGEMENT_ALGORITHMS
from .fleet import Fleet, Refused
from .reader import Slot
from .server import Server
from .touch import MODES, Touch

_VPCD_PORT = 0x8C7B
_SLOTS = 2  # of vpcd


def _version(text: str) -> Version:
    major, minor, patch = (int(part) for part in text.split("."))
    return major, minor, patch


def _key(text: str) -> dict[str, str]:
    options = dict(part.split("=", 1) for part in text.split(","))
    if not {"serial"} <= set(options) <= {"serial", "firmware", "management_key"}:
        raise ValueError(text)
    return options


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m virtual_yubikey", description="YubiKeys for tests, behind vpcd.")
    parser.add_argument("--state", type=Path, required=True, help="directory for control.sock, apdu.log, attestation/")
    parser.add_argument(
        "--key",
        type=_key,
        action="append",
        required=True,
        metavar="serial=N[,firmware=5.7.1][,management_key=tdes|aes128|aes192|aes256]",
        help="one key; the first two are plugged in",
    )
    parser.add_argument("--touch", choices=MODES, default="automatic")
    parser.add_argument("--touch-seconds", type=float, default=15.0, help="how long a key waits for a touch")
    parser.add_argument("--port", type=int, default=_VPCD_PORT, help="of vpcd's first slot")
    return parser.parse_args()


def _make(options: dict[str, str], factory: Factory, touch: Touch, state: Path) -> Card:
    version = _version(options.get("firmware", "5.7.1"))
    # As delivered: AES-192 since 5.7, triple DES before.
    kind = options.get("management_key", "aes192" if version >= (5, 7, 0) else "tdes")
    log = (state / "apdu.log").open("a")
    return Card(int(options["serial"]), version, MANAGEMENT_ALGORITHMS[kind], factory, touch, log)


def _say_ready() -> None:
    """Tell systemd, when it started this, that the keys can be used (sd_notify(3))."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            wire.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            wire.send(b"READY=1")


def main() -> None:
    """Serve until killed."""
    options = _arguments()
    factory = Factory.new()
    published = options.state / "attestation"
    published.mkdir(parents=True, exist_ok=True)
    for name, content in factory.files().items():
        (published / name).write_bytes(content)
    touch = Touch(options.touch, options.touch_seconds)
    cards = [_make(key, factory, touch, options.state) for key in options.key]
    fleet = Fleet(cards, [Slot(options.port + number) for number in range(_SLOTS)], touch)
    with Server(options.state / "control.sock", fleet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            fleet.insert_first()
        except Refused as problem:
            raise SystemExit(f"virtual_yubikey: {problem}") from problem
        _say_ready()
        threading.Event().wait()


if __name__ == "__main__":
    main()
