# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge a publication host, and read back what it serves. Standard library only."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import TrustAnchorError
from ..host import files, locks
from ..host.files import Directory, File, Kept
from ..text import durations, times
from . import nginx, proof, units, watch
from .artifacts import Artifact, Version, check_name
from .record_state import RecordState
from .url import PublicationUrl, parse_url

_PATIENCE = 5.0  # seconds; nginx starts new workers and tells the old ones to go 0.1 seconds later
_LIBRARY = "/var/lib/trustanchor"  # the web server must be able to pass through it


@dataclass(frozen=True)
class Site:
    """What a host has to publish and to watch.

    Args:
        url: where.
        artifacts: files of the public record.
        kept: files of which the record has none that is good, without content: those that are published stay.
        record: of which trust manifest the record is.
        sources: CRLs that are fetched from their CAs.
        issuers: PEM of the certificate that signs each source's CRL, by the source's name, where it is known.
        margins: seconds by kind of artifact.
        metrics_directory: see `watch.Watch`.
        calendar: when the watch looks.
        alert_unit: started when it finds something.
    """

    url: PublicationUrl
    artifacts: tuple[Artifact, ...]
    kept: tuple[Artifact, ...]
    record: RecordState
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
        names = [one.name for one in (*self.artifacts, *self.kept)] + [one.file for one in self.sources]
        for name in names:
            check_name(name)
            if names.count(name) > 1:
                raise TrustAnchorError(
                    f"two things would be published as {name}", "each needs a name of its own", "Rename one of them"
                )

    def watched(self) -> watch.Watch:
        """What the watch looks at; also at what should be published and is not."""
        files = (*self.artifacts, *self.kept)
        signer = self.margins["manifest_signer"]
        found = [
            watch.Watched(
                one.name,
                one.kind,
                self.margins.get(one.kind, 0),
                one.issuer,
                signer if one.kind == "manifest" else 0,
            )
            for one in files
        ]
        for one in self.sources:
            issuer = self.issuers.get(one.name, "")
            found.append(watch.Watched(one.file, "ca_crl", self.margins["ca_crl"], issuer))
        return watch.Watch(self.url, tuple(found), self.metrics_directory)

    def configuration(self, published: Sequence[Artifact]) -> File:
        """Of nginx.

        Args:
            published: all files that are to be served.
        """
        documents = [(one.name, one.kind) for one in published]
        text = nginx.render(self.url, documents, self.sources, nginx.resolvers(), nginx.has_ipv6())
        return File(nginx.CONFIGURATION, text)


@dataclass(frozen=True)
class Outcome:
    """What was (or would be) done.

    Args:
        corrected: path or unit to what was wrong with it.
        before: facts of each published file before, by its name.
        after: the same afterwards.
        faults: why something is not as it should be, although all that is right was done.
        warnings: what somebody should know.
    """

    corrected: dict[str, list[str]]
    before: dict[str, dict[str, str]]
    after: dict[str, dict[str, str]]
    faults: tuple[TrustAnchorError, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class _Published:
    """What is published in the end.

    Args:
        written: of the record.
        kept: as this host has it already, with its content.
        faults: why the record's is not taken.
    """

    written: list[Artifact] = field(default_factory=list)
    kept: list[Artifact] = field(default_factory=list)
    faults: list[TrustAnchorError] = field(default_factory=list)

    @property
    def everything(self) -> list[Artifact]:
        """In an order that does not depend on what is kept: another one would be another configuration of nginx."""
        return sorted((*self.written, *self.kept), key=_position)

    def files(self) -> list[files.Item]:
        """What the disk must have."""
        return [
            *(File(_path(one.name), one.content) for one in self.written),
            *(Kept(_path(one.name)) for one in self.kept),
        ]


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
        artifacts=_artifacts(options["artifacts"]),
        kept=_artifacts(options["kept"]),
        record=RecordState(options["record_id"], options["record_sequence"]),
        sources=tuple(
            nginx.Source(one["name"], parse_url(one["url"], f"ca_crls: {one['name']}")[0]) for one in options["ca_crls"]
        ),
        issuers=options["issuers"],
        margins=margins,
        metrics_directory=options["metrics_directory"],
        calendar=options["calendar"],
        alert_unit=options["alert_unit"],
    )


_ORDER = {"root": 0, "root_crl": 0, "intermediate": 1, "bundle": 2, "manifest": 3}


def _position(artifact: Artifact) -> tuple[int, str, str]:
    """Each root with its CRL behind it, then the rest."""
    return _ORDER[artifact.kind], f"{artifact.name.rpartition('.')[0]}.crt", artifact.kind


def _artifacts(given: Sequence[Mapping[str, Any]]) -> tuple[Artifact, ...]:
    return tuple(Artifact(one["name"], one["kind"], base64.b64decode(one["content"]), one["issuer"]) for one in given)


def _path(name: str) -> str:
    return f"{nginx.DIRECTORY}/{name}"


def converge(site: Site, check: bool) -> Outcome:
    """Make the host as wanted.

    Files come before the configuration that names them, and leave after it: at no moment does a client get an error for
    something that is published. What a run that died left undone is found by what nginx has loaded.

    Args:
        site: what is wanted.
        check: only plan.

    Raises:
        TrustAnchorError: the record as a whole is older than what is published, the port is taken, or nginx refuses the
            configuration. What concerns one file is in `Outcome.faults`.
    """
    site.check()
    nginx.require_port(site.url.port)
    corrected = files.converge([Directory(_LIBRARY), Directory(nginx.DIRECTORY)], check)
    with locks.held_where_it_is(nginx.DIRECTORY, check):
        return _converge_locked(site, corrected, check)


def _converge_locked(site: Site, corrected: dict[str, list[str]], check: bool) -> Outcome:
    """One controller at a time: what is published now decides what may be published."""
    site.record.require_not_older(check)
    before = {one.name: _facts(one) for one in (*site.artifacts, *site.kept)}
    published = _published(site)
    corrected |= files.converge(published.files(), check)
    configuration = site.configuration(published.everything)
    corrected |= _configure(configuration, check)
    corrected |= _serve(site.url, configuration.content, configuration.path in corrected, check)
    corrected |= _clear(published.everything, check)
    corrected |= _watch(site, check, bool(corrected))
    proved = proof.Proof()
    if not check:
        patience = _PATIENCE if nginx.UNIT in corrected else 0
        proved = proof.prove_soon(site.url, published.everything, site.sources, patience)
    after = {one.name: one.facts() for one in published.everything}
    return Outcome(corrected, before, after, (*published.faults, *proved.faults), proved.warnings)


def _facts(artifact: Artifact) -> dict[str, str]:
    """Facts of what is published now under that name; none where nothing is."""
    now = _present(artifact)
    return now.facts() if now is not None else {}


def _present(artifact: Artifact) -> Artifact | None:
    """What is published now under that name."""
    content = files.read(_path(artifact.name))
    return replace(artifact, content=content) if content is not None else None


def _published(site: Site) -> _Published:
    """The record's files, but for those of which this host has what must not be taken back."""
    found = _Published()
    for one in site.artifacts:
        present = _present(one)
        if present is not None and (fault := _rollback(one, present)):
            found.kept.append(present)
            found.faults.append(fault)
        else:
            found.written.append(one)
    found.kept += [present for one in site.kept if (present := _present(one)) is not None]
    return found


def _rollback(wanted: Artifact, present: Artifact) -> TrustAnchorError | None:
    """An old copy of a file must not take back a revocation, or what the manifest says of a root."""
    try:
        published = present.version()
    except TrustAnchorError:  # damaged, or of another issuer: anything is better
        return None
    version = wanted.version()
    if not version.is_older_than(published, time.time()):
        return None
    return TrustAnchorError(
        f"{wanted.name} is {_told(version, published)} in the record, this host publishes {_told(published, version)}",
        "the record on the controller is older than what clients have; a revocation would be taken back",
        f"Bring the record up to date; if {nginx.DIRECTORY} is what is wrong, remove {wanted.name} there",
    )


def _told(version: Version, other: Version) -> str:
    """What tells a version from another one."""
    if version.number != other.number:
        return f"number {version.number}"
    return f"of {times.render_epoch(version.moment)}"


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
