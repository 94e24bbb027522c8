# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at what is published, as a client gets it, and tell before something expires. Standard library only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import TrustAnchorError
from ..host.files import read, write_atomically
from ..trust.manifest import signed
from . import artifacts
from .url import PublicationUrl, fetch

CONFIGURATION = "/etc/trustanchor/publication.json"
_UNITS = {"m": 60, "h": 3600, "d": 86400}
_METRICS = {
    "up": "Whether the artifact can be had, read, and is signed by its issuer.",
    "expiry_timestamp_seconds": "When the artifact expires, seconds since the epoch; 0 where it is not up.",
    "margin_seconds": "How long before it expires the artifact must have been replaced.",
    "stale": "Whether the artifact is not up, or has less than its margin left.",
}
_NEXT_STEP = {
    "root": "Plan its successor",
    "intermediate": "Renew it: request_intermediate, plan_ceremony, ceremony",
    "root_crl": "Renew it: plan_ceremony, ceremony, then publish",
    "ca_crl": "Look at step-ca on its CA host, and at the network between",
    "manifest": "Sign it again, then publish",
    "bundle": "Publish again",
}


@dataclass(frozen=True)
class Watched:
    """One artifact.

    Args:
        name: last part of its URL.
        kind: one of `artifacts.KINDS`.
        margin: seconds before its end at which somebody must know.
        issuer: PEM of the certificate that must have signed a CRL; empty: not looked at.
    """

    name: str
    kind: str
    margin: int
    issuer: str = ""


@dataclass(frozen=True)
class Watch:
    """What is looked at.

    Args:
        url: where it is published.
        watched: the artifacts.
        metrics_directory: of node_exporter's textfile collector; empty: no metrics.
    """

    url: PublicationUrl
    watched: tuple[Watched, ...]
    metrics_directory: str = ""

    def dump(self) -> bytes:
        """As JSON; the URL's key is the one that hosts have had from the beginning."""
        fields = asdict(self)
        fields["place"] = fields.pop("url")
        return (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()


@dataclass(frozen=True)
class WatchFinding:
    """What was found of one artifact.

    Args:
        watched: it.
        end: when it expires, seconds since the epoch; None: never, or it could not be read.
        fault: why it is not as it should be; empty: it is.
    """

    watched: Watched
    end: float | None
    fault: str = ""

    def stale(self, now: float) -> bool:
        """Whether somebody has to do something."""
        return bool(self.fault) or (self.end is not None and self.end - now < self.watched.margin)

    def text(self, now: float) -> str:
        """For the log."""
        if self.fault:
            return f"{self.watched.name}: {self.fault}"
        if self.end is None:
            return f"{self.watched.name}: good"
        left = self.end - now
        said = f"{span(left)} left" if left >= 0 else f"expired {span(-left)} ago"
        if not self.stale(now):
            return f"{self.watched.name}: {said}"
        return f"{self.watched.name}: {said}, wanted {span(self.watched.margin)}. {_NEXT_STEP[self.watched.kind]}."


def load() -> Watch:
    """What this host has to look at.

    Raises:
        TrustAnchorError: it is not there, or damaged.
    """
    content = read(CONFIGURATION)
    if content is None:
        raise TrustAnchorError(f"{CONFIGURATION} is missing", "it says what to look at", "Run the playbook again")
    try:
        found: dict[str, Any] = json.loads(content)
        watched = tuple(Watched(**one) for one in found.pop("watched"))
        return Watch(url=PublicationUrl(**found.pop("place")), watched=watched, **found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TrustAnchorError(f"{CONFIGURATION} cannot be read", str(error), "Run the playbook again") from error


def seconds(text: str, where: str) -> int:
    """A span such as ``30d``, ``6h`` or ``90m``.

    Raises:
        TrustAnchorError: it is not one.
    """
    found = re.fullmatch("([0-9]+)([mhd])", text)
    if not found:
        raise TrustAnchorError(
            f"{where}: '{text}' is not a span of time", "a number and m, h or d are expected", "Write for example 30d"
        )
    return int(found.group(1)) * _UNITS[found.group(2)]


def span(value: float) -> str:
    """Seconds for people."""
    for unit, name in ((86400, "days"), (3600, "hours")):
        if value >= 2 * unit:
            return f"{value / unit:.1f} {name}"
    return f"{value / 60:.0f} minutes"


def look(watch: Watch) -> list[WatchFinding]:
    """Fetch and read each artifact."""
    return [_look_at(watch.url, one) for one in watch.watched]


def _look_at(url: PublicationUrl, watched: Watched) -> WatchFinding:
    try:
        return WatchFinding(watched, _end(watched, fetch(url, watched.name)))
    except TrustAnchorError as error:
        return WatchFinding(watched, None, str(error))


def _end(watched: Watched, content: bytes) -> float | None:
    if watched.kind in ("root_crl", "ca_crl"):
        if watched.issuer:
            artifacts.require_signed_by(content, watched.issuer)
        return artifacts.read_crl(content).next_update
    if watched.kind == "manifest":
        return signed.read_unverified(content).not_after.timestamp()
    if watched.kind == "bundle":
        if b"-----BEGIN CERTIFICATE-----" not in content:
            raise TrustAnchorError("there is no certificate in it")
        return None
    return artifacts.certificate_end(content)


def metrics(findings: Sequence[WatchFinding], now: float) -> str:
    """In the text format of Prometheus."""
    return "".join(_metric_lines(findings, now))


def _metric_lines(findings: Sequence[WatchFinding], now: float) -> Iterator[str]:
    for key, text in _METRICS.items():
        yield from _header(key, text)
        for finding in findings:
            value = _values(finding, now).get(key)
            if value is not None:
                labels = f'artifact="{finding.watched.name}",kind="{finding.watched.kind}"'
                yield f"trustanchor_publication_{key}{{{labels}}} {value:.0f}\n"
    yield from _header("last_check_timestamp_seconds", "When all this was looked at, seconds since the epoch.")
    yield f"trustanchor_publication_last_check_timestamp_seconds {now:.0f}\n"


def _header(key: str, text: str) -> Iterator[str]:
    yield f"# HELP trustanchor_publication_{key} {text}\n# TYPE trustanchor_publication_{key} gauge\n"


def _values(finding: WatchFinding, now: float) -> Mapping[str, float]:
    found: dict[str, float] = {"up": 0 if finding.fault else 1, "stale": 1 if finding.stale(now) else 0}
    if finding.end is not None or finding.fault:  # an alert on the end must see what cannot be read, too
        found |= {"expiry_timestamp_seconds": finding.end or 0, "margin_seconds": finding.watched.margin}
    return found


def write_metrics(watch: Watch, findings: Sequence[WatchFinding], now: float) -> None:
    """A file for node_exporter's textfile collector.

    Raises:
        TrustAnchorError: it cannot be written.
    """
    if not watch.metrics_directory:
        return
    try:
        os.makedirs(watch.metrics_directory, mode=0o755, exist_ok=True)
    except OSError as error:
        raise TrustAnchorError(f"{watch.metrics_directory} cannot be made", error.strerror or str(error)) from error
    path = f"{watch.metrics_directory}/trustanchor_publication.prom"
    write_atomically(path, metrics(findings, now).encode(), 0o644, "root", "root")
