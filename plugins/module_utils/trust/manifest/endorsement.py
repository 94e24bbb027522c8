# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roots a signed manifest may bring to a host that does not have them.

The signer's key is in software, so it may not widen what the estate trusts: a new root lies within the name constraints
of a root that the host has, or a root that the host has endorsed it. The endorsement is a cross-certificate (RFC 4210
calls it NewWithOld): the new root's name and key, certified by the old root at a ceremony. Standard library only.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...host import constraints, openssl, pem
from ..root import Root

_PATH_LENGTH = re.compile("pathlen:([0-9]+)")


@dataclass(frozen=True)
class Endorsement:
    """A cross-certificate for a root.

    Args:
        sha256: fingerprint of the root that is endorsed.
        pem: the certificate.
    """

    sha256: str
    pem: str


def require(roots: Iterable[Root], endorsements: Sequence[Endorsement], known: Sequence[Root]) -> None:
    """Refuse roots that are new to a host, and neither within what it trusts nor endorsed by a root that it has.

    Args:
        roots: those of the manifest that are to be trusted, with certificates.
        endorsements: of the manifest.
        known: roots that the host has.

    Raises:
        TrustAnchorError: there is one.
    """
    had = {root.sha256 for root in known}
    for root in roots:
        if root.sha256 in had or is_within(root, known):
            continue
        given = [one for one in endorsements if one.sha256 == root.sha256]
        if not any(is_endorsed(root, one.pem, known) for one in given):
            raise TrustAnchorError(
                f"the new root '{root.name}' may certify more names than the roots that this host has, and none of "
                "these endorses it",
                "whoever has the key of the manifest signer could bring any root to this host",
                "Push it with trustanchor.private_ca.rollout_trust, or have a root that hosts have cross-certify it",
            )


def is_within(root: Root, known: Iterable[Root]) -> bool:
    """Whether a root may certify no more names than one of others."""
    new = constraints.read(root.pem)
    return any(new.is_within(constraints.read(one.pem)) for one in known)


def is_endorsed(root: Root, cross: str, known: Sequence[Root]) -> bool:
    """Whether a cross-certificate by one of the known roots is about a root.

    An intermediate's certificate endorses nothing: who has its key could make a root of its name and key. So what
    stands for a root must be able to stand above an intermediate, for every purpose, within the root's constraints.

    Raises:
        TrustAnchorError: it is not one certificate in PEM, or has constraints that are not understood.
    """
    cross = ssl.DER_cert_to_PEM_cert(pem.only_certificate(cross))  # all that follows reads the same bytes
    new, endorsing = openssl.read_certificate(root.pem.encode()), openssl.read_certificate(cross.encode())
    same = (new.subject, new.public_key_sha256) == (endorsing.subject, endorsing.public_key_sha256)
    limit = _PATH_LENGTH.search(" ".join(endorsing.basic_constraints.values if endorsing.basic_constraints else ()))
    as_root = endorsing.is_ca and endorsing.extended_key_usage is None and not (limit and int(limit[1]) == 0)
    if not same or not as_root or not constraints.read(root.pem).is_within(constraints.read(cross)):
        return False
    return _is_issued_by_one_of(cross, known)


def _is_issued_by_one_of(certificate: str, roots: Sequence[Root]) -> bool:
    """Directly, as openssl verifies it; not by itself, so a root's own certificate endorses nothing."""
    with tempfile.TemporaryDirectory(prefix="endorsement-") as directory:
        trusted, asked = f"{directory}/roots.pem", f"{directory}/cross.pem"
        for path, text in ((trusted, "".join(root.pem for root in roots)), (asked, certificate)):
            with open(path, "w", encoding="utf-8") as handle:
                handle.write(text)
        options = ["-CAfile", trusted, "-no-CApath", "-no-CAstore", "-verify_depth", "0", asked]
        try:
            openssl.run(["verify", *options])
        except TrustAnchorError:
            return False
    return True
