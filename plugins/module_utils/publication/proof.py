# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that clients get what is published: fetched as they come, and compared. Standard library only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..host import openssl
from . import clients, nginx
from .artifacts import KINDS, Artifact
from .clients import Way
from .url import Answer, NoAnswer, PublicationUrl, fetch, get, patience


@dataclass(frozen=True)
class Proof:
    """What came of it.

    Args:
        faults: clients do not get what they should.
        warnings: what somebody should know, and what is not this host's fault.
    """

    faults: tuple[TrustAnchorError, ...] = ()
    warnings: tuple[str, ...] = ()


def prove_soon(
    url: PublicationUrl, artifacts: Sequence[Artifact], sources: Sequence[nginx.Source], patience: float
) -> Proof:
    """As `prove`, for a web server that was just reloaded: workers by the old configuration may answer once more.

    Args:
        url: where everything is published.
        artifacts: the files.
        sources: CRLs that are fetched from their CAs.
        patience: seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        found = prove(url, artifacts, sources)
        if not found.faults or time.monotonic() >= deadline:
            return found
        time.sleep(0.1)


def prove(url: PublicationUrl, artifacts: Sequence[Artifact], sources: Sequence[nginx.Source]) -> Proof:
    """Fetch everything by each way that clients come, and compare it.

    At this host's own addresses to which the name leads, the bytes must be the published ones. Another host behind the
    name, or a proxy, may still have a former version or be down, which is told; foreign content there is a fault.
    """
    faults: list[TrustAnchorError] = []
    warnings: list[str] = []
    ways = clients.ways(url.host, nginx.has_ipv6())
    for way in ways:
        fault = _fault(url, artifacts, way)
        if fault is None:
            continue
        if way.named and not isinstance(fault, _Behind):
            faults.append(fault)
        else:
            warnings.append(str(fault))
    direct = ways[0].address
    faults += [fault for source in sources if (fault := _crl_fault(url, source, direct)) is not None]
    return Proof(tuple(faults), tuple(warnings))


class _Behind(TrustAnchorError):
    """Another host has no version, or another version, of what is published here."""


def _fault(url: PublicationUrl, artifacts: Sequence[Artifact], way: Way) -> TrustAnchorError | None:
    """The first thing that is wrong at an address; whatever is wrong with one is likely to be wrong with all."""
    for one in artifacts:
        try:
            answer = get(url, one.name, way.address, patience(way.own))
        except NoAnswer as error:
            return error if way.own else _Behind(error.what, error.why, _LOOK_THERE)
        expected = (200, KINDS[one.kind].media_type, one.content)
        if (answer.status, answer.media_type, answer.content) != expected:
            return _wrong_here(url, one, answer, way) if way.own else _wrong_elsewhere(one, answer, way)
    return None


_LOOK_THERE = "Look at that host, or take its address out of DNS"


def _wrong_here(url: PublicationUrl, artifact: Artifact, answer: Answer, way: Way) -> TrustAnchorError:
    return TrustAnchorError(
        f"{artifact.name} is not served as it should be at {way.address}",
        nginx.explain(url, way.address) or _difference(artifact, answer),
        "Correct what answers there; see 'nginx -T' and /var/log/nginx/error.log",
    )


def _difference(artifact: Artifact, answer: Answer) -> str:
    right = "the right" if answer.content == artifact.content else "another"
    expected = f"200 {KINDS[artifact.kind].media_type} with the right content is expected"
    return f"the answer is {answer.status} {answer.media_type} with {right} content; {expected}"


def _wrong_elsewhere(artifact: Artifact, answer: Answer, way: Way) -> TrustAnchorError:
    if answer.status != 200 or artifact.is_kindred(answer.content):
        return _Behind(
            f"{way.address}, another host behind the published name, does not serve this {artifact.name}",
            _difference(artifact, answer),
            "Publish there, too, or wait until a proxy's copy is too old",
        )
    return TrustAnchorError(
        f"{way.address}, to which the published name leads, serves something else as {artifact.name}",
        _difference(artifact, answer),
        _LOOK_THERE,
    )


def _crl_fault(url: PublicationUrl, source: nginx.Source, address: str) -> TrustAnchorError | None:
    try:
        openssl.read_crl(fetch(url, source.file, address))
    except TrustAnchorError as error:
        return TrustAnchorError(
            f"the CRL of {source.name} cannot be fetched from http://{source.url.authority}{source.url.prefix}",
            str(error),
            "Everything else is published. Look whether step-ca runs and its plain-HTTP listener "
            "(step_ca_insecure_address) is reachable from this host",
        )
    return None
