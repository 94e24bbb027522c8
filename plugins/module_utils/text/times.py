# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one form of a time, ``2026-11-24T15:00:00Z``, and the one clock. Standard library only.

Everything that is written, shown or put on record has this form: ISO 8601, UTC, whole seconds. A date has the form
``2026-12-31``. What other programs say is read by the function that is named after them.

`utc_now` is the clock for whatever is dated. A moment that is compared with the kernel's (start of a process, change of
a file) or with another host's clock needs fractions of a second: that is time.time(), and says so where it is used.
"""

from __future__ import annotations

import datetime as dt
import re

from ..errors import TrustAnchorError

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_OPENSSL = re.compile(r"([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4}) GMT", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def utc_now() -> dt.datetime:
    """The clock of this machine: aware, UTC, whole seconds."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def render(moment: dt.datetime) -> str:
    """A time in the one form, such as ``2026-11-24T15:00:00Z``; fractions of a second are dropped.

    Raises:
        ValueError: the time does not know its zone; that is a fault of the caller.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(dt.UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def parse(text: str, where: str) -> dt.datetime:
    """A time in the one form.

    Args:
        text: such as ``2026-11-24T15:00:00Z``.
        where: names the place for messages, such as ``trust manifest: not_after``.

    Returns:
        The time, aware, UTC.

    Raises:
        TrustAnchorError: another form, or a day that no calendar has.
    """
    found = parsed(text)
    if found is None:
        raise TrustAnchorError(f"{where} is {text!r}", "a time such as 2026-11-24T15:00:00Z is expected")
    return found


def parsed(text: object) -> dt.datetime | None:
    """As `parse`, None where it is anything else: for what others wrote, and for whoever has a message of his own."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    try:
        return dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return None  # such as the 31st of February


def from_epoch(seconds: float) -> dt.datetime:
    """Seconds since the epoch as a time, aware, UTC, whole seconds."""
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC)


def render_epoch(seconds: float) -> str:
    """Seconds since the epoch in the one form."""
    return render(from_epoch(seconds))


def parse_date(text: str, where: str) -> dt.date:
    """A date such as ``2026-12-31``.

    Raises:
        TrustAnchorError: another form, or a date that no calendar has.
    """
    match = _DATE.fullmatch(text)
    try:
        if match:
            return dt.date(*(int(part) for part in match.groups()))
    except ValueError:
        pass  # such as the 31st of February: told below
    raise TrustAnchorError(f"{where}: '{text}' is not a date", "a date is written as 2026-12-31")


def render_date(day: dt.date) -> str:
    """A date in its one form."""
    return dt.date(day.year, day.month, day.day).isoformat()


def parse_openssl(text: str, where: str) -> dt.datetime:
    """A time as openssl and Python's ssl print it, whatever the locale: ``Nov 23 15:00:00 2026 GMT``.

    Raises:
        TrustAnchorError: another form.
    """
    match = _OPENSSL.fullmatch(text.strip())
    try:
        if match:
            month, day, hour, minute, second, year = match.groups()
            date = dt.date(int(year), _MONTHS.index(month) + 1, int(day))
            return dt.datetime.combine(date, dt.time(int(hour), int(minute), int(second), tzinfo=dt.UTC))
    except ValueError:
        pass  # such as the 31st of February: told below
    raise TrustAnchorError(f"{where} is {text!r}", "a time such as 'Nov 23 15:00:00 2026 GMT' is expected")
