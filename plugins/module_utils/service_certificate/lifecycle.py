# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrol, renew, tell the service, leave metrics. Standard library only."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..host import metrics, systemd
from ..host.files import File, read, write_atomically
from ..host.metrics import Metric
from ..stepca.client import Client
from ..text import durations, times
from . import store
from .settings import Settings, load

SUBJECT = "service_certificate"
_LAST_SUCCESS = "last_success_timestamp_seconds"


def fault(settings: Settings) -> str:
    """Why the current pair cannot be used; empty: it is good."""
    if not os.path.exists(store.current(settings).chain):
        return "there is no certificate yet"
    try:
        store.verify(settings, store.current(settings))
    except TrustAnchorError as error:
        return str(error)
    return _wrong_lifetime(settings) or _wrong_key_type(settings)


def _wrong_key_type(settings: Settings) -> str:
    """A renewal keeps the key, too."""
    found = store.facts(store.current(settings)).key_type
    if found == settings.key_type:
        return ""
    return f"the certificate's key is of type {found}, wanted {settings.key_type}"


def _wrong_lifetime(settings: Settings) -> str:
    """A renewal keeps the lifetime of the certificate (authority/tls.go Renew), so another one needs an enrolment.

    The CA backdates the start (authority.backdate, one minute by default): a tenth and ten minutes make no difference.
    """
    start, end = store.validity(store.current(settings))
    found = end - start
    if settings.lifetime * 0.9 <= found <= settings.lifetime * 1.1 + 600:
        return ""
    return f"the certificate was made to live for {found:.0f} seconds, wanted {settings.lifetime}"


def enrol(settings: Settings, token: str) -> None:
    """Turn the waiting request into the current certificate.

    Args:
        settings: of the certificate.
        token: one-time token, bound to the request.

    Raises:
        TrustAnchorError: the CA refused or the answer is not good; what was current stays.
    """
    with store.locked(settings):
        waiting = store.pending(settings)
        request = (read(waiting.request) or b"").decode()
        client = Client(settings.ca_url, settings.root_pem)
        chain = "".join(client.sign(request, token, durations.go_text(settings.lifetime)))
        store.activate(settings, waiting.key, chain)
        settings_file(settings).write()
        store.forget_pending(settings)
        finish(settings, start=True)


def settings_file(settings: Settings) -> File:
    """What the renewer reads. It changes only together with the certificate that fits it."""
    return File(settings.path, settings.dump())


@dataclass(frozen=True)
class Renewal:
    """What came of a look at a certificate.

    Args:
        renewed: whether there is a new one.
        end: until when clients accept the current one, seconds since the epoch.
        shortfall: why that is sooner than it should be, although nothing can be done about it on this host; empty: it
            is not.
    """

    renewed: bool
    end: int
    shortfall: str = ""


def renew_if_due(name: str, now: float) -> Renewal:
    """Renew when the end is near; finish what a former run left undone; leave metrics in any case.

    Args:
        name: of a certificate of this host.
        now: seconds since the epoch.

    Raises:
        TrustAnchorError: there is none of that name, or it was due and did not work; the current certificate stays.
    """
    with store.locked(load(name)):
        return renew_locked(load(name), now)  # a playbook may have changed the settings while this waited


def renew_locked(settings: Settings, now: float, start: bool = False) -> Renewal:
    """As `renew_if_due`, for a caller that holds the lock.

    Args:
        settings: of the certificate.
        now: seconds since the epoch.
        start: see `finish`.
    """
    pair = store.current(settings)
    try:
        due = _due(settings, now)
        if due:
            client = Client(settings.ca_url, settings.root_pem, certificate=pair.chain, key=pair.key)
            store.activate(settings, pair.key, "".join(client.renew()))
        end, above = store.effective_end(pair), store.issuers_end(pair)
        shortfall = _shortfall(settings, above, now) if above == end else ""
        finish(settings, start, good=not shortfall)
    except TrustAnchorError:
        with contextlib.suppress(TrustAnchorError):  # the first error is the one to tell
            write_metrics(settings, good=False)
        raise
    return Renewal(due, end, shortfall)


def _due(settings: Settings, now: float) -> bool:
    """Whether a renewal is due: the leaf ends soon, or what is above it does and the CA has a later one by now."""
    pair, latest = store.current(settings), now + settings.renew_before
    if store.validity(pair)[1] <= latest:
        return True
    above = store.issuers_end(pair)
    return above <= latest and store.end_of(Client(settings.ca_url, settings.root_pem).intermediates()) > above


def _shortfall(settings: Settings, end: int, now: float) -> str:
    """Why a certificate that ends with what is above it ends too soon; a short leaf is renewed, and nobody is told."""
    if end - now > settings.renew_before:
        return ""
    return (
        f"certificate {settings.name} ends at {times.render_epoch(end)} with the CA's own certificate, which a renewal "
        "cannot change. Renew the CA's intermediate: request_intermediate, plan_ceremony, ceremony, site"
    )


def finish(settings: Settings, start: bool = False, good: bool = True) -> None:
    """Reload the services unless they already have the current generation, and leave metrics.

    The mark is written after the reload: a run that is killed in between makes the next one reload again.

    Args:
        settings: of the certificate.
        start: also start units that are enabled and do not run, since most cannot start without a certificate.
        good: see `write_metrics`.
    """
    if unfinished(settings):
        for unit in settings.reload:
            state = systemd.show(unit)
            if state.active or (start and state.enabled):
                systemd.act("reload-or-restart", unit)
        write_atomically(_mark(settings), _generation(settings), 0o644, "root", "root")
    write_metrics(settings, good)


def unfinished(settings: Settings) -> bool:
    """Whether the services have not been told of the current generation."""
    return read(_mark(settings)) != _generation(settings)


def _mark(settings: Settings) -> str:
    return f"{settings.directory}/reloaded"


def _generation(settings: Settings) -> bytes:
    return os.path.realpath(store.current(settings).directory).encode()


def write_metrics(settings: Settings, good: bool) -> None:
    """A file for node_exporter's textfile collector.

    Args:
        settings: of the certificate.
        good: it was found or made good, with as much time left as it should have.

    Raises:
        TrustAnchorError: it cannot be written.
    """
    if not settings.metrics_directory:
        return
    path = f"{settings.metrics_directory}/service_certificate_{settings.name}.prom"
    metrics.write(path, SUBJECT, list(_metrics(settings, good, path)))


def _metrics(settings: Settings, good: bool, path: str) -> Iterator[Metric]:
    of = {"certificate": settings.name}
    ends = "Until when clients accept the certificate and its chain, seconds since the epoch; 0 where there is none."
    yield Metric.single("expiry_timestamp_seconds", ends, _end(settings), of)
    made_good = "Last time at which the certificate was found or made good, seconds since the epoch."
    success = time.time() if good else metrics.read_value(path, SUBJECT, _LAST_SUCCESS, of) or 0
    yield Metric.single(_LAST_SUCCESS, made_good, round(success), of)
    yield Metric.single("last_run_success", "Whether the last attempt succeeded.", good, of)
    before = "How long before its end the certificate is renewed."
    yield Metric.single("renew_before_seconds", before, settings.renew_before, of)


def _end(settings: Settings) -> int:
    """Until when the current pair is good; 0 where there is none or it is damaged: an alarm must see that, too."""
    try:
        return store.effective_end(store.current(settings))
    except TrustAnchorError:
        return 0
