# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody has to do about a CA's own certificates, told as long before as it takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cryptography import x509

from ..text import durations, notice, times
from ..x509 import certificates

_LONGEST = "24h0m0s"  # maxTLSCertDuration of step-ca where nothing is said (authority/config/config.go)
_REMEDY = {
    "root": "Plan its successor (docs/guides/trust.md)",
    "intermediate": "Renew it: request_intermediate, plan_ceremony, ceremony, site",
}


def due(
    root: x509.Certificate, bundle: Sequence[x509.Certificate], config: Mapping[str, Any], now: dt.datetime
) -> list[str]:
    """Why somebody has to act; empty: nobody has.

    Args:
        root: of the CA.
        bundle: its intermediate, and what stands between that and the root.
        config: ca.json, or what is declared of it.
        now: aware.
    """
    ending = [*_ending("root", root, 0, now), *(text for one in bundle for text in _of_issuer(one, config, now))]
    return [*ending, *_unlimited(root, bundle)]


def _unlimited(root: x509.Certificate, bundle: Sequence[x509.Certificate]) -> Iterator[str]:
    """Java does not look at the name constraints of a root that is its trust anchor.

    Signed again with the same key it would not help: who steals the key takes the former certificate, which is public.
    """
    if certificates.extension(root, x509.NameConstraints) is None:
        return
    for one in bundle:
        if certificates.extension(one, x509.NameConstraints) is None:
            yield (
                f"The intermediate {one.subject.rfc4514_string()} has no name constraints of its own, and Java does "
                "not look at a root's: with its key somebody could speak for every name to Java. Move to a CA with a "
                "new key (docs/guides/ceremony.md); another certificate for the same key leaves the former one valid."
            )


def _of_issuer(issuer: x509.Certificate, config: Mapping[str, Any], now: dt.datetime) -> Iterator[str]:
    """step-ca issues leaves that outlive their issuer, and from that moment on no client accepts them."""
    longest = longest_leaf(config)
    yield from _ending("intermediate", issuer, longest, now)


def _ending(kind: str, certificate: x509.Certificate, longest: int, now: dt.datetime) -> Iterator[str]:
    end, margin = certificates.not_after(certificate), max(notice.seconds(kind), longest)
    if (end - now).total_seconds() < margin:
        wanted = f"{margin / 86400:.0f} days before are needed for what has to be done"
        yield (
            f"The {kind} {certificate.subject.rfc4514_string()} ends at {times.render(end)}, {wanted}. {_REMEDY[kind]}."
        )


def longest_leaf(config: Mapping[str, Any]) -> int:
    """The longest life of a leaf that any provisioner grants, seconds.

    Args:
        config: ca.json; its durations were checked.
    """
    authority = config.get("authority") or {}
    default = (authority.get("claims") or {}).get("maxTLSCertDuration") or _LONGEST
    provisioners = authority.get("provisioners") or []
    asked = [(one.get("claims") or {}).get("maxTLSCertDuration") or default for one in provisioners]
    return max(durations.go_nanoseconds(text, "maxTLSCertDuration") for text in (*asked, default)) // 10**9
