# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strict reading of plain mappings: unknown key, missing key, wrong type are errors that name the place."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from .errors import TrustAnchorError


def check_keys(mapping: Any, known: Collection[str], where: str) -> dict[str, Any]:
    """The mapping, once it is one and each of its keys is known.

    Args:
        mapping: what was read.
        known: the keys that may occur.
        where: names the place for messages, such as ``root profile``.

    Raises:
        TrustAnchorError: not a mapping, or an unknown key; the message names the nearest known key.
    """
    if not isinstance(mapping, Mapping):
        raise TrustAnchorError(f"{where} is {type(mapping).__name__}, not a mapping", f"known keys: {_listed(known)}")
    for key in mapping:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known keys: {_listed(known)}"
            raise TrustAnchorError(f"{where} has the unknown key '{key}'", "unknown keys are refused", hint)
    return dict(mapping)


def read_version(mapping: Any, known: int, where: str) -> int:
    """The version of a file that one version of the collection writes and another one reads.

    A file without one is of version 1, the first. Whoever reads a file of this or a former version lets unknown keys
    pass, and writes them back where it writes the file again: they are of a sister version that added something.

    Args:
        mapping: what was read.
        known: the newest version that this reader understands.
        where: names the file for messages.

    Raises:
        TrustAnchorError: not a mapping, not a version, or a later one: nothing may be concluded from such a file, and
            it must not be written over.
    """
    if not isinstance(mapping, Mapping):
        raise TrustAnchorError(f"{where} is {type(mapping).__name__}, not a mapping", "a mapping is expected")
    version = mapping.get("version", 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise _wrong(where, "version", version, "a whole number from 1")
    if version > known:
        raise TrustAnchorError(
            f"{where} has version {version}, written by a later version of the collection",
            f"version {known} is the newest that is understood here, so the file is left as it is",
            "Bring the collection up to date where this was read, and run again",
        )
    return version


def _listed(known: Collection[str]) -> str:
    return ", ".join(sorted(known))


def _wrong(where: str, key: str, value: Any, expected: str) -> TrustAnchorError:
    return TrustAnchorError(f"{where}: '{key}' is {value!r}", f"{expected} is expected")


def read_text(mapping: Mapping[str, Any], key: str, where: str) -> str:
    """A required, non-empty text."""
    value = mapping.get(key)
    if value is None:
        raise TrustAnchorError(f"{where}: '{key}' is missing", "it is required")
    if not isinstance(value, str) or not value.strip():
        raise _wrong(where, key, value, "a text that is not empty")
    return value


def read_int(mapping: Mapping[str, Any], key: str, where: str, default: int, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, ``default`` where the key is absent."""
    value = mapping.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _wrong(where, key, value, f"a whole number from {low} to {high}")
    return value


def read_bool(mapping: Mapping[str, Any], key: str, where: str) -> bool:
    """A truth value, false where the key is absent."""
    value = mapping.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _wrong(where, key, value, "true or false")
    return value


def read_texts(mapping: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A list of non-empty texts, empty where the key is absent."""
    value = mapping.get(key)
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) and item for item in value):
        raise _wrong(where, key, value, "a list of texts")
    return tuple(value)
