# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the parts of a plan strictly: an unknown key, a missing key, a wrong type is an error that says where."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool, read_int, read_text, read_texts
from ...text import times
from .model import (
    ALGORITHMS,
    GENERATED,
    ORIGINS,
    PIN_POLICIES,
    ROLES,
    TOUCH_POLICIES,
    KeyPlan,
    KnownRoot,
    Person,
    Window,
)

MAX_SERIAL_BITS = 159
_KEY = ("tokens", "algorithm", "origin", "pin_policy", "touch_policy", "attested", "pin_holders")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_YEARS = range(2000, 2200)
_SHA256 = re.compile(r"[0-9a-f]{64}")

Rest = dict[str, Any]


def time_text(moment: dt.datetime) -> str:
    """A time as a plan writes it, such as ``2026-11-24T06:00:00Z``."""
    return times.render(moment)


def dump_time(key: str, moment: dt.datetime, start: dt.datetime) -> Rest:
    """A time as a plan has it: left out where it is the window's start."""
    return {} if moment == start else {key: time_text(moment)}


def read_time(mapping: Mapping[str, Any], key: str, where: str) -> dt.datetime:
    """A required time: UTC, whole seconds.

    Raises:
        TrustAnchorError: missing, or not of the form ``2026-11-24T06:00:00Z``.
    """
    value = mapping.get(key)
    if value is None:
        raise TrustAnchorError(f"{where}: '{key}' is missing", "it is required")
    found = times.parsed(value)
    if found is None or found.year not in _YEARS:
        raise TrustAnchorError(f"{where}: '{key}' is {value!r}", "a time such as 2026-11-24T06:00:00Z is expected")
    return found


def read_name(mapping: Mapping[str, Any], key: str, where: str) -> str:
    """A required name, good as a file name on every system.

    Raises:
        TrustAnchorError: missing, longer than 64 characters, or with a character that has no place in one.
    """
    return matching(read_text(mapping, key, where), _NAME, f"{where}: '{key}'", "a name such as 'r1' is expected")


def read_line(mapping: Mapping[str, Any], key: str, where: str) -> str:
    """A required text of one line that a terminal shows as it is, at most 200 characters."""
    text = read_text(mapping, key, where)
    if not text.isprintable() or len(text) > 200 or text != text.strip():
        raise TrustAnchorError(f"{where}: '{key}' is {text!r}", "one line of at most 200 characters is expected")
    return text


def matching(text: str, pattern: re.Pattern[str], where: str, expected: str) -> str:
    """The text, once all of it matches.

    Raises:
        TrustAnchorError: it does not.
    """
    if not pattern.fullmatch(text):
        raise TrustAnchorError(f"{where} is {text!r}", expected)
    return text


def read_choice(mapping: Mapping[str, Any], key: str, where: str, known: Sequence[str], default: str | None) -> str:
    """One of the known values; without a default it is required.

    Raises:
        TrustAnchorError: another value.
    """
    value = mapping.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or value not in known:
        raise TrustAnchorError(f"{where}: '{key}' is {value!r}", f"known: {', '.join(known)}")
    return value


def required_int(mapping: Mapping[str, Any], key: str, where: str, low: int, high: int) -> int:
    """A required whole number.

    Raises:
        TrustAnchorError: missing, or out of range.
    """
    if mapping.get(key) is None:
        raise TrustAnchorError(f"{where}: '{key}' is missing", "it is required")
    return read_int(mapping, key, where, low, low, high)


def read_entries(data: Any, where: str) -> list[Any]:
    """A list, empty where the key is absent.

    Raises:
        TrustAnchorError: something else.
    """
    if data is None:
        return []
    if not isinstance(data, list):
        raise TrustAnchorError(f"{where} is {type(data).__name__}", "a list is expected")
    return data


def parse_window(data: Any) -> Window:
    """The window of a plan."""
    data = check_keys(data, ("start", "end"), "window")
    return Window(read_time(data, "start", "window"), read_time(data, "end", "window"))


def parse_people(data: Any) -> tuple[Person, ...]:
    """The people of a plan."""
    found = []
    for entry in read_entries(data, "people"):
        entry = check_keys(entry, ("name", "role"), "people")
        found.append(Person(read_line(entry, "name", "people"), read_choice(entry, "role", "people", ROLES, None)))
    return tuple(found)


def parse_pkilint(data: Any) -> bool:
    """Whether pkilint must be there: ``required`` (the default) or ``optional``."""
    return read_choice({"pkilint": data}, "pkilint", "plan", ("required", "optional"), "required") == "required"


def parse_keys(data: Any) -> dict[str, KeyPlan]:
    """The keys of a plan, by name."""
    return {name: _parse_key(name, entry) for name, entry in _named(data, "keys")}


def _parse_key(name: str, data: Any) -> KeyPlan:
    where = f"key '{name}'"
    data = check_keys(data, _KEY, where)
    tokens = read_texts(data, "tokens", where)
    origin = read_choice(data, "origin", where, ORIGINS, GENERATED)
    attested = read_bool({"attested": origin == GENERATED, **_without_none(data)}, "attested", where)
    return KeyPlan(
        name=name,
        tokens=tuple(matching(token, _NAME, f"{where}: a token", "a name is expected") for token in tokens),
        algorithm=read_choice(data, "algorithm", where, ALGORITHMS, None),
        origin=origin,
        pin_policy=read_choice(data, "pin_policy", where, PIN_POLICIES, "always"),
        touch_policy=read_choice(data, "touch_policy", where, TOUCH_POLICIES, "always"),
        attested=attested,
        pin_holders=read_texts(data, "pin_holders", where),
    )


def _without_none(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None}


def parse_known_roots(data: Any) -> dict[str, KnownRoot]:
    """The roots that exist already, by name."""
    found = {}
    for name, entry in _named(data, "roots"):
        where = f"known root '{name}'"
        entry = check_keys(entry, ("sha256", "standby"), where)
        found[name] = KnownRoot(name, read_sha256(entry, "sha256", where), read_bool(entry, "standby", where))
    return found


def _named(data: Any, where: str) -> list[tuple[str, Any]]:
    if data is None:
        return []
    if not isinstance(data, Mapping):
        raise TrustAnchorError(f"{where} is {type(data).__name__}, not a mapping", "names to mappings are expected")
    return [(matching(str(name), _NAME, f"{where}: a name", "a name is expected"), data[name]) for name in data]


def read_sha256(data: Mapping[str, Any], key: str, where: str) -> str:
    """A required SHA-256.

    Raises:
        TrustAnchorError: missing, or not of 64 lower-case hex digits.
    """
    expected = "64 lower-case hex digits are expected, as sha256sum prints them"
    return matching(read_text(data, key, where), _SHA256, f"{where}: '{key}'", expected)


def take_time(rest: Rest, key: str, where: str, default: dt.datetime) -> dt.datetime:
    """A time, taken out so that what remains is the profile.

    Raises:
        TrustAnchorError: as `read_time`.
    """
    found = default if rest.get(key) is None else read_time(rest, key, where)
    rest.pop(key, None)
    return found


def take_name(rest: Rest, key: str, where: str) -> str:
    """A name, taken out so that what remains is the profile.

    Raises:
        TrustAnchorError: as `read_name`.
    """
    name = read_name(rest, key, where)
    del rest[key]
    return name


def require_days(rest: Rest, where: str) -> Rest:
    """The profile, once it says for how many days.

    Raises:
        TrustAnchorError: it does not.
    """
    if rest.get("days") is None:
        raise TrustAnchorError(f"{where}: 'days' is missing", "a plan says how long what is signed is valid")
    return rest
