# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PIV application of one YubiKey, over PC/SC and Yubico's own library yubikit.

PKCS#11 signs; it cannot tell retry counts, default credentials, policies or origins, which is what this is for. The
connection is shared, short, and the card is reset at its end, so that nothing that was unlocked stays so. ykman's own
connections are not used: they kill other programs that hold the card.

This file, `facts`, `keys` and `credentials` need yubikit and pyscard, which only a ceremony machine has: they are
imported within `library.yubikit_needed`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from smartcard.Exceptions import NoCardException, SmartcardException
from smartcard.pcsc.PCSCExceptions import BaseSCardException
from smartcard.System import readers
from yubikit.core import TRANSPORT, ApplicationNotAvailableError, CommandError, InvalidPinError
from yubikit.core.smartcard import SW, ApduError, SmartCardConnection
from yubikit.management import ManagementSession
from yubikit.piv import PivSession

from ....errors import TrustAnchorError
from ...errors import TokenAbsent

_PIN_BYTES = 8
_USB_ATR = 0xF0  # second byte of the ATR: a YubiKey on USB has TA1 to TD1


class _Connection(SmartCardConnection):  # type: ignore[misc]
    """A shared connection in the form that yubikit takes."""

    def __init__(self, reader: Any) -> None:
        self._card = reader.createConnection()
        self._card.connect()

    @property
    def transport(self) -> TRANSPORT:
        """USB or NFC, which decides the length of commands."""
        return TRANSPORT.USB if self._card.getATR()[1] & _USB_ATR == _USB_ATR else TRANSPORT.NFC

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """The response and its status word."""
        data, first, second = self._card.transmit(list(apdu))
        return bytes(data), first << 8 | second

    def close(self) -> None:
        """Disconnect and reset the card."""
        self._card.disconnect()


@dataclass(frozen=True)
class Card:
    """An open YubiKey.

    Args:
        info: yubikit's device information (serial, version, form factor, FIPS).
        piv: yubikit's session with the PIV application.
    """

    info: Any
    piv: PivSession

    @property
    def firmware(self) -> tuple[int, int, int]:
        """Version of the firmware."""
        major, minor, patch = tuple(self.info.version)
        return (major, minor, patch)


@contextlib.contextmanager
def opened(serial: str) -> Iterator[Card]:
    """The YubiKey with this serial number, closed and reset at the end.

    Raises:
        TokenAbsent: it is not plugged in; the message lists those that are.
        TrustAnchorError: no reader service, a refusal of the card, or it was pulled out.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_translated(serial))
        present: list[str] = []
        for reader in readers():
            connection = _connect(reader)
            if connection is None:
                continue
            closing = stack.enter_context(contextlib.ExitStack())
            closing.callback(_close, connection)
            info = _identify(connection)
            if info is not None and str(info.serial) == serial:
                yield Card(info, PivSession(connection))
                return
            present += [str(info.serial)] if info is not None else []
            closing.close()
        raise TokenAbsent(
            f"no token with serial {serial} is present",
            f"YubiKeys present: {', '.join(present) or 'none'}",
            "Insert it, or correct its serial number",
        )


def _connect(reader: Any) -> _Connection | None:
    """None where the reader is not a YubiKey's or has no card."""
    if "yubi" not in str(reader).lower():
        return None
    try:
        return _Connection(reader)
    except NoCardException:
        return None


def _identify(connection: _Connection) -> Any:
    """Device information; None where the card is not a YubiKey."""
    try:
        return ManagementSession(connection).read_device_info()
    except ApplicationNotAvailableError:
        return None


def _close(connection: _Connection) -> None:
    # A token that was pulled out cannot be disconnected, and the first error is the one to tell.
    with contextlib.suppress(SmartcardException):
        connection.close()


@contextlib.contextmanager
def _translated(serial: str) -> Iterator[None]:
    try:
        yield
    except BaseSCardException as error:
        raise TrustAnchorError(
            f"the smart card service does not answer: {error}",
            "a YubiKey is reached through it",
            "Install and start pcscd",
        ) from error
    except SmartcardException as error:
        raise TrustAnchorError(
            f"the connection to the token with serial {serial} broke: {error}",
            "the step was not completed",
            "Insert the token again and repeat the step",
        ) from error
    except InvalidPinError as error:
        raise wrong_secret(serial, "PIN", error.attempts_remaining) from error
    except (CommandError, ValueError) as error:  # ValueError: not supported, or an answer that makes no sense
        raise _refused(serial, error) from error


def _refused(serial: str, error: Exception) -> TrustAnchorError:
    if isinstance(error, ApduError) and error.sw == SW.SECURITY_CONDITION_NOT_SATISFIED:
        return TrustAnchorError(
            f"the token with serial {serial} wants another credential",
            "the management key is wrong, or the touch did not come in time",
            "Check the management key; touch the token when it blinks",
        )
    return TrustAnchorError(f"the token with serial {serial} refused: {error}")


def wrong_secret(serial: str, what: str, left: int) -> TrustAnchorError:
    """What to say of a wrong PIN or PUK.

    Args:
        serial: of the token.
        what: PIN or PUK.
        left: attempts that are left.
    """
    return TrustAnchorError(
        f"the {what} of the token with serial {serial} is wrong",
        f"attempts left: {left}" if left else "it is now locked",
        "Check which token is inserted and which one belongs to it before the next attempt",
    )


def verify_pin(card: Card, pin: str) -> None:
    """Enter the PIN, but never as the last attempt.

    Raises:
        TrustAnchorError: wrong, locked, or one attempt is left.
    """
    left = card.piv.get_pin_attempts()
    if left <= 1:
        state = "is locked" if left == 0 else "has one attempt left"
        raise TrustAnchorError(
            f"the PIN of the token with serial {card.info.serial} {state}",
            "nothing was tried",
            "Make sure of the PIN and use ykman piv access change-pin, or unblock-pin with the PUK",
        )
    if len(pin.encode()) > _PIN_BYTES:
        raise TrustAnchorError(
            f"the PIN has more than {_PIN_BYTES} bytes", "no YubiKey has one that long; nothing was tried"
        )
    card.piv.verify_pin(pin)


def pin_attempts(serial: str) -> int:
    """Attempts at the PIN that are left.

    Raises:
        TrustAnchorError: as `opened`.
    """
    with opened(serial) as card:
        return int(card.piv.get_pin_attempts())
