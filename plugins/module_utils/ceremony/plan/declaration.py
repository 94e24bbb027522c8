# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an estate declares about its roots and what they sign: the inventory's side of a plan.

A declaration says what should be there, a plan what is done about it. Entries keep the form of a plan's acts, so
the plan's own schema reads them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool, read_int, read_text
from ...x509.profiles import CRL_DAYS, check_http_url, parse_crl
from ..acts.base import DeclaredEntries, Entry
from ..acts.registry import KINDS
from ..acts.root import ENTRIES as ROOTS
from .schema import read_entries, read_name, read_time

MAX_WINDOW_HOURS = 31 * 24

_KEY = ("algorithm", "origin", "pin_policy", "touch_policy", "attested", "pin_holders")
_DECLARED = tuple(kind.entries for kind in KINDS if kind.entries is not None)
_OTHER = (
    "people",
    "quorum",
    "unattended",
    "publication_url",
    "sealed_by",
    "title",
    "window_start",
    "window_hours",
    "crl_days",
    "crl_renew_before_days",
)


@dataclass(frozen=True)
class CeremonyDeclaration:
    """A whole declaration.

    Args:
        keys: by root name, as in a plan.
        entries: what is declared of each kind of act, by option; defaults are filled in.
        people: as in a plan.
        quorum: how many of them confirm; 0 for all.
        unattended: whether a ceremony may be held without asking them.
        sealed_by: name of the root that seals.
        title: one line, may be empty.
        publication_url: where roots and CRLs are published, without a slash at its end; may be empty.
        crl_days: validity of a CRL.
        renew_before_days: a CRL or manifest signer is renewed when fewer days are left.
        window_start: when it begins; None for the hour that has begun when the plan is drafted.
        window_hours: length of the window.
    """

    keys: Mapping[str, Entry]
    entries: Mapping[str, tuple[Entry, ...]]
    people: tuple[Entry, ...]
    quorum: int
    unattended: bool
    sealed_by: str
    title: str
    publication_url: str
    crl_days: int
    renew_before_days: int
    window_start: dt.datetime | None
    window_hours: int

    @property
    def roots(self) -> tuple[Entry, ...]:
        """What is declared of roots."""
        return self.entries[ROOTS.option]

    def urls(self, issuer: str) -> Entry:
        """Where the CRL and the certificate of a root are published.

        Raises:
            TrustAnchorError: no publication URL was declared.
        """
        if not self.publication_url:
            raise TrustAnchorError(
                "there is no publication URL",
                "certificates point to the CRL and the certificate of their issuer",
                "Set publication_url, such as http://pki.corp.example",
            )
        base = f"{self.publication_url}/root-{issuer}"
        return {"crl_urls": [f"{base}.crl"], "issuer_urls": [f"{base}.crt"]}


def parse_declaration(options: Mapping[str, Any]) -> CeremonyDeclaration:
    """The declaration in a module's options. What is None or empty counts as not given.

    Raises:
        TrustAnchorError: an unknown key, a missing or repeated name, a root that is not declared, a number out of
            range. What an entry says is judged when it becomes an act.
    """
    given = check_keys(_given(options), (*(one.option for one in _DECLARED), *_OTHER), "declaration")
    roots = _entries(given, ROOTS, (*_KEY, "token", "tokens"))
    names = [read_name(root, "name", "root") for root in roots]
    if not names:
        raise TrustAnchorError("no root is declared", "a ceremony is about roots", "List at least one below roots")
    _require_distinct(ROOTS.unique, names)
    first = next((name for name, root in zip(names, roots, strict=True) if not root.get("standby")), names[0])
    own = tuple({key: value for key, value in root.items() if key in ROOTS.known} for root in roots)
    others = {
        one.option: _issued(_entries(given, one), first if one.issued else "") for one in _DECLARED if one != ROOTS
    }
    declared = CeremonyDeclaration(
        keys={name: _key(name, root) for name, root in zip(names, roots, strict=True)},
        entries={ROOTS.option: own, **others},
        people=tuple(read_entries(given.get("people"), "people")),
        quorum=read_int(given, "quorum", "declaration", 0, 0, 100),
        unattended=read_bool(given, "unattended", "declaration"),
        sealed_by=read_text({"sealed_by": names[0], **given}, "sealed_by", "declaration"),
        title=str(given.get("title", "")),
        publication_url=_url(given),
        crl_days=read_int(given, "crl_days", "declaration", CRL_DAYS, 1, CRL_DAYS),
        renew_before_days=_renewal(given),
        window_start=read_time(given, "window_start", "declaration") if given.get("window_start") else None,
        window_hours=read_int(given, "window_hours", "declaration", 24, 1, MAX_WINDOW_HOURS),
    )
    _require_declared(declared, names)
    return declared


def _given(data: Any) -> Any:
    """Plain values without what is None or empty, at any depth."""
    if isinstance(data, Mapping):
        found = {str(key): _given(value) for key, value in data.items()}
        return {key: value for key, value in found.items() if value not in (None, "", [], {})}
    return [_given(value) for value in data] if isinstance(data, (list, tuple)) else data


def _entries(given: Entry, declared: DeclaredEntries, more: tuple[str, ...] = ()) -> tuple[Entry, ...]:
    key, known = declared.option, (*declared.known, *more)
    return tuple(
        {**declared.defaults, **check_keys(entry, known, f"{key}: an entry")}
        for entry in read_entries(given.get(key), key)
    )


def _issued(entries: tuple[Entry, ...], issuer: str) -> tuple[Entry, ...]:
    """The entries with the issuer that holds where they name none."""
    return tuple({"issuer": issuer, **entry} for entry in entries) if issuer else entries


def _key(name: str, root: Entry) -> Entry:
    if ("token" in root) == ("tokens" in root):
        raise TrustAnchorError(f"root '{name}' has both or neither of token and tokens", "one of them names its tokens")
    tokens = root["tokens"] if "tokens" in root else [root["token"]]
    return {"tokens": tokens, "algorithm": "ec-p384"} | {key: root[key] for key in _KEY if key in root}


def _url(given: Entry) -> str:
    url = str(given.get("publication_url", "")).rstrip("/")
    if url:
        check_http_url(url, "declaration: publication_url")
    return url


def _renewal(given: Entry) -> int:
    names = {"crl_days": "days", "crl_renew_before_days": "renew_before_days"}
    return parse_crl({names[key]: given[key] for key in names if key in given}).renew_before_days


def _require_declared(declared: CeremonyDeclaration, names: Collection[str]) -> None:
    used = [declared.sealed_by]
    for kind in _DECLARED:
        entries = declared.entries[kind.option]
        if kind.unique:
            _require_distinct(kind.unique, (read_name(entry, "name", kind.unique) for entry in entries))
        used += [entry["issuer"] for entry in entries if kind.issued]
        used += [read_name(entry, key, kind.option) for entry in entries for key in kind.roots]
    for name in used:
        if name not in names:
            raise TrustAnchorError(f"the root '{name}' is not declared", f"declared: {', '.join(names)}")


def _require_distinct(kind: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise TrustAnchorError(f"the {kind} '{name}' is declared {count} times", "each is declared once")
