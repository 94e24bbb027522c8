# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal: the same plan on software tokens, in a directory of its own, with names that tell.

Of roots that exist a rehearsal root is made, with a software key, so that what they would sign can be rehearsed too.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..errors import TrustAnchorError
from ..host.files import read
from ..x509 import certificates as certs
from .acts.base import Act
from .acts.root import RootAct, rehearsal_root
from .plan.model import Plan

MARK = "REHEARSAL "


def rehearsal_directory(directory: Path, plan: Plan) -> Path:
    """Where everything of a rehearsal is: a plan that was changed is rehearsed from the beginning."""
    return directory / "rehearsals" / f"{plan.name}-{plan.sha256[:8]}"


def rehearsal_plan(plan: Plan, directory: Path) -> Plan:
    """The plan with marked names, and with acts that make a rehearsal root for each root that exists.

    Args:
        plan: as reviewed; its digest stays the one that people confirm.
        directory: where the roots that exist are.

    Raises:
        TrustAnchorError: such a root is absent.
    """
    roots = [_root(plan, name, directory) for name in plan.roots if name in plan.keys]
    acts: list[Act] = [*roots, *(act.marked(MARK) for act in plan.acts)]
    keys = {name: dataclasses.replace(key, attested=False) for name, key in plan.keys.items()}
    return dataclasses.replace(plan, roots={}, acts=tuple(acts), keys=keys)


def _root(plan: Plan, name: str, directory: Path) -> RootAct:
    pem = read(directory / "roots" / f"{name}.crt")
    if pem is None:
        raise TrustAnchorError(f"the record has no roots/{name}.crt", "the plan says that it exists")
    return rehearsal_root(name, plan.roots[name].standby, certs.load_certificate(pem, f"roots/{name}.crt"), MARK)
