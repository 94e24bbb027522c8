# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge a publication host, and read back what it serves. Standard library only."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TrustAnchorError
from ..host import files, openssl
from ..host.files import Directory, File
from ..text import durations
from . import nginx, units, watch
from .artifacts import KINDS, Artifact, check_name
from .url import PublicationUrl, fetch, get, parse_url

_PATIENCE = 5.0  # seconds; nginx starts new workers and tells the old ones to go 0.1 seconds later
_LIBRARY = "/var/lib/trustanchor"  # the web server must be able to pass through it


@dataclass(frozen=True)
class Site:
    """What a host has to publish and to watch.

    Args:
        url: where.
        artifacts: files of the public record.
        sources: CRLs that are fetched from their CAs.
        issuers: PEM of the certificate that signs each source's CRL, by the source's name, where it is known.
        margins: seconds by kind of artifact.
        metrics_directory: see `watch.Watch`.
        calendar: when the watch looks.
        alert_unit: started when it finds something.
    """

    url: PublicationUrl
    artifacts: tuple[Artifact, ...]
    sources: tuple[nginx.Source, ...]
    issuers: dict[str, str]
    margins: dict[str, int]
    metrics_directory: str
    calendar: str
    alert_unit: str

    def check(self) -> None:
        """Refuse names that cannot be, or are taken twice.

        Raises:
            TrustAnchorError: what is wrong.
        """
        names = [one.name for one in self.artifacts] + [one.file for one in self.sources]
        for name in names:
            check_name(name)
            if names.count(name) > 1:
                raise TrustAnchorError(
                    f"two things would be published as {name}", "each needs a name of its own", "Rename one of them"
                )

    def watched(self) -> watch.Watch:
        """What the watch looks at."""
        found = [watch.Watched(one.name, one.kind, self.margins.get(one.kind, 0), one.issuer) for one in self.artifacts]
        for one in self.sources:
            issuer = self.issuers.get(one.name, "")
            found.append(watch.Watched(one.file, "ca_crl", self.margins["ca_crl"], issuer))
        return watch.Watch(self.url, tuple(found), self.metrics_directory)

    def configuration(self) -> File:
        """Of nginx."""
        documents = [(one.name, one.kind) for one in self.artifacts]
        text = nginx.render(self.url, documents, self.sources, nginx.resolvers(), nginx.has_ipv6())
        return File(nginx.CONFIGURATION, text)

    def documents(self) -> list[File | Directory]:
        """The published files."""
        found: list[File | Directory] = [Directory(_LIBRARY), Directory(nginx.DIRECTORY)]
        return found + [File(_path(one.name), one.content) for one in self.artifacts]


def declared(options: Mapping[str, Any]) -> Site:
    """The site that the options of the module ``publication_host`` declare.

    Raises:
        TrustAnchorError: a URL or a margin is not one.
    """
    margins = {
        kind: durations.seconds(text, f"margins: {kind}", zero=True) for kind, text in options["margins"].items()
    }
    return Site(
        url=parse_url(options["url"], "url")[0],
        artifacts=tuple(
            Artifact(one["name"], one["kind"], base64.b64decode(one["content"]), one["issuer"])
            for one in options["artifacts"]
        ),
        sources=tuple(
            nginx.Source(one["name"], parse_url(one["url"], f"ca_crls: {one['name']}")[0]) for one in options["ca_crls"]
        ),
        issuers=options["issuers"],
        margins=margins,
        metrics_directory=options["metrics_directory"],
        calendar=options["calendar"],
        alert_unit=options["alert_unit"],
    )


def _path(name: str) -> str:
    return f"{nginx.DIRECTORY}/{name}"


def converge(site: Site, check: bool) -> dict[str, Any]:
    """Make the host as wanted.

    Files come before the configuration that names them, and leave after it: at no moment does a client get an error for
    something that is published. What a run that died left undone is found by what nginx has loaded.

    Args:
        site: what is wanted.
        check: only plan.

    Returns:
        What was (or would be) corrected, by path or unit, and the facts before and after it.

    Raises:
        TrustAnchorError: the record is older than what is published, the port is taken, nginx refuses the
            configuration, or does not serve what it should.
    """
    site.check()
    nginx.require_port(site.url.port)
    before = {one.name: _facts(one) for one in site.artifacts}
    _require_no_rollback(site.artifacts)
    corrected = files.converge(site.documents(), check)
    configuration = site.configuration()
    corrected |= _configure(configuration, check)
    corrected |= _serve(site.url, configuration.content, configuration.path in corrected, check)
    corrected |= _clear(site.artifacts, check)
    corrected |= _watch(site, check, bool(corrected))
    if not check:
        _prove_soon(site, _PATIENCE if nginx.UNIT in corrected else 0)
    after = {one.name: one.facts() for one in site.artifacts}
    return {"corrected": corrected, "before": before, "after": after}


def _facts(artifact: Artifact) -> dict[str, str]:
    """Facts of what is published now under that name; none where nothing is."""
    content = files.read(_path(artifact.name))
    return Artifact(artifact.name, artifact.kind, content).facts() if content is not None else {}


def _require_no_rollback(wanted: Sequence[Artifact]) -> None:
    """An old copy of the record must not take back a revocation, or what the manifest says of a root."""
    for one in wanted:
        content = files.read(_path(one.name))
        if content is None or content == one.content:
            continue
        try:
            line, published = Artifact(one.name, one.kind, content, one.issuer).version()
        except TrustAnchorError:  # damaged, or of another issuer: anything is better
            continue
        of, number = one.version()
        if of == line and number < published:
            raise TrustAnchorError(
                f"{one.name} is number {number} in the record, this host publishes number {published}",
                "the record on the controller is older than what clients have; a revocation would be taken back",
                f"Bring the record up to date; if {nginx.DIRECTORY} is what is wrong, remove {one.name} there",
            )


def _configure(wanted: File, check: bool) -> dict[str, list[str]]:
    found = wanted.differences()
    if not found:
        return {}
    if not check:
        nginx.write_configuration(wanted)
    return {wanted.path: found}


def _serve(url: PublicationUrl, configuration: bytes, replaced: bool, check: bool) -> dict[str, list[str]]:
    found = nginx.faults(url, configuration, replaced)
    if not found:
        return {}
    if not check:
        nginx.run(url, configuration, found)
    return {nginx.UNIT: found}


def _clear(wanted: Sequence[Artifact], check: bool) -> dict[str, list[str]]:
    """Remove what is published no more, and what a killed run left behind."""
    names = {one.name for one in wanted}
    present = os.listdir(nginx.DIRECTORY) if os.path.isdir(nginx.DIRECTORY) else []
    corrected = {}
    for name in sorted(set(present) - names):
        corrected[_path(name)] = ["unwanted"]
        if not check:
            _unlink(_path(name))
    return corrected


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        raise TrustAnchorError(
            f"{path} cannot be removed", error.strerror or str(error), "Only published files belong there"
        ) from error


def _watch(site: Site, check: bool, published: bool) -> dict[str, list[str]]:
    """The watch's program and timer; it looks at once when something changed, so that nobody waits for the verdict."""
    watched = site.watched()
    timed = units.timed(watched, site.calendar, site.alert_unit)
    done = timed.install([*_metrics_directory(site), *units.settings_files(watched)], check)
    corrected = dict(done.corrected)
    if done.faults:
        corrected[timed.timer_unit] = list(done.faults)
    if not check and (corrected or published):
        timed.start(done)
        timed.run_now()
    return corrected


def _metrics_directory(site: Site) -> list[Directory]:
    """Made where it is missing; else it is as node_exporter's package made it."""
    wanted = site.metrics_directory
    return [Directory(wanted)] if wanted and not os.path.isdir(wanted) else []


def _prove_soon(site: Site, patience: float) -> None:
    """As `prove`, for a web server that was just reloaded: workers by the old configuration may answer once more."""
    deadline = time.monotonic() + patience
    while True:
        try:
            prove(site)
            break
        except TrustAnchorError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.1)


def prove(site: Site) -> None:
    """Fetch everything from nginx and compare it.

    Raises:
        TrustAnchorError: something is not served as it should be.
    """
    for one in site.artifacts:
        answer = get(site.url, one.name)
        expected = (200, KINDS[one.kind].media_type, True)
        found = (answer.status, answer.media_type, answer.content == one.content)
        if found != expected:
            raise TrustAnchorError(
                f"{one.name} is not served as it should be",
                f"status, media type, right content: {found}, expected {expected}",
                "Look at /var/log/nginx/error.log",
            )
    for source in site.sources:
        _require_crl(site.url, source)


def _require_crl(url: PublicationUrl, source: nginx.Source) -> None:
    try:
        openssl.read_crl(fetch(url, source.file))
    except TrustAnchorError as error:
        raise TrustAnchorError(
            f"the CRL of {source.name} cannot be fetched from http://{source.url.authority}{source.url.prefix}",
            str(error),
            "Everything else is published. Look whether step-ca runs and its plain-HTTP listener "
            "(step_ca_insecure_address) is reachable from this host",
        ) from error
