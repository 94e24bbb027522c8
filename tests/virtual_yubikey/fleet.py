# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All virtual YubiKeys of a test, and what a test can do to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .card import Card
from .credentials import padded
from .piv import PIN, PUK
from .reader import Slot
from .touch import Touch

Request = Mapping[str, Any]
_WAIT_SECONDS = 20.0


class Refused(Exception):
    """A request makes no sense."""


class Fleet:
    """Keys and the reader's two slots.

    Args:
        cards: all keys.
        slots: of the reader, empty.
        touch: the finger of all keys.
    """

    def __init__(self, cards: list[Card], slots: list[Slot], touch: Touch) -> None:
        self._cards = {card.serial: card for card in cards}
        self._slots = slots
        self._touch = touch
        self._actions: dict[str, Callable[[Request], Any]] = {
            "status": lambda _request: self.status(),
            "insert": lambda request: self.insert(self._card(request)),
            "insert_first": lambda _request: self.insert_first(),
            "pull": lambda request: self.pull(self._card(request)),
            "pull_at_signature": self._pull_at_signature,
            "touch": lambda request: self._touch.set_mode(str(request["mode"]), request.get("seconds")),
            "press": self._press,
            "block": self._block,
            "reset": lambda request: self._card(request).piv.factory_reset(),
            "renew": lambda _request: self.renew(),
            "credentials": self._credentials,
        }

    def request(self, request: Request) -> Any:
        """Do what a test asks for.

        Raises:
            Refused: it makes no sense; with the reason.
        """
        action = self._actions.get(str(request.get("do")))
        if action is None:
            raise Refused(f"do: {', '.join(self._actions)}")
        try:
            return action(request)
        except (KeyError, TypeError, ValueError) as wrong:
            raise Refused(f"{request['do']}: {wrong!r}") from wrong

    def status(self) -> dict[str, Any]:
        """Return what is plugged in and what was done with each key; no secrets."""
        inside = {slot.card.serial: slot.port for slot in self._slots if slot.card}
        return {
            "touch": {
                "mode": self._touch.mode,
                "requests": self._touch.requests,
                "waiting": self._touch.waiting(),
            },
            "keys": {
                str(serial): {
                    "firmware": ".".join(map(str, card.version)),
                    "inserted": serial in inside,
                    "pin_tries": card.piv.references[PIN].left,
                    "puk_tries": card.piv.references[PUK].left,
                    "slots": {f"{slot:02x}": key.algorithm for slot, key in card.piv.keys.items()},
                    "signatures": card.piv.signatures,
                }
                for serial, card in self._cards.items()
            },
        }

    def insert_first(self) -> None:
        """Plug in as many keys as there are slots."""
        for card in list(self._cards.values())[: len(self._slots)]:
            self.insert(card)

    def renew(self) -> None:
        """Make all keys as from the factory, touched as at the beginning; only the first ones may stay in the reader.

        What is missing there can be inserted when the reader has noticed what was pulled.
        """
        self._touch.renew()
        for number, card in enumerate(self._cards.values()):
            if number >= len(self._slots):
                self.pull(card)
            card.renew()

    def insert(self, card: Card) -> None:
        """Plug a key into the first empty slot and wait until the reader has noticed."""
        if any(slot.card is card for slot in self._slots):
            return
        empty = [slot for slot in self._slots if slot.card is None]
        if not empty:
            raise Refused("both slots of the reader are taken: pull a key first")
        empty[0].insert(card)
        if not empty[0].await_power(_WAIT_SECONDS):
            raise Refused("the reader does not notice the key")

    def pull(self, card: Card) -> None:
        """Take a key out, whatever it is doing."""
        for slot in self._slots:
            if slot.card is card:
                slot.take()
                self._touch.cancel(card.serial)  # it waits no longer, and nobody hears what it answers
                slot.await_release()

    def _card(self, request: Request) -> Card:
        serial = int(request["serial"])
        if serial not in self._cards:
            raise Refused(f"no key {serial}; there are {', '.join(map(str, self._cards))}")
        return self._cards[serial]

    def _pull_at_signature(self, request: Request) -> None:
        self._card(request).pull_at_signature = True

    def _press(self, request: Request) -> None:
        card = self._card(request)
        if not self._touch.press(card.serial, float(request.get("seconds", _WAIT_SECONDS))):
            raise Refused(f"the key {card.serial} did not ask for a touch")

    def _block(self, request: Request) -> None:
        reference = {"pin": PIN, "puk": PUK}[str(request["what"])]
        self._card(request).piv.references[reference].block()

    def _credentials(self, request: Request) -> None:
        """Give a key another PIN, PUK or management key (hexadecimal), as if its owner had."""
        piv = self._card(request).piv
        for name, reference in (("pin", PIN), ("puk", PUK)):
            if name in request:
                piv.references[reference].set(padded(str(request[name])))
        if "management_key" in request:
            value = bytes.fromhex(str(request["management_key"]))
            piv.management_key.set(piv.management_key.algorithm, value, piv.version)
