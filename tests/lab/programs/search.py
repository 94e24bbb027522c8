# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search this machine for secrets; prints a list of [what, kind of place, place].

Question: one line of JSON.
    needles: name to list of byte strings in hexadecimal.
    keys: name to the DER SubjectPublicKeyInfo in hexadecimal of keys whose private half must not be found in clear.
    paths: directories whose files are searched.
    journal: search the journal too.
    watch: search paths, arguments and environments again and again until standard input is closed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator

CHUNK, OVERLAP = 16 << 20, 1 << 12
PAUSE_SECONDS = 0.05
# Kernel file systems; /dev/shm is searched by its own name. The credential of the running daemon is where systemd
# has to put it: memory that is never written to swap, readable by the daemon alone.
SKIPPED = {"/proc", "/sys", "/dev", "/run/credentials/step-ca.service"}
PEM = re.compile(rb"-----BEGIN (?:EC )?PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END (?:EC )?PRIVATE KEY-----")
SEC1_START = b"\x02\x01\x01\x04"  # version 1, then the OCTET STRING of the private value (RFC 5915 section 3)

question = json.loads(sys.stdin.readline())
needles = [(name, bytes.fromhex(text)) for name, texts in question["needles"].items() for text in texts]
public_keys = {name: bytes.fromhex(der) for name, der in question["keys"].items()}
found: set[tuple[str, str, str]] = set()


def opens_as(pem: bytes) -> bytes:
    """DER of the public half of an unencrypted private key in PEM; empty when it is not one or is encrypted."""
    command = ["openssl", "pkey", "-pubout", "-outform", "DER", "-passin", "pass:"]
    return subprocess.run(command, input=pem, capture_output=True, check=False).stdout


def look(data: bytes, kind: str, place: str) -> None:
    """Note every secret in some bytes."""
    for name, needle in needles:
        if needle in data:
            found.add((name, kind, place))
    if b"PRIVATE KEY-----" in data:
        for match in PEM.finditer(data):
            public = opens_as(match.group(0))
            found.update((name, kind, place) for name, der in public_keys.items() if der == public)
    for name, der in public_keys.items():
        point = der[-64:]  # the end of the public point; a private key in DER has it behind the private value
        at = data.find(point)
        while at >= 0:
            if SEC1_START in data[max(0, at - 130) : at]:
                found.add((name, kind, place))
            at = data.find(point, at + 1)


def look_into(path: str, kind: str, place: str) -> None:
    """Search a file in pieces that overlap."""
    with contextlib.suppress(OSError), open(path, "rb") as handle:
        rest = b""
        while piece := handle.read(CHUNK):
            look(rest + piece, kind, place)
            rest = piece[-OVERLAP:]


def _is_of_the_kernel(path: str) -> bool:
    """Also in a tree that somebody makes an image in: a read of kmsg there waits for ever."""
    return path in SKIPPED or (os.path.basename(path) in ("proc", "sys") and os.path.ismount(path))


def files(paths: Iterable[str]) -> Iterator[str]:
    """All regular files below directories, each inode once."""
    seen = set()
    for start in paths:
        for top, directories, names in os.walk(start):
            directories[:] = [name for name in directories if not _is_of_the_kernel(os.path.join(top, name))]
            for path in (os.path.join(top, name) for name in names):
                with contextlib.suppress(OSError):
                    state = os.lstat(path)
                    if stat.S_ISREG(state.st_mode) and (state.st_dev, state.st_ino) not in seen:
                        seen.add((state.st_dev, state.st_ino))
                        yield path


def processes() -> None:
    """Search arguments and environments of all processes."""
    for number in filter(str.isdigit, os.listdir("/proc")):
        for name, kind in (("cmdline", "argument"), ("environ", "environment")):
            look_into(f"/proc/{number}/{name}", kind, number)


def deleted_files() -> None:
    """Search files that were deleted and are still open."""
    for number in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{number}/fd"):
                path = f"/proc/{number}/fd/{descriptor}"
                if os.readlink(path).endswith(" (deleted)") and stat.S_ISREG(os.stat(path).st_mode):
                    look_into(path, "open file", path)


def once() -> int:
    """Search everything, in one round."""
    for path in files(question["paths"]):
        look_into(path, "file", path)
    processes()
    deleted_files()
    if question.get("journal"):
        look(subprocess.run(["journalctl", "--output=export"], capture_output=True, check=True).stdout, "journal", "")
    return 1


def watch() -> int:
    """Search what comes and goes, until standard input is closed; the number of rounds."""
    rounds = 0
    while rounds == 0 or not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        rounds += 1
        processes()
        for path in files(question["paths"]):
            look_into(path, "file", path)
    return rounds


rounds = watch() if question.get("watch") else once()
json.dump({"found": sorted(found), "rounds": rounds}, sys.stdout)
