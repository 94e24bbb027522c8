# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at what is published, as a client gets it, and tell before something expires. Standard library only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from ..errors import TrustAnchorError
from ..host import metrics, openssl, versioned
from ..host.files import read
from ..host.metrics import Metric, Sample
from ..trust.manifest import signed
from . import clients, nginx
from .clients import Way
from .url import NoAnswer, PublicationUrl, fetch, patience

CONFIGURATION = "/etc/trustanchor/publication.json"
FILE = versioned.VersionedFile("what the watch looks at", 1, "Run the playbook again")
METRICS = "trustanchor_publication.prom"
_METRICS = {
    "up": "Whether the artifact can be had, read, and is signed by its issuer.",
    "expiry_timestamp_seconds": "When what is due first in the artifact expires, seconds since the epoch; 0: not up.",
    "margin_seconds": "How long before that it must have been replaced.",
    "stale": "Whether the artifact is not up, or has less than its margin left.",
}
_NEXT_STEP = {
    "root": "Plan its successor",
    "intermediate": "Renew it: request_intermediate, plan_ceremony, ceremony",
    "root_crl": "Renew it: plan_ceremony, ceremony, then publish",
    "ca_crl": "Look at step-ca on its CA host, and at the network between",
    "manifest": "Sign it again, then publish",
    "manifest_signer": "Have a new signer certified: plan_ceremony, ceremony; then sign it again",
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
        signer_margin: the same as ``margin`` for the certificate of a manifest's signer.
    """

    name: str
    kind: str
    margin: int
    issuer: str = ""
    signer_margin: int = 0


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
class End:
    """An end.

    Args:
        at: seconds since the epoch.
        of: what ends: a kind of artifact, or ``manifest_signer``.
        margin: seconds before it at which somebody must know.
    """

    at: float
    of: str
    margin: int

    @property
    def due(self) -> float:
        """When somebody must know, seconds since the epoch."""
        return self.at - self.margin


@dataclass(frozen=True)
class WatchFinding:
    """What was found of one artifact.

    Args:
        watched: it.
        end: of what in it is due first; None: it never ends, or could not be read.
        fault: why it is not as it should be; empty: it is.
    """

    watched: Watched
    end: End | None
    fault: str = ""

    def stale(self, now: float) -> bool:
        """Whether somebody has to do something."""
        return bool(self.fault) or (self.end is not None and self.end.due < now)

    def text(self, now: float) -> str:
        """For the log."""
        if self.fault:
            return f"{self.watched.name}: {self.fault}"
        if self.end is None:
            return f"{self.watched.name}: good"
        left = self.end.at - now
        said = f"{span(left)} left" if left >= 0 else f"expired {span(-left)} ago"
        if self.end.of != self.watched.kind:
            said = f"its signer: {said}"
        if not self.stale(now):
            return f"{self.watched.name}: {said}"
        return f"{self.watched.name}: {said}, wanted {span(self.end.margin)}. {_NEXT_STEP[self.end.of]}."


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
    """Fetch and read each artifact by each way that clients come."""
    ways = [way for way in clients.ways(watch.url.host, nginx.has_ipv6()) if way.named]
    silent: set[str] = set()
    return [_look_at(watch.url, one, ways, silent) for one in watch.watched]


def _look_at(url: PublicationUrl, watched: Watched, ways: Sequence[Way], silent: set[str]) -> WatchFinding:
    """What the unluckiest client gets.

    Args:
        url: where everything is published.
        watched: the artifact.
        ways: by which clients come.
        silent: other hosts' addresses at which nobody answers; not asked again, and what is found is added.
    """
    ends: list[End] = []
    for way in ways:
        if way.address in silent:
            continue
        try:
            ends += _ends(watched, fetch(url, watched.name, way.address, patience(way.own)))
        except NoAnswer as error:
            if way.own:
                return WatchFinding(watched, None, str(error))
            silent.add(way.address)  # it may not be reachable from here, and has a watch of its own
        except TrustAnchorError as error:
            return WatchFinding(watched, None, f"{error} It came from {way.address}.")
    return WatchFinding(watched, min(ends, key=lambda end: end.due, default=None))


def _ends(watched: Watched, content: bytes) -> Iterator[End]:
    """When what was fetched ends.

    Raises:
        TrustAnchorError: it is not what it should be.
    """
    if watched.kind == "bundle":
        if b"-----BEGIN CERTIFICATE-----" not in content:
            raise TrustAnchorError("there is no certificate in it")
        return
    yield End(_end(watched, content), watched.kind, watched.margin)
    if watched.kind == "manifest":
        yield End(_signer_end(content), "manifest_signer", watched.signer_margin)


def _end(watched: Watched, content: bytes) -> float:
    if watched.kind in ("root_crl", "ca_crl"):
        if watched.issuer:
            openssl.require_crl_signed_by(content, watched.issuer)
        return openssl.read_crl(content).next_update
    if watched.kind == "manifest":
        return signed.read_unverified(content).not_after.timestamp()
    return openssl.read_certificate(content).not_after


def _signer_end(message: bytes) -> float:
    """When the certificate of a manifest's signer ends; a manifest is good for no longer."""
    with tempfile.NamedTemporaryFile() as signer:
        options = ["-verify", "-noverify", "-binary", "-inform", "DER", "-signer", signer.name]
        openssl.run(["cms", *options], stdin=message)
        return openssl.read_certificate(signer.read()).not_after


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
    if finding.end is not None:
        found |= {"expiry_timestamp_seconds": finding.end.at, "margin_seconds": finding.end.margin}
    elif finding.fault:  # an alert on the end must see what cannot be read, too
        found |= {"expiry_timestamp_seconds": 0, "margin_seconds": finding.watched.margin}
    return found


def write_metrics(watch: Watch, findings: Sequence[WatchFinding], now: float) -> None:
    """A file for node_exporter's textfile collector.

    Raises:
        TrustAnchorError: it cannot be written.
    """
    if watch.metrics_directory:
        metrics.write(f"{watch.metrics_directory}/{METRICS}", "publication", as_metrics(findings, now))
