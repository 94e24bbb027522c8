# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual YubiKeys in a ceremony machine of the lab, for tests and for the prepare steps of scenarios.

`python -m ansible_collections.trustanchor.private_ca.tests.lab.yubikeys start HOST SERIAL[=FIRMWARE]...` starts them
from a play.
"""

from __future__ import annotations

import base64
import io
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import hosts

PYTHON = "/opt/trustanchor/bin/python"
YKCS11 = "/usr/lib/x86_64-linux-gnu/libykcs11.so.2"
FIRMWARE = "5.7.1"
_HOME = "/opt/virtual-yubikey"
_STATE = "/run/virtual-yubikey"
_PCSCD, _EMULATOR = "virtual-yubikey-pcscd", "virtual-yubikey"
_WAIT_SECONDS = 20
# Programs look for "Yubico YubiKey" in the reader's name, and for the interfaces of the key.
_READER = """FRIENDLYNAME "Yubico YubiKey OTP+FIDO+CCID"
DEVICENAME /dev/null:0x8C7B
LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so
CHANNELID 0x8C7B
"""


class VirtualYubiKeys:
    """Virtual YubiKeys behind the PC/SC service of one host.

    Args:
        host: of the lab, made from the image of the ceremony machine.
    """

    def __init__(self, host: str = "ceremony1") -> None:
        self.host = host

    def start(
        self,
        serials: Sequence[int] = (11111111, 22222222),
        firmware: str | Mapping[int, str] = FIRMWARE,
        management_key: str | None = None,
        touch: str = "automatic",
        touch_seconds: float = 15,
    ) -> None:
        """Start new keys with nothing on them; what ran before is stopped. The first two keys are plugged in.

        Between tests with the same keys `renew` is faster.

        Args:
            serials: of the keys; more than two can be swapped by `pull` and `insert`.
            firmware: of all keys, or by serial. From 5.7.4 on, f9 is under the new root and its intermediates.
            management_key: tdes, aes128, aes192 or aes256 (default: as delivered with this firmware).
            touch: automatic, manual (each touch by `press`) or never.
            touch_seconds: how long a key waits for a touch.
        """
        self.stop()
        versions = {serial: firmware if isinstance(firmware, str) else firmware[serial] for serial in serials}
        kind = f",management_key={management_key}" if management_key else ""
        keys = " ".join(f"--key serial={serial},firmware={version}{kind}" for serial, version in versions.items())
        self._install()
        hosts.run(
            self.host,
            # Both run with the lifetime of their units; the second one says when its keys are in the reader.
            f"systemd-run --quiet --unit {_PCSCD} pcscd --foreground --disable-polkit --config {_STATE}/reader\n"
            f"systemd-run --quiet --unit {_EMULATOR} --service-type=notify --setenv=PYTHONPATH={_HOME}"
            f" --property=BindsTo={_PCSCD}.service {PYTHON} -m virtual_yubikey --state {_STATE}"
            f" --touch {touch} --touch-seconds {touch_seconds} {keys}",
        )
        self._send([], settle=True)

    def renew(self) -> None:
        """Begin again, much faster than `start`: all keys as from the factory, the first two plugged in.

        The certificates f9 stay, and so do their roots.
        """
        self._send([{"do": "renew"}, {"do": "insert_first"}], settle=True)

    def stop(self) -> None:
        """End keys and PC/SC service; all that was on the keys is gone."""
        units = f"{_EMULATOR}.service {_PCSCD}.service"
        hosts.run(self.host, f"systemctl stop {units}; systemctl reset-failed {units}; rm -rf {_STATE}", check=False)

    def status(self) -> dict[str, Any]:
        """What is plugged in, who waits for a touch, and how many signatures each key has made (`signatures`)."""
        found: dict[str, Any] = self._ask({"do": "status"})
        return found

    def signatures(self, serial: int) -> int:
        """How many signatures a key has made."""
        return int(self.status()["keys"][str(serial)]["signatures"])

    def pull(self, serial: int) -> None:
        """Take a key out, and wait until the PC/SC service has noticed."""
        self._send([{"do": "pull", "serial": serial}], settle=True)

    def pull_at_signature(self, serial: int) -> None:
        """Take a key out the next time that it signs: its answer never arrives."""
        self._ask({"do": "pull_at_signature", "serial": serial})

    def insert(self, serial: int) -> None:
        """Plug a key into an empty slot, and wait until programs can talk to it."""
        self._send([{"do": "insert", "serial": serial}], settle=True)

    def touch(self, mode: str, seconds: float | None = None) -> None:
        """Change how touches are given from now on: automatic, manual or never; seconds: how long a key waits."""
        self._ask({"do": "touch", "mode": mode, "seconds": seconds})

    def press(self, serial: int, seconds: float = _WAIT_SECONDS) -> None:
        """Touch a key once (mode manual); waits until it asks for it.

        Raises:
            AssertionError: it did not ask in time.
        """
        self._ask({"do": "press", "serial": serial, "seconds": seconds})

    def block(self, serial: int, what: str) -> None:
        """Use up the tries of `pin` or `puk`."""
        self._ask({"do": "block", "serial": serial, "what": what})

    def reset(self, serial: int) -> None:
        """Make a key as new: no keys in its slots, credentials of the factory. f9 stays."""
        self._ask({"do": "reset", "serial": serial})

    def credentials(self, serial: int, **values: str) -> None:
        """Give a key other credentials: pin, puk, management_key (hexadecimal)."""
        self._ask({"do": "credentials", "serial": serial, **values})

    def attestation_roots(self) -> dict[str, bytes]:
        """The certificates (PEM) that their maker publishes: old-root.pem, new-root.pem, intermediates.pem."""
        names = ("old-root.pem", "new-root.pem", "intermediates.pem")
        return {name: hosts.run(self.host, f"cat {_STATE}/attestation/{name}").stdout.encode() for name in names}

    def log(self) -> str:
        """Every command that the keys got; without secrets."""
        return hosts.run(self.host, f"cat {_STATE}/apdu.log").stdout

    def _install(self) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for path in sorted((Path(__file__).resolve().parents[1] / "virtual_yubikey").glob("*.py")):
                archive.add(path, f"virtual_yubikey/{path.name}")
        hosts.run(
            self.host,
            f"install -d -m 700 {_HOME} {_STATE} {_STATE}/reader && base64 -d | tar -xz -C {_HOME}"
            f" && cat > {_STATE}/reader/reader.conf <<'END'\n{_READER}END",
            base64.b64encode(buffer.getvalue()).decode(),
        )

    def _ask(self, request: Mapping[str, Any]) -> Any:
        return self._send([request], settle=False)[0]

    def _send(self, requests: Sequence[Mapping[str, Any]], *, settle: bool) -> Any:
        question = {
            "socket": f"{_STATE}/control.sock",
            "requests": requests,
            "settle": settle,
            "seconds": _WAIT_SECONDS,
        }
        answer = hosts.ask(self.host, "virtual_yubikeys", question)
        assert "error" not in answer, answer["error"]
        return answer["results"]


def main(arguments: Sequence[str]) -> None:
    """Start or stop the keys of a host: start HOST SERIAL[=FIRMWARE]..., stop HOST."""
    action, host, *wanted = arguments
    keys = VirtualYubiKeys(host)
    if action == "start":
        parts = [one.partition("=") for one in wanted]
        firmware = {int(serial): version or FIRMWARE for serial, _equals, version in parts}
        keys.start(list(firmware), firmware=firmware)
    else:
        keys.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
