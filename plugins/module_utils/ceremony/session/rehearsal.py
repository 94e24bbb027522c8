# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal: the same plan on software tokens, in a place of its own, with names that tell.

Roots that exist have a twin made, with a software key, so that what they would sign can be rehearsed too.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from ...errors import TrustAnchorError
from ...host.files import read
from ...token.backends.pkcs11.keys import KeySpec
from ...token.backends.pkcs11.sessions import TokenSpec
from ...token.devices import SOFTHSM_MODULE, Device, TokensFile
from ...x509 import certificates as certs
from ...x509.name_constraints import Network
from ...x509.profiles import ConstraintSet, RootProfile
from ..issuance import marked
from ..plan.model import Act, Plan, RootAct

MARK = "REHEARSAL "
_EVERY_ADDRESS = {ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")}


def rehearsal_directory(directory: Path, plan: Plan) -> Path:
    """Where everything of a rehearsal is: a plan that was changed is rehearsed from the beginning."""
    return directory / "rehearsals" / f"{plan.name}-{plan.sha256[:8]}"


def rehearsal_plan(plan: Plan, directory: Path) -> Plan:
    """The plan with marked names, and with acts that make a twin of each root that exists.

    Args:
        plan: as reviewed; its digest stays the one that people confirm.
        directory: where the roots that exist are.

    Raises:
        TrustAnchorError: such a root is absent.
    """
    twins = [_twin(plan, name, directory) for name in plan.roots if name in plan.keys]
    acts: list[Act] = [*twins, *(_marked(act) for act in plan.acts)]
    keys = {name: dataclasses.replace(key, attested=False) for name, key in plan.keys.items()}
    return dataclasses.replace(plan, roots={}, acts=tuple(acts), keys=keys)


def rehearsal_tokens(plan: Plan, tokens: TokensFile, directory: Path) -> TokensFile:
    """A software token in place of each device, keys and inspected tokens alike."""
    names = {name for key in plan.keys.values() for name in key.tokens} | set(tokens.devices)
    config = str(directory / "softhsm" / "softhsm2.conf")
    devices = {
        name: Device(name, "softhsm", TokenSpec(SOFTHSM_MODULE, label=name, softhsm_config=config), KeySpec(b"\x02"))
        for name in sorted(names)
    }
    return TokensFile(devices)


def _marked(act: Act) -> Act:
    if not isinstance(act, RootAct):
        return act  # requests keep their names here: the mark comes with the certificate
    profile = dataclasses.replace(act.profile, subject=marked(act.profile.subject, MARK))
    return dataclasses.replace(act, profile=profile)


def _twin(plan: Plan, name: str, directory: Path) -> RootAct:
    pem = read(directory / "roots" / f"{name}.crt")
    if pem is None:
        raise TrustAnchorError(f"the record has no roots/{name}.crt", "the plan says that it exists")
    root = certs.load_certificate(pem, f"roots/{name}.crt")
    basic = certs.extension(root, x509.BasicConstraints)
    start, end = certs.not_before(root), certs.not_after(root)
    profile = RootProfile(
        subject=marked(root.subject, MARK),
        constraints=_constraints(root),
        days=-((start - end) // dt.timedelta(days=1)),
        path_length=basic.path_length if basic is not None and basic.path_length is not None else 1,
        allow_weak_root=True,
    )
    return RootAct(name, plan.roots[name].standby, profile, start)


def _constraints(root: x509.Certificate) -> ConstraintSet | None:
    names = certs.extension(root, x509.NameConstraints)
    if names is None:
        return None
    permitted, excluded = names.permitted_subtrees or [], names.excluded_subtrees or []
    excluded_ip = _networks(excluded)
    return ConstraintSet(
        permitted_dns=tuple(one.value for one in permitted if isinstance(one, x509.DNSName)),
        permitted_ip=_networks(permitted),
        excluded_dns=tuple(one.value for one in excluded if isinstance(one, x509.DNSName)),
        excluded_ip=() if set(excluded_ip) == _EVERY_ADDRESS else excluded_ip,
    )


def _networks(names: Sequence[x509.GeneralName]) -> tuple[Network, ...]:
    values = [one.value for one in names if isinstance(one, x509.IPAddress)]
    return tuple(one for one in values if isinstance(one, (ipaddress.IPv4Network, ipaddress.IPv6Network)))
