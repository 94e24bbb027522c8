# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search hosts for secrets that must be nowhere in clear, and plant harmless ones that the search must find."""

from __future__ import annotations

import base64
import secrets
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from . import hosts

# Where Ansible might write while it works.
PASSING = ["/root/.ansible", "/tmp", "/var/tmp", "/dev/shm"]  # noqa: S108
PASSING_HERE = [str(Path("~/.ansible").expanduser())]
PLANT_UNIT = "planted-secret.service"

Found = list[Any]


def forms(secret: bytes) -> list[str]:
    """A secret in clear, in hexadecimal and in base64 (in its three alignments), each in hexadecimal."""
    text = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    shifted = [base64.b64encode(b"\0" * shift + secret)[4 if shift else 0 :].rstrip(b"=")[:-2] for shift in range(3)]
    return [form.hex() for form in [*text, *shifted]]


def scalar(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private value."""
    return key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")


def spki(key: Any) -> str:
    """DER SubjectPublicKeyInfo in hexadecimal."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    found: bytes = key.public_bytes(serialization.Encoding.DER, form)
    return found.hex()


@dataclass(frozen=True)
class Question:
    """What to search for, as tests/lab/programs/search.py takes it; the needles stay out of pytest's messages."""

    asked: dict[str, Any] = field(repr=False)

    def start(self, host: str, **more: Any) -> subprocess.Popen[str]:
        """Start the search on a host."""
        return hosts.start(host, "search", {**self.asked, **more})


class Planted:
    """Harmless secrets that are put where secrets must not be: the search must find them."""

    def __init__(self) -> None:
        self.marker = secrets.token_hex(16)
        self.key = ec.generate_private_key(ec.SECP384R1())

    def plant(self, host: str) -> None:
        """Put them into a file, arguments, an environment, a deleted file and the journal."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        hosts.run(host, "mkdir -p /root/.ansible/tmp; cat > /root/.ansible/tmp/planted.pem", pem.decode())
        keep_open = f"exec 3>/var/tmp/planted; echo {self.marker} >&3; rm /var/tmp/planted; sleep infinity; exit"
        start = f"systemd-run --unit {PLANT_UNIT} --setenv PLANTED={self.marker} sh -c '{keep_open}' {self.marker}"
        hosts.run(host, start)
        hosts.run(host, f"logger {self.marker}")

    def remove(self, host: str) -> None:
        """Take them away; the journal keeps its own."""
        hosts.run(host, f"systemctl stop {PLANT_UNIT}; rm -f /root/.ansible/tmp/planted.pem")


def leaks(found: Iterable[Found]) -> list[Found]:
    """What was found, but for what was planted."""
    return [one for one in found if not one[0].startswith("planted")]


def kinds(found: Iterable[Found]) -> set[str]:
    """The kinds of places where the planted marker was found."""
    return {kind for name, kind, _place in found if name == "planted"}


def search(question: Question, places: dict[str, Sequence[str]]) -> dict[str, list[Found]]:
    """Search hosts at the same time, their journals too.

    Args:
        question: what for.
        places: host to directories.
    """
    running = {
        host: question.start(host, paths=list(paths), journal=host != "localhost") for host, paths in places.items()
    }
    return {host: hosts.answer(program)["found"] for host, program in running.items()}
