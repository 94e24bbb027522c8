# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at what is published, as a client gets it, and tell before something expires. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from ..errors import TrustAnchorError
from ..host import metrics, openssl, versioned
from ..host.files import read
from ..host.metrics import Metric, Sample
from ..trust.manifest import signed
from .url import PublicationUrl, fetch

CONFIGURATION = "/etc/trustanchor/publication.json"
FILE = versioned.VersionedFile("what the watch looks at", 1, "Run the playbook again")
METRICS = "trustanchor_publication.prom"
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
        """The file's content; the URL's key is the one that hosts have had from the beginning.

        Raises:
            TrustAnchorError: the file that is there is of a later version.
        """
        fields = asdict(self)
        fields["place"] = fields.pop("url")
        return FILE.rewritten(CONFIGURATION, fields, indent=2)


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
    found = FILE.parse(content, CONFIGURATION)
    try:
        watched = tuple(Watched(**versioned.known(Watched, one)) for one in found.pop("watched"))
        url = PublicationUrl(**versioned.known(PublicationUrl, found.pop("place")))
        return Watch(url, watched, **versioned.known(Watch, found))
    except (TypeError, KeyError) as error:
        raise FILE.damaged(CONFIGURATION, str(error)) from error


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
            openssl.require_crl_signed_by(content, watched.issuer)
        return openssl.read_crl(content).next_update
    if watched.kind == "manifest":
        return signed.read_unverified(content).not_after.timestamp()
    if watched.kind == "bundle":
        if b"-----BEGIN CERTIFICATE-----" not in content:
            raise TrustAnchorError("there is no certificate in it")
        return None
    return openssl.read_certificate(content).not_after


def as_metrics(findings: Sequence[WatchFinding], now: float) -> list[Metric]:
    """What monitoring is told of them; ``now`` in seconds since the epoch."""
    found = [Metric(name, text, tuple(_samples(name, findings, now))) for name, text in _METRICS.items()]
    looked = "When all this was looked at, seconds since the epoch."
    return [*found, Metric.single("last_check_timestamp_seconds", looked, round(now))]


def _samples(name: str, findings: Sequence[WatchFinding], now: float) -> Iterator[Sample]:
    for finding in findings:
        value = _values(finding, now).get(name)
        if value is not None:
            yield Sample(round(value), {"artifact": finding.watched.name, "kind": finding.watched.kind})


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
    if watch.metrics_directory:
        metrics.write(f"{watch.metrics_directory}/{METRICS}", "publication", as_metrics(findings, now))
