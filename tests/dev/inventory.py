# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the lab as the inventory declares them."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from .console import Failure
from .settings import INVENTORY, lab_index

DOMAIN = "corp.example"
SUBNET = "{{ lab_subnet }}"


@dataclass(frozen=True)
class Host:
    """One host: address is None for a machine without a network, names are its names in the lab's DNS."""

    name: str
    address: str | None
    names: tuple[str, ...]
    kind: str
    optional: bool


def subnet() -> str:
    """Return the first three octets of the lab's network."""
    return f"10.77.{lab_index()}"


def hosts() -> dict[str, Host]:
    """Return all declared hosts by name."""
    groups = yaml.safe_load((INVENTORY / "hosts.yml").read_text())["all"]["children"]
    return {
        name: _host(name, group, variables or {})
        for group, content in groups.items()
        for name, variables in content.get("hosts", {}).items()
    }


def _host(name: str, group: str, variables: dict[str, object]) -> Host:
    address = str(variables["ansible_host"])
    names = variables.get("lab_names") or []
    assert isinstance(names, list)
    return Host(
        name=name,
        address=address.replace(SUBNET, subnet()) if SUBNET in address else None,
        names=(f"{name}.{DOMAIN}", *names),
        kind="ceremony" if group == "ceremony" else "host",
        optional=bool(variables.get("lab_optional", False)),
    )


def chosen(names: list[str]) -> list[Host]:
    """Return the hosts with these names, or all that are not optional."""
    declared = hosts()
    unknown = sorted(set(names) - set(declared))
    if unknown:
        raise Failure(f"the inventory has no host {', '.join(unknown)}; it has {', '.join(declared)}")
    return [declared[name] for name in names] or [host for host in declared.values() if not host.optional]
