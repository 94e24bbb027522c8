# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reviewed plan of a ceremony, ``ceremony.yml``: read it strictly, write it canonically."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import strict_yaml
from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool, read_int
from ...x509.profiles import ConstraintSet
from .model import (
    GENERATED,
    Act,
    CertificateAct,
    CrlAct,
    CrossAct,
    InspectAct,
    IntermediateAct,
    KeyPlan,
    KnownRoot,
    ManifestSignerAct,
    Person,
    Plan,
    RevokedEntry,
    RootAct,
    Window,
)
from .rules import check_plan
from .schema import (
    parse_act,
    parse_keys,
    parse_known_roots,
    parse_people,
    parse_pkilint,
    parse_window,
    read_entries,
    read_line,
    read_name,
    time_text,
)

__all__ = [
    "Act",
    "CertificateAct",
    "CrlAct",
    "CrossAct",
    "InspectAct",
    "IntermediateAct",
    "KeyPlan",
    "KnownRoot",
    "ManifestSignerAct",
    "Person",
    "Plan",
    "RevokedEntry",
    "RootAct",
    "Window",
    "document",
    "dump",
    "parse_plan",
]

VERSION = 1
_PEOPLE = ("people", "quorum", "unattended")
_KEYS = ("version", "name", "title", "window", *_PEOPLE, "pkilint", "sealed_by", "keys", "roots", "acts")


def parse_plan(text: bytes, source: str) -> Plan:
    """A plan, once every rule that needs no token holds.

    Args:
        text: the file's bytes.
        source: where they come from, for messages.

    Raises:
        TrustAnchorError: whatever is wrong with it.
    """
    data = check_keys(strict_yaml.load(text, source), _KEYS, source)
    version = data.get("version")
    if version != VERSION or isinstance(version, bool):
        raise TrustAnchorError(f"{source} has version {version!r}", f"version {VERSION} is understood")
    window = parse_window(data.get("window"))
    people = parse_people(data.get("people"))
    plan = Plan(
        name=read_name(data, "name", source),
        title=read_line(data, "title", source) if data.get("title") is not None else "",
        window=window,
        people=people,
        unattended=read_bool(data, "unattended", source),
        quorum=read_int(data, "quorum", source, len(people), 2, max(2, len(people))),
        pkilint=parse_pkilint(data.get("pkilint")),
        sealed_by=read_name(data, "sealed_by", source),
        keys=parse_keys(data.get("keys")),
        roots=parse_known_roots(data.get("roots")),
        acts=tuple(parse_act(act, window.start) for act in read_entries(data.get("acts"), "acts")),
        text=text,
    )
    check_plan(plan)
    return plan


def dump(data: Mapping[str, Any]) -> bytes:
    """A plan's document as YAML in the order of its keys."""
    return strict_yaml.dump(dict(data))


def document(plan: Plan) -> dict[str, Any]:
    """The plan as plain values in one canonical form: defaults are written out, times equal to the start left out.

    So two plans that mean the same, each in its own window, have the same acts.
    """
    start = time_text(plan.window.start)
    title = {"title": plan.title} if plan.title else {}
    known = {name: {"sha256": root.sha256, "standby": root.standby} for name, root in plan.roots.items()}
    return {
        "version": VERSION,
        "name": plan.name,
        **title,
        "window": {"start": start, "end": time_text(plan.window.end)},
        "people": [{"name": person.name, "role": person.role} for person in plan.people],
        **({"quorum": plan.quorum} if plan.quorum < len(plan.people) else {}),
        **({"unattended": True} if plan.unattended else {}),
        "pkilint": "required" if plan.pkilint else "optional",
        "sealed_by": plan.sealed_by,
        "keys": {name: _key(key) for name, key in plan.keys.items()},
        **({"roots": known} if known else {}),
        "acts": [_timed(_act(act, start), start) for act in plan.acts],
    }


def _key(key: KeyPlan) -> dict[str, Any]:
    return {
        "tokens": list(key.tokens),
        "algorithm": key.algorithm,
        "origin": key.origin,
        "pin_policy": key.pin_policy,
        "touch_policy": key.touch_policy,
        **({} if key.attested == (key.origin == GENERATED) else {"attested": key.attested}),
        **({"pin_holders": list(key.pin_holders)} if key.pin_holders else {}),
    }


def _timed(data: dict[str, Any], start: str) -> dict[str, Any]:
    times = ("not_before", "this_update", "date")
    return {key: value for key, value in data.items() if not (key in times and value == start)}


def _act(act: Act, start: str) -> dict[str, Any]:
    if isinstance(act, InspectAct):
        return {"act": "inspect", "token": act.token}
    if isinstance(act, RootAct):
        return _root(act)
    if isinstance(act, CrossAct):
        return {"act": "cross", "standby": act.standby, "primary": act.primary, "days": act.profile.days} | _rest(act)
    if isinstance(act, CrlAct):
        return _crl(act, start)
    return _requested(act)


def _root(act: RootAct) -> dict[str, Any]:
    weak = {"allow_weak_root": True} if act.profile.allow_weak_root else {}
    return {
        "act": "root",
        "name": act.name,
        "standby": act.standby,
        "subject": act.profile.subject.rfc4514_string(),
        "days": act.profile.days,
        "path_length": act.profile.path_length,
        **_constraints(act.profile.constraints, act.profile.constraints is None),
        **weak,
        "not_before": time_text(act.not_before),
    }


def _requested(act: IntermediateAct | ManifestSignerAct) -> dict[str, Any]:
    request = {} if act.request == f"requests/{act.name}.csr" else {"request": act.request}
    found = {
        "act": "intermediate" if isinstance(act, IntermediateAct) else "manifest_signer",
        "name": act.name,
        "issuer": act.issuer,
        **request,
        "request_sha256": act.request_sha256,
    }
    if isinstance(act, ManifestSignerAct):
        said = {"subject": act.profile.subject.rfc4514_string(), "days": act.profile.days}
        return found | said | {"not_before": time_text(act.not_before)}
    said = {
        "subject": act.subject.rfc4514_string(),
        "days": act.profile.days,
        "path_length": act.profile.path_length,
        **_constraints(act.profile.constraints, act.profile.unconstrained),
    }
    return found | said | _rest(act)


def _rest(act: IntermediateAct | CrossAct) -> dict[str, Any]:
    urls = {"crl_urls": list(act.profile.crl_urls), "issuer_urls": list(act.profile.issuer_urls)}
    return urls | {"not_before": time_text(act.not_before)}


def _constraints(constraints: ConstraintSet | None, unconstrained: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"unconstrained": True} if unconstrained else {}
    if constraints is not None:
        names = ("permitted_dns", "permitted_ip", "excluded_dns", "excluded_ip")
        lists = {name: [str(one) for one in getattr(constraints, name)] for name in names}
        said = {"name_constraints": {name: values for name, values in lists.items() if values}} | said
    return said


def _crl(act: CrlAct, start: str) -> dict[str, Any]:
    return {
        "act": "crl",
        "issuer": act.issuer,
        "number": act.number,
        "days": act.days,
        "this_update": time_text(act.this_update),
        "revoked": [_timed(_revoked(entry), start) for entry in act.revoked],
    }


def _revoked(entry: RevokedEntry) -> dict[str, Any]:
    which = {"certificate": entry.certificate} if entry.serial is None else {"serial": f"{entry.serial:x}"}
    return {**which, "reason": entry.reason.name, "date": time_text(entry.date)}
