# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry public artefacts between the record and the ceremony host: the stick.

Both ends have the same layout and use the same merge, so an interrupted ceremony finishes on its rerun
whichever end is ahead: the certificate that replaced the other and the higher CRL number win, and what loses
goes to the archive. Only files that parse as what their place says are carried; a secret cannot get into the
record this way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from ..errors import TrustAnchorError
from ..x509 import certificates as certs
from .crls import crl_number, load_crl
from .files import read_optional, replace
from .issuance import archive_path
from .requests import load_request

_PLACES = {
    "requests": "csr",
    "roots": "crt",
    "intermediates": "crt",
    "intermediates/archive": "crt",
    "crls": "crl",
}
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Merge:
    """What a merge changes: path relative to the directory, and the bytes that go there."""

    directory: Path
    writes: Mapping[str, bytes]

    @property
    def changed(self) -> bool:
        """Whether anything is written."""
        return bool(self.writes)

    def apply(self) -> None:
        """Write.

        Raises:
            TrustAnchorError: a file cannot be written.
        """
        for name, data in self.writes.items():
            replace(self.directory / name, data)

    def paths(self) -> list[str]:
        """The files written, sorted."""
        return sorted(self.writes)


def read(directory: Path, requests: bool) -> dict[str, bytes]:
    """The public artefacts below a directory.

    Args:
        directory: the record, or the ceremony host's copy.
        requests: whether to read the requests too.

    Raises:
        TrustAnchorError: a file cannot be read or is not what its place says.
    """
    found = {}
    for place, suffix in _PLACES.items():
        if place == "requests" and not requests:
            continue
        for path in sorted((directory / place).glob(f"*.{suffix}")):
            data = read_optional(path)
            if data is not None:
                found[f"{place}/{path.name}"] = data
    for name, data in found.items():
        _check(name, data)
    return found


def _check(name: str, data: bytes) -> None:
    place, file = name.rsplit("/", 1) if "/" in name else ("", name)
    if place not in _PLACES or not file.endswith(f".{_PLACES[place]}") or not _FILE.fullmatch(file):
        raise TrustAnchorError(f"'{name}' has no place in the record", f"places: {', '.join(_PLACES)}")
    if name.endswith(".csr"):
        load_request(data, name)
    elif name.endswith(".crl"):
        load_crl(data, name)
    else:
        certs.load_certificate(data, name)


def plan_merge(directory: Path, incoming: Mapping[str, bytes]) -> Merge:
    """What to write below ``directory`` so that it has the incoming artefacts.

    Raises:
        TrustAnchorError: an artefact is not what its place says, or two different roots have the same name.
    """
    writes: dict[str, bytes] = {}
    for name, data in incoming.items():
        _check(name, data)
        here = read_optional(directory / name)
        if here is None or name.startswith("requests/"):
            if here != data:
                writes[name] = data
        elif here != data:
            writes.update(_resolve(directory, name, here, incoming))
    return Merge(directory, {n: d for n, d in writes.items() if read_optional(directory / n) != d})


def _resolve(directory: Path, name: str, here: bytes, incoming: Mapping[str, bytes]) -> dict[str, bytes]:
    there = incoming[name]
    if name.startswith("crls/"):
        ours_number, theirs_number = crl_number(load_crl(here, name)), crl_number(load_crl(there, name))
        if ours_number == theirs_number:
            raise TrustAnchorError(
                f"{name} has number {ours_number} on the ceremony host and in the record, and differs",
                "two CRLs of one number: one of them may lack a revocation",
                "Find out which is right and remove the other before anything is signed",
            )
        return {name: there} if theirs_number > ours_number else {}
    ours, theirs = certs.load_certificate(here, name), certs.load_certificate(there, name)
    if ours == theirs:
        return {}
    if not name.startswith("intermediates/") or "/archive/" in name:
        raise TrustAnchorError(
            f"{name} is one certificate on the ceremony host and another in the record",
            f"{certs.fingerprint(ours)} and {certs.fingerprint(theirs)}",
            "Find out which is right before anything is signed",
        )
    our_place, their_place = (_archived(directory, name, one) for one in (ours, theirs))
    if our_place in incoming:  # the sender has replaced ours already
        newer = True
    elif (directory / their_place).exists():  # we have replaced theirs
        newer = False
    else:
        newer = certs.not_before(theirs) > certs.not_before(ours)
    return {our_place: certs.to_pem(ours), name: there} if newer else {their_place: certs.to_pem(theirs)}


def _archived(directory: Path, name: str, certificate: x509.Certificate) -> str:
    return str(archive_path(directory / name, certificate).relative_to(directory))
