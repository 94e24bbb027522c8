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
from ...x509.profiles import CRL_DAYS, INTERMEDIATE_DAYS, MANIFEST_SIGNER_DAYS, ROOT_DAYS, check_http_url, parse_crl
from .schema import read_entries, read_name, read_time

MAX_WINDOW_HOURS = 31 * 24

Entry = dict[str, Any]

_KEY = ("algorithm", "origin", "pin_policy", "touch_policy", "attested", "pin_holders")
_ROOT = (
    "name",
    "standby",
    "subject",
    "days",
    "path_length",
    "name_constraints",
    "unconstrained",
    "allow_weak_root",
)
_INTERMEDIATE = ("name", "issuer", "request", "subject", "days", "name_constraints", "unconstrained")
_SIGNER = ("name", "issuer", "request", "subject", "days")
_CROSS = ("standby", "primary", "days")
_REVOKED = ("issuer", "certificate", "serial", "reason")
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
class Declaration:
    """A whole declaration.

    Args:
        roots: entries as of an act ``root``.
        keys: by root name, as in a plan.
        intermediates: entries with name and issuer, as of an act ``intermediate``.
        manifest_signers: entries with name and issuer, as of an act ``manifest_signer``.
        crosses: entries with standby and primary, as of an act ``cross``.
        revoked: entries with the issuer's name.
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

    roots: tuple[Entry, ...]
    keys: Mapping[str, Entry]
    intermediates: tuple[Entry, ...]
    manifest_signers: tuple[Entry, ...]
    crosses: tuple[Entry, ...]
    revoked: tuple[Entry, ...]
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


def parse_declaration(options: Mapping[str, Any]) -> Declaration:
    """The declaration in a module's options. What is None or empty counts as not given.

    Raises:
        TrustAnchorError: an unknown key, a missing or repeated name, a root that is not declared, a number out of
            range. What an entry says is judged when it becomes an act.
    """
    lists = ("roots", "intermediates", "manifest_signers", "cross", "revoked")
    given = check_keys(_given(options), (*lists, *_OTHER), "declaration")
    roots = _entries(given, "roots", (*_ROOT, *_KEY, "token", "tokens"), {"days": ROOT_DAYS})
    names = [read_name(root, "name", "root") for root in roots]
    if not names:
        raise TrustAnchorError("no root is declared", "a ceremony is about roots", "List at least one below roots")
    _require_distinct("root", names)
    first = next((name for name, root in zip(names, roots, strict=True) if not root.get("standby")), names[0])
    below = {"issuer": first}
    declared = Declaration(
        roots=tuple({key: value for key, value in root.items() if key in _ROOT} for root in roots),
        keys={name: _key(name, root) for name, root in zip(names, roots, strict=True)},
        intermediates=_entries(given, "intermediates", _INTERMEDIATE, {"days": INTERMEDIATE_DAYS, **below}),
        manifest_signers=_entries(given, "manifest_signers", _SIGNER, {"days": MANIFEST_SIGNER_DAYS, **below}),
        crosses=_entries(given, "cross", _CROSS, {"days": INTERMEDIATE_DAYS}),
        revoked=_entries(given, "revoked", _REVOKED, below),
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


def _entries(given: Entry, key: str, known: Collection[str], defaults: Entry) -> tuple[Entry, ...]:
    return tuple(
        {**defaults, **check_keys(entry, known, f"{key}: an entry")} for entry in read_entries(given.get(key), key)
    )


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


def _require_declared(declared: Declaration, names: Collection[str]) -> None:
    for kind, entries in (("intermediate", declared.intermediates), ("manifest signer", declared.manifest_signers)):
        _require_distinct(kind, (read_name(entry, "name", kind) for entry in entries))
    used = [declared.sealed_by]
    used += [entry["issuer"] for entry in (*declared.intermediates, *declared.manifest_signers, *declared.revoked)]
    used += [read_name(entry, key, "cross") for entry in declared.crosses for key in ("standby", "primary")]
    for name in used:
        if name not in names:
            raise TrustAnchorError(f"the root '{name}' is not declared", f"declared: {', '.join(names)}")


def _require_distinct(kind: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise TrustAnchorError(f"the {kind} '{name}' is declared {count} times", "each is declared once")
