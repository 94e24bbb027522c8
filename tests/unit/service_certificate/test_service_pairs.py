# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pair of key and chain must be, to the mode; when a certificate is due, and what it may live."""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.files import converge
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import lifecycle, store
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate.settings import Settings
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.client import Client
from factories import pki
from factories import service_host as host


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return host.make(tmp_path, monkeypatch, owner="www-data", group="ssl-cert")


def test_whose_the_pair_is_and_who_reads_it(settings: Settings) -> None:
    assert store.pair_files(settings) == []
    host.put(settings, host.leaf())
    pair = store.current(settings)
    found = [(one.path, one.mode, one.owner, one.group) for one in store.pair_files(settings)]
    assert found == [
        (pair.directory, 0o755, "root", "root"),
        (pair.key, 0o640, "www-data", "ssl-cert"),
        (pair.chain, 0o644, "www-data", "ssl-cert"),
    ]
    assert pair.key == f"{settings.directory}/current/key.pem"
    assert pair.chain == f"{settings.directory}/current/fullchain.pem"


@pytest.mark.parametrize(("which", "bits"), [("key", 0o640), ("chain", 0o644)])
def test_modes_are_made_right_again(settings: Settings, which: str, bits: int) -> None:
    host.put(settings, host.leaf())
    path = Path(getattr(store.current(settings), which))
    path.chmod(0o666)
    assert converge(store.pair_files(settings), check=False) == {str(path): ["mode"]}
    assert stat.S_IMODE(path.stat().st_mode) == bits


@pytest.mark.parametrize("which", ["key", "chain"])
@pytest.mark.parametrize("how", ["gone", "link", "directory"])
def test_half_a_pair_is_left_alone(settings: Settings, tmp_path: Path, which: str, how: str) -> None:
    host.put(settings, host.leaf())
    path = Path(getattr(store.current(settings), which))
    path.rename(tmp_path / "moved")
    if how == "link":
        path.symlink_to(tmp_path / "moved")
    elif how == "directory":
        path.mkdir()
    assert store.pair_files(settings) == []


def test_what_waits_is_beside_what_is_used(settings: Settings) -> None:
    pem = store.make_request(settings)
    waiting = store.pending(settings)
    assert waiting.directory == f"{settings.directory}/pending"
    assert Path(waiting.request).read_text() == pem and Path(waiting.key).exists()
    assert (Path(waiting.request).name, Path(waiting.key).name) == ("request.pem", "key.pem")
    store.forget_pending(settings)
    assert not Path(waiting.directory).exists()
    store.forget_pending(settings)  # nothing waits: nothing to do


def test_a_second_request_replaces_the_first(settings: Settings) -> None:
    store.make_request(settings)
    Path(store.pending(settings).directory, "left").touch()
    store.make_request(settings)
    assert not Path(store.pending(settings).directory, "left").exists()


def test_no_certificate_at_all(settings: Settings) -> None:
    for ask in (store.facts, store.names, store.validity):
        with pytest.raises(TrustAnchorError, match=r"fullchain.pem is missing. key and chain are replaced as a pair"):
            ask(store.current(settings))


# How long it was made to live.

DAY = 86400


@pytest.mark.parametrize(
    ("seconds", "good"),
    [
        (DAY, True),
        (DAY + 60, True),  # step-ca's backdate
        (DAY * 9 // 10, True),
        (DAY * 9 // 10 - 1, False),
        (DAY * 11 // 10 + 600, True),
        (DAY * 11 // 10 + 601, False),
    ],
)
def test_a_tenth_and_ten_minutes_make_no_difference(settings: Settings, seconds: int, good: bool) -> None:
    start = pki.NOW - dt.timedelta(minutes=1)
    host.put(settings, host.leaf(start=start, end=start + dt.timedelta(seconds=seconds)))
    found = lifecycle.fault(settings)
    assert found == ("" if good else f"the certificate was made to live for {seconds} seconds, wanted {DAY}")


def test_faults_come_in_their_order(settings: Settings) -> None:
    """What cannot be used at all is said before what is only otherwise than wanted."""
    assert lifecycle.fault(settings) == "there is no certificate yet"
    host.put(settings, host.leaf(end=pki.NOW + 3 * pki.DAY))
    other = replace(settings, key_type="RSA-3072")
    assert "was made to live" in lifecycle.fault(other)
    assert "wanted: other.example" in lifecycle.fault(replace(other, names=("other.example",)))
    assert lifecycle.fault(replace(settings, lifetime=3 * DAY, key_type="P-256")) == ""
    found = lifecycle.fault(replace(settings, lifetime=3 * DAY, key_type="P-384"))
    assert found == "the certificate's key is of type P-256, wanted P-384"


# What the services have been told.


@pytest.fixture
def told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    monkeypatch.setattr(lifecycle, "write_metrics", lambda _settings, good: None)
    return lambda: not lifecycle.unfinished(settings)


def test_services_are_told_of_each_generation_once(settings: Settings, told: Callable[[], bool]) -> None:
    for number in (1, 2):
        host.put(settings, host.leaf())
        assert not told()
        lifecycle.finish(settings)
        assert told()
        mark = Path(settings.directory, "reloaded")
        assert mark.read_text().endswith(f"/generations/{number:04}")
        assert stat.S_IMODE(mark.stat().st_mode) == 0o644


def test_what_the_renewer_reads(settings: Settings) -> None:
    file = lifecycle.settings_file(settings)
    assert (file.path, file.content) == (f"{settings.directory}/settings.json", settings.dump())


# Units, and what is left for an alarm; the CA's answers are in test_service_lifecycle.py.


class Units:
    """One unit, enabled and stopped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.acts: list[tuple[str, str]] = []
        state = systemd.Unit(True, False, True, False, 1, 1.0)
        monkeypatch.setattr(systemd, "show", lambda _unit: state)
        monkeypatch.setattr(systemd, "act", lambda verb, unit: self.acts.append((verb, unit)))


def test_only_an_enrolment_starts_what_is_stopped(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who stopped a service does not want its timer to start it."""
    units, served = Units(monkeypatch), replace(settings, reload=("web.service",), metrics_directory="")
    host.put(served, host.leaf())
    lifecycle.renew_locked(served, pki.NOW.timestamp())
    host.put(served, host.leaf())
    lifecycle.finish(served)
    assert units.acts == []
    store.make_request(served)
    leaf = host.leaf(key=pki.load_key(Path(store.pending(served).key).read_bytes()))
    monkeypatch.setattr(Client, "sign", lambda *_arguments: [leaf.chain])
    lifecycle.enrol(served, "token")
    assert units.acts == [("reload-or-restart", "web.service")]
    assert Path(served.directory, "settings.json").read_bytes() == served.dump()
    assert host.chain(served) == leaf.chain and not Path(store.pending(served).directory).exists()


def test_what_never_succeeded_has_no_time_of_success(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Units(monkeypatch)
    watched = replace(settings, metrics_directory=str(tmp_path / "metrics"))
    with pytest.raises(TrustAnchorError):
        lifecycle.renew_locked(watched, 0.0)
    lines = (tmp_path / "metrics/service_certificate_web.prom").read_text().splitlines()
    values = dict(line.rpartition(" ")[::2] for line in lines if not line.startswith("#"))
    prefix = "trustanchor_service_certificate"
    assert values[f'{prefix}_last_success_timestamp_seconds{{certificate="web"}}'] == "0"
    assert values[f'{prefix}_expiry_timestamp_seconds{{certificate="web"}}'] == "0"
    assert values[f'{prefix}_last_run_success{{certificate="web"}}'] == "0"


@pytest.mark.parametrize(
    ("above", "later", "due"),
    [
        (-1, 1, True),
        (0, 1, True),
        (1, 2, False),  # it ends late enough
        (0, 0, False),  # the CA has none that ends later
        (0, -1, False),
    ],
)
def test_what_is_above_a_leaf_ends_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, above: int, later: int, due: bool
) -> None:
    """Seconds from the moment by which it has to be renewed; the leaf itself lives longer."""
    host.put(settings, host.leaf())
    now = pki.NOW.timestamp()
    latest = now + settings.renew_before
    monkeypatch.setattr(store, "validity", lambda _pair: (now, latest + 1000))
    monkeypatch.setattr(store, "issuers_end", lambda _pair: latest + above)
    monkeypatch.setattr(store, "end_of", lambda _certificates: latest + later)
    monkeypatch.setattr(Client, "intermediates", lambda _self: [])
    assert lifecycle._due(settings, now) is due


def test_text_that_nobody_can_read_between_certificates(settings: Settings) -> None:
    """Comments of a CA's own file, in Latin-1."""
    leaf = host.leaf()
    host.put(settings, leaf)
    pair = store.current(settings)
    expected = store.issuers_end(pair)
    Path(pair.chain).write_bytes(b"# Zertifikat f\xfcr web\n" + leaf.chain.encode())
    assert store.issuers_end(pair) == expected
    assert store.effective_end(pair) == leaf.certificate.not_valid_after_utc.timestamp()
