# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NSS, as browsers have it: tstclnt with a database, and without the roots that NSS brings. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...errors import TrustAnchorError
from ...host import addresses
from ...host.files import read
from ...host.pem import blocks, fingerprint
from ...trust.root import Root
from ...trust.stores.base import Wanted
from ...trust.stores.certutil import Certutil, Database
from .client import Account, Asked, Client, Said, address, ask, find_program, owner

# Below a home, in the order in which Chromium looks: where the first one is, it reads no other.
HOMES = (".pki/nssdb", ".local/share/pki/nssdb")
_CERTUTIL_SECONDS = 60.0
_NOT_REACHED = "unable to connect"


def _perform(asked: Asked) -> Mapping[str, Said]:
    program = find_program("tstclnt", CLIENT.package)
    if asked.roots:
        database = _with_roots(asked)
        return {CLIENT.name: asked.each(lambda target: _shake(program, database, None, target))}
    if not asked.nss_databases:
        return {CLIENT.name: _asked_with(asked, program, _in_home())}
    return {f"{CLIENT.name} {path}": _asked_with(asked, program, path) for path in asked.nss_databases}


def _asked_with(asked: Asked, program: str, path: str) -> Said:
    """As whoever the database belongs to: it names modules, which are loaded."""
    try:
        account = owner(os.path.join(path, "cert9.db"))
    except TrustAnchorError as error:
        fault = str(error)
        return dict.fromkeys(asked.targets, fault)
    return asked.each(lambda target: _shake(program, path, account, target))


def _in_home() -> str:
    """Raises: TrustAnchorError: there is none."""
    home = os.path.expanduser("~")
    for path in (os.path.join(home, below) for below in HOMES):
        if os.path.exists(os.path.join(path, "cert9.db")):
            return path
    raise TrustAnchorError(f"{home} has no NSS database", f"{HOMES[0]} is expected there", "Name one in nss_databases")


def _with_roots(asked: Asked) -> str:
    """A database that trusts these roots."""
    path = asked.directory("nssdb")
    listed = blocks((read(asked.roots) or b"").decode())
    roots = tuple(Root("", fingerprint(block), pem=block) for block in listed)
    database = Database(path, Certutil(_CERTUTIL_SECONDS, asked.scratch))
    database.make()
    database.converge(Wanted(roots))
    return path


def _shake(program: str, database: str, account: Account | None, target: str) -> str:
    """tstclnt tries the first address of a name only, so it is told which one; the name is what it verifies."""
    host, port = address(target)
    silent = [f"{host} has no address"]
    for one in addresses.resolved(host):
        name = [] if one == host else ["-a", host]
        outcome = ask([program, "-h", one, *name, "-p", port, "-d", f"sql:{database}", "-Q"], account=account)
        if outcome.code == 0:
            return "ok"
        said = outcome.last_line.removeprefix("tstclnt: ")
        if _NOT_REACHED not in said:
            return said
        silent.insert(0, said)
    return silent[0]


CLIENT = Client("nss", "libnss3-tools", "a database of NSS, without the roots that NSS brings", _perform)
