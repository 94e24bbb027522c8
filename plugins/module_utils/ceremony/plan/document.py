# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reviewed plan of a ceremony, ``ceremony.yml``: read it strictly, write it canonically."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import strict_yaml
from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool, read_int, read_version
from ..acts.registry import parse_act
from .model import GENERATED, KeyPlan, Plan
from .rules import check_plan
from .schema import (
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
    return plan_of(strict_yaml.load(text, source), text, source)


def plan_of(values: Any, text: bytes, source: str) -> Plan:
    """A plan from its document as plain values.

    Args:
        values: the document.
        text: the file's bytes.
        source: where they come from, for messages.

    Raises:
        TrustAnchorError: whatever is wrong with it.
    """
    # First, since a later version may have keys that are none here. Within a version an unknown key is a mistake: what
    # is on the page is reviewed, and all of it counts.
    read_version(values, VERSION, source)
    data = check_keys(values, _KEYS, source)
    if "version" not in data:
        raise TrustAnchorError(f"{source}: 'version' is missing", f"it is required, and {VERSION}")
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
    title = {"title": plan.title} if plan.title else {}
    known = {name: {"sha256": root.sha256, "standby": root.standby} for name, root in plan.roots.items()}
    return {
        "version": VERSION,
        "name": plan.name,
        **title,
        "window": {"start": time_text(plan.window.start), "end": time_text(plan.window.end)},
        "people": [{"name": person.name, "role": person.role} for person in plan.people],
        **({"quorum": plan.quorum} if plan.quorum < len(plan.people) else {}),
        **({"unattended": True} if plan.unattended else {}),
        "pkilint": "required" if plan.pkilint else "optional",
        "sealed_by": plan.sealed_by,
        "keys": {name: _key(key) for name, key in plan.keys.items()},
        **({"roots": known} if known else {}),
        "acts": [act.dump(plan.window.start) for act in plan.acts],
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
