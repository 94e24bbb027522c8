# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the parts of a plan strictly: an unknown key, a missing key, a wrong type is an error that names the place."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography import x509

from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool, read_int, read_text, read_texts
from ...text import times
from ...x509.profiles import CRL_DAYS, parse_cross, parse_intermediate, parse_manifest_signer, parse_root
from ..crls import REASONS
from .model import (
    ALGORITHMS,
    GENERATED,
    ORIGINS,
    PIN_POLICIES,
    ROLES,
    TOUCH_POLICIES,
    Act,
    CrlAct,
    CrossAct,
    InspectAct,
    IntermediateAct,
    KeyPlan,
    KnownRoot,
    ManifestSignerAct,
    Person,
    RevokedEntry,
    RootAct,
    Window,
)

MAX_SERIAL_BITS = 159
_KEY = ("tokens", "algorithm", "origin", "pin_policy", "touch_policy", "attested", "pin_holders")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_YEARS = range(2000, 2200)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SERIAL = re.compile(r"[0-9a-fA-F]+(:[0-9a-fA-F]+)*")
_PATH = re.compile(r"(intermediates|intermediates/archive|cross|signers)/[A-Za-z0-9][A-Za-z0-9._-]*\.crt")
_REQUEST = re.compile(r"requests/[A-Za-z0-9][A-Za-z0-9._-]*\.csr")

Rest = dict[str, Any]


def time_text(moment: dt.datetime) -> str:
    """A time as a plan writes it, such as ``2026-11-24T06:00:00Z``."""
    return times.render(moment)


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
    return _matching(read_text(mapping, key, where), _NAME, f"{where}: '{key}'", "a name such as 'r1' is expected")


def read_line(mapping: Mapping[str, Any], key: str, where: str) -> str:
    """A required text of one line that a terminal shows as it is, at most 200 characters."""
    text = read_text(mapping, key, where)
    if not text.isprintable() or len(text) > 200 or text != text.strip():
        raise TrustAnchorError(f"{where}: '{key}' is {text!r}", "one line of at most 200 characters is expected")
    return text


def _matching(text: str, pattern: re.Pattern[str], where: str, expected: str) -> str:
    if not pattern.fullmatch(text):
        raise TrustAnchorError(f"{where} is {text!r}", expected)
    return text


def _choice(mapping: Mapping[str, Any], key: str, where: str, known: Sequence[str], default: str | None) -> str:
    value = mapping.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or value not in known:
        raise TrustAnchorError(f"{where}: '{key}' is {value!r}", f"known: {', '.join(known)}")
    return value


def _required_int(mapping: Mapping[str, Any], key: str, where: str, low: int, high: int) -> int:
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
        found.append(Person(read_line(entry, "name", "people"), _choice(entry, "role", "people", ROLES, None)))
    return tuple(found)


def parse_pkilint(data: Any) -> bool:
    """Whether pkilint must be there: ``required`` (the default) or ``optional``."""
    return _choice({"pkilint": data}, "pkilint", "plan", ("required", "optional"), "required") == "required"


def parse_keys(data: Any) -> dict[str, KeyPlan]:
    """The keys of a plan, by name."""
    return {name: _parse_key(name, entry) for name, entry in _named(data, "keys")}


def _parse_key(name: str, data: Any) -> KeyPlan:
    where = f"key '{name}'"
    data = check_keys(data, _KEY, where)
    tokens = read_texts(data, "tokens", where)
    origin = _choice(data, "origin", where, ORIGINS, GENERATED)
    attested = read_bool({"attested": origin == GENERATED, **_without_none(data)}, "attested", where)
    return KeyPlan(
        name=name,
        tokens=tuple(_matching(token, _NAME, f"{where}: a token", "a name is expected") for token in tokens),
        algorithm=_choice(data, "algorithm", where, ALGORITHMS, None),
        origin=origin,
        pin_policy=_choice(data, "pin_policy", where, PIN_POLICIES, "always"),
        touch_policy=_choice(data, "touch_policy", where, TOUCH_POLICIES, "always"),
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
        found[name] = KnownRoot(name, _sha256(entry, "sha256", where), read_bool(entry, "standby", where))
    return found


def _named(data: Any, where: str) -> list[tuple[str, Any]]:
    if data is None:
        return []
    if not isinstance(data, Mapping):
        raise TrustAnchorError(f"{where} is {type(data).__name__}, not a mapping", "names to mappings are expected")
    return [(_matching(str(name), _NAME, f"{where}: a name", "a name is expected"), data[name]) for name in data]


def _sha256(data: Mapping[str, Any], key: str, where: str) -> str:
    expected = "64 lower-case hex digits are expected, as sha256sum prints them"
    return _matching(read_text(data, key, where), _SHA256, f"{where}: '{key}'", expected)


def parse_act(data: Any, start: dt.datetime) -> Act:
    """One act of a plan.

    Args:
        data: the mapping.
        start: the time that holds where the act gives none.

    Raises:
        TrustAnchorError: unknown kind, or anything that its strict schema does not know.
    """
    if not isinstance(data, Mapping):
        raise TrustAnchorError(f"an act is {type(data).__name__}, not a mapping", "it starts with 'act: KIND'")
    rest = dict(data)
    kind = _choice(rest, "act", "an act", tuple(_ACTS), None)
    del rest["act"]
    return _ACTS[kind](rest, start)


def _time(rest: Rest, key: str, where: str, default: dt.datetime) -> dt.datetime:
    found = default if rest.get(key) is None else read_time(rest, key, where)
    rest.pop(key, None)
    return found


def _taken(rest: Rest, key: str, where: str) -> str:
    """A name, taken out so that what remains is the profile."""
    name = read_name(rest, key, where)
    del rest[key]
    return name


def _with_days(rest: Rest, where: str) -> Rest:
    if rest.get("days") is None:
        raise TrustAnchorError(f"{where}: 'days' is missing", "a plan says how long what is signed is valid")
    return rest


def _parse_inspect(rest: Rest, _start: dt.datetime) -> InspectAct:
    return InspectAct(read_name(check_keys(rest, ("token",), "act inspect"), "token", "act inspect"))


def _parse_root(rest: Rest, start: dt.datetime) -> RootAct:
    name = _taken(rest, "name", "act root")
    where = f"root '{name}'"
    standby = read_bool(rest, "standby", where)
    rest.pop("standby", None)
    not_before = _time(rest, "not_before", where, start)
    return RootAct(name, standby, parse_root(_with_days(rest, where), where), not_before)


def _parse_cross(rest: Rest, start: dt.datetime) -> CrossAct:
    where = "act cross"
    standby, primary = _taken(rest, "standby", where), _taken(rest, "primary", where)
    not_before = _time(rest, "not_before", where, start)
    return CrossAct(standby, primary, parse_cross(_with_days(rest, where), where), not_before)


def _parse_intermediate(rest: Rest, start: dt.datetime) -> IntermediateAct:
    where = "act intermediate"
    name, issuer, request, digest = _requested(rest, where)
    not_before = _time(rest, "not_before", where, start)
    where = f"intermediate '{name}'"
    read_text(rest, "subject", where)  # elsewhere a profile may leave it to the request, but a plan says it
    return IntermediateAct(
        name, issuer, request, digest, parse_intermediate(_with_days(rest, where), where), not_before
    )


def _parse_manifest_signer(rest: Rest, start: dt.datetime) -> ManifestSignerAct:
    where = "act manifest_signer"
    name, issuer, request, digest = _requested(rest, where)
    not_before = _time(rest, "not_before", where, start)
    where = f"manifest signer '{name}'"
    profile = parse_manifest_signer(_with_days(rest, where), where)
    return ManifestSignerAct(name, issuer, request, digest, profile, not_before)


def _requested(rest: Rest, where: str) -> tuple[str, str, str, str]:
    name, issuer = _taken(rest, "name", where), _taken(rest, "issuer", where)
    request = request_path(rest, name, where)
    digest = _sha256(rest, "request_sha256", where)
    for key in ("request", "request_sha256"):
        rest.pop(key, None)
    return name, issuer, request, digest


def request_path(mapping: Mapping[str, Any], name: str, where: str) -> str:
    """Where the request for ``name`` is, relative to the record: ``requests/NAME.csr`` unless the mapping says.

    Raises:
        TrustAnchorError: another place.
    """
    text = f"requests/{name}.csr" if mapping.get("request") is None else read_text(mapping, "request", where)
    return _matching(text, _REQUEST, f"{where}: 'request'", "requests/NAME.csr is expected")


def _parse_crl(rest: Rest, start: dt.datetime) -> CrlAct:
    where = "act crl"
    rest = check_keys(rest, ("issuer", "number", "days", "this_update", "revoked"), where)
    issuer = read_name(rest, "issuer", where)
    where = f"CRL of '{issuer}'"
    return CrlAct(
        issuer=issuer,
        number=_required_int(rest, "number", where, 1, 2**MAX_SERIAL_BITS - 1),
        days=_required_int(rest, "days", where, 1, CRL_DAYS),
        this_update=_time(rest, "this_update", where, start),
        revoked=tuple(_parse_revoked(entry, start) for entry in read_entries(rest.get("revoked"), "revoked")),
    )


def _parse_revoked(data: Any, start: dt.datetime) -> RevokedEntry:
    where = "revoked"
    data = check_keys(data, ("certificate", "serial", "reason", "date"), where)
    certificate, serial = data.get("certificate"), data.get("serial")
    if (certificate is None) == (serial is None):
        raise TrustAnchorError("revoked: an entry names both or neither of certificate and serial", "one is expected")
    if certificate is not None:
        certificate = certificate_path(data, where)
    reason = x509.ReasonFlags[_choice(data, "reason", where, REASONS, "unspecified")]
    return RevokedEntry(
        certificate, None if serial is None else parse_serial(data, where), reason, _time(data, "date", where, start)
    )


def certificate_path(mapping: Mapping[str, Any], where: str) -> str:
    """A certificate's path in the record, below the key ``certificate``.

    Raises:
        TrustAnchorError: missing, or a place other than those of certificates that a root signs.
    """
    expected = "a certificate of the record is expected, such as intermediates/ca1.crt"
    return _matching(read_text(mapping, "certificate", where), _PATH, f"{where}: 'certificate'", expected)


def parse_serial(data: Mapping[str, Any], where: str) -> int:
    """The serial number, in hexadecimal, below the key ``serial``.

    Raises:
        TrustAnchorError: no serial (RFC 5280 section 4.1.2.2).
    """
    text = read_text(data, "serial", where)
    expected = "a serial in hexadecimal, in quotes, is expected"
    serial = int(_matching(text, _SERIAL, f"{where}: 'serial'", expected).replace(":", ""), 16)
    if serial == 0 or serial.bit_length() > MAX_SERIAL_BITS:
        raise TrustAnchorError(f"{where}: '{text}' is not a serial (RFC 5280 section 4.1.2.2)", expected)
    return serial


_ACTS: Mapping[str, Callable[[Rest, dt.datetime], Act]] = {
    "inspect": _parse_inspect,
    "root": _parse_root,
    "cross": _parse_cross,
    "intermediate": _parse_intermediate,
    "manifest_signer": _parse_manifest_signer,
    "crl": _parse_crl,
}
