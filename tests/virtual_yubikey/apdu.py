# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command APDUs (ISO/IEC 7816-4, 5.1), short and extended, and the status words of the answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class SW(IntEnum):
    """Status words that the applets give (SP 800-73-4 part 2; names of yubikit)."""

    OK = 0x9000
    WRONG_LENGTH = 0x6700
    SECURITY_CONDITION_NOT_SATISFIED = 0x6982
    AUTH_METHOD_BLOCKED = 0x6983
    CONDITIONS_NOT_SATISFIED = 0x6985
    INCORRECT_PARAMETERS = 0x6A80
    FILE_NOT_FOUND = 0x6A82
    NO_SPACE = 0x6A84
    REFERENCE_DATA_NOT_FOUND = 0x6A88
    WRONG_PARAMETERS = 0x6B00
    INVALID_INSTRUCTION = 0x6D00


class Status(Exception):
    """A command ends with this status word instead of 9000."""

    def __init__(self, word: int) -> None:
        super().__init__(f"{word:04x}")
        self.word = int(word)


@dataclass(frozen=True)
class Command:
    """One command.

    Args:
        cla: class; bit 0x10 says that more of the same command follows (chaining).
        ins: instruction.
        p1: first parameter.
        p2: second parameter.
        data: its data, of all chained parts.
        extended: lengths have two bytes, and so the answer may have more than 256.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    extended: bool = False


def parse(raw: bytes) -> Command:
    """Read one command.

    Raises:
        Status: wrong length (6700).
    """
    if len(raw) < 4:
        raise Status(SW.WRONG_LENGTH)
    (cla, ins, p1, p2), body = raw[:4], raw[4:]
    extended = len(body) >= 3 and body[0] == 0
    width = 2 if extended else 1
    body = body[1:] if extended else body
    if len(body) <= width:  # only the length of the answer, or nothing
        return Command(cla, ins, p1, p2, extended=extended)
    size = int.from_bytes(body[:width], "big")
    if len(body) - width - size not in (0, width):  # the length of the answer may follow
        raise Status(SW.WRONG_LENGTH)
    return Command(cla, ins, p1, p2, data=body[width : width + size], extended=extended)
