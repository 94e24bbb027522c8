# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch to the second and to the word: what is due first, by which way it came, what monitoring is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import metrics
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import clients, nginx, url, watch
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.clients import Way
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.watch import (
    End,
    Watch,
    Watched,
    WatchFinding,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from factories import accounts, manifests, pki
from factories.publication_record import crl, der

NOW = 1_800_000_000.0
URL = url.PublicationUrl("pki.corp.example")
ROOT = pki.root()
CRL = Watched("a.crl", "root_crl", 60, ROOT.pem)
HERE, THERE = Way("10.0.0.5", own=True, named=True), Way("192.0.2.1", own=False, named=True)
Put = Callable[..., list[tuple[str, str, float]]]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Say what is got at which address: content, or an error. Returns what was asked: name, address, patience."""

    def put(answers: dict[Way, Any]) -> list[tuple[str, str, float]]:
        asked: list[tuple[str, str, float]] = []

        def fetch(_url: url.PublicationUrl, name: str, address: str, timeout: float) -> bytes:
            asked.append((name, address, timeout))
            answer = next(answer for way, answer in answers.items() if way.address == address)
            if isinstance(answer, TrustAnchorError):
                raise answer
            assert isinstance(answer, bytes)
            return answer

        monkeypatch.setattr(nginx, "has_ipv6", lambda: False)
        monkeypatch.setattr(clients, "ways", lambda _host, _ipv6: list(answers))
        monkeypatch.setattr(watch, "fetch", fetch)
        return asked

    return put


def look(*watched: Watched) -> list[WatchFinding]:
    return watch.look(Watch(URL, watched))


def test_where_nothing_is_said() -> None:
    assert Watched("x", "root", 5) == Watched("x", "root", 5, issuer="", signer_margin=0)
    assert Watch(URL, ()).metrics_directory == ""
    assert WatchFinding(CRL, None).fault == ""
    assert (watch.CONFIGURATION, watch.METRICS) == (
        "/etc/trustanchor/publication.json",
        "trustanchor_publication.prom",
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 minutes"),
        (59, "1 minutes"),
        (7199, "120 minutes"),
        (7200, "2.0 hours"),
        (9000, "2.5 hours"),
        (172799, "48.0 hours"),
        (172800, "2.0 days"),
        (864000, "10.0 days"),
    ],
)
def test_spans_for_people(seconds: float, text: str) -> None:
    assert watch.span(seconds) == text


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (61.0, "a.crl: 1 minutes left"),
        (60.0, "a.crl: 1 minutes left"),
        (59.0, "a.crl: 1 minutes left, wanted 1 minutes. Renew it: plan_ceremony, ceremony, then publish."),
        (0.0, "a.crl: 0 minutes left, wanted 1 minutes. Renew it: plan_ceremony, ceremony, then publish."),
        (-7200.0, "a.crl: expired 2.0 hours ago, wanted 1 minutes. Renew it: plan_ceremony, ceremony, then publish."),
    ],
)
def test_what_is_said_of_an_end(left: float, text: str) -> None:
    found = WatchFinding(CRL, End(NOW + left, "root_crl", 60))
    assert (found.text(NOW), found.stale(NOW)) == (text, left < 60)


def test_a_signer_is_named_also_when_all_is_well() -> None:
    found = WatchFinding(Watched("trust.p7m", "manifest", 60), End(NOW + 864000, "manifest_signer", 5))
    assert (found.text(NOW), found.stale(NOW)) == ("trust.p7m: its signer: 10.0 days left", False)


def test_what_never_ends_is_good() -> None:
    found = WatchFinding(Watched("roots.pem", "bundle", 60), None)
    assert (found.text(NOW), found.stale(NOW)) == ("roots.pem: good", False)


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("root", "Plan its successor"),
        ("intermediate", "Renew it: request_intermediate, plan_ceremony, ceremony"),
        ("root_crl", "Renew it: plan_ceremony, ceremony, then publish"),
        ("ca_crl", "Look at step-ca on its CA host, and at the network between"),
        ("manifest", "Sign it again, then publish"),
        ("manifest_signer", "Have a new signer certified: plan_ceremony, ceremony; then sign it again"),
        ("bundle", "Publish again"),
    ],
)
def test_what_is_to_be_done(kind: str, step: str) -> None:
    assert WatchFinding(Watched("x", kind, 60), End(NOW, kind, 60)).text(NOW).endswith(f"wanted 1 minutes. {step}.")


def test_only_where_clients_come(put: Put) -> None:
    """This host and others have their own time to answer."""
    asked = put({HERE: crl(ROOT), replace(HERE, address="10.9.9.9", named=False): b"x", THERE: crl(ROOT)})
    assert [one.fault for one in look(CRL)] == [""]
    assert asked == [("a.crl", "10.0.0.5", url.patience(True)), ("a.crl", "192.0.2.1", url.patience(False))]


@pytest.mark.parametrize(("here", "there"), [(3, 2), (2, 3)])
def test_what_the_unluckiest_client_gets(put: Put, here: int, there: int) -> None:
    put({way: crl(ROOT, end=pki.NOW + days * pki.DAY) for way, days in ((HERE, here), (THERE, there))})
    (found,) = look(CRL)
    assert found == WatchFinding(CRL, End((pki.NOW + 2 * pki.DAY).timestamp(), "root_crl", 60))


def test_due_first_is_not_what_ends_first() -> None:
    """It depends on how long before somebody must know."""
    assert End(NOW, "root", 60).due == NOW - 60
    assert End(NOW, "root", 60).due < End(NOW - 10, "root", 5).due


def test_this_host_has_to_answer(put: Put) -> None:
    asked = put({HERE: url.NoAnswer("nobody answers"), THERE: crl(ROOT)})
    assert [(one.end, one.fault) for one in look(CRL, CRL)] == [(None, "nobody answers.")] * 2
    assert [address for _name, address, _patience in asked] == ["10.0.0.5"] * 2


def test_another_host_that_is_silent_is_no_fault(put: Put) -> None:
    """Those that answer are asked on, before it and behind it."""
    other = replace(THERE, address="192.0.2.2")
    asked = put({HERE: crl(ROOT), THERE: url.NoAnswer("nobody answers"), other: crl(ROOT)})
    assert [one.fault for one in look(CRL, CRL)] == ["", ""]
    assert [address for _name, address, _patience in asked] == [
        *("10.0.0.5", "192.0.2.1", "192.0.2.2"),
        *("10.0.0.5", "192.0.2.2"),
    ]


@pytest.mark.parametrize("way", [HERE, THERE])
def test_a_wrong_answer_is_a_fault_wherever_it_comes_from(put: Put, way: Way) -> None:
    put({HERE: crl(ROOT), THERE: crl(ROOT), way: TrustAnchorError("the web server answers 404")})
    (found,) = look(CRL)
    assert (found.end, found.fault) == (None, f"the web server answers 404. It came from {way.address}.")


def test_the_end_of_each_kind(put: Put) -> None:
    end, roots = pki.NOW + 8 * pki.DAY, (Root("r1", ROOT.sha256, "trusted", ROOT.pem),)
    signer = manifests.signer(ROOT, end=pki.NOW + 90 * pki.DAY)
    manifest = manifests.sign(SignedManifest("ab" * 16, 1, pki.NOW, end, roots), signer)
    contents = {
        "root": (der(ROOT.certificate), ROOT.certificate.not_valid_after_utc),
        "intermediate": (der(ROOT.intermediate(end=end).certificate), end),
        "root_crl": (crl(ROOT, end=end), end),
        "ca_crl": (crl(ROOT, end=end), end),
        "manifest": (manifest, end),
    }
    for kind, (content, ends) in contents.items():
        put({HERE: content})
        assert look(Watched("x", kind, 60)) == [
            WatchFinding(Watched("x", kind, 60), End(ends.timestamp(), kind, 60)),
        ]
    watched = Watched("x", "manifest", 0, signer_margin=83 * 86400)
    assert look(watched)[0].end == End((pki.NOW + 90 * pki.DAY).timestamp(), "manifest_signer", 83 * 86400)


def test_a_bundle_has_certificates_and_no_end(put: Put) -> None:
    bundle = Watched("roots.pem", "bundle", 60)
    put({HERE: b"# ours\n" + ROOT.pem.encode()})
    assert look(bundle) == [WatchFinding(bundle, None)]
    put({HERE: b"-----BEGIN PUBLIC KEY-----"})
    assert look(bundle)[0].fault.startswith("there is no certificate in it")


def values(*findings: WatchFinding) -> dict[str, list[tuple[float, dict[str, str]]]]:
    return {
        one.name: [(sample.value, dict(sample.labels)) for sample in one.samples]
        for one in watch.as_metrics(findings, NOW + 0.6)
    }


def test_what_monitoring_is_told() -> None:
    labels = {"artifact": "a.crl", "kind": "root_crl"}
    looked: dict[str, Any] = {"last_check_timestamp_seconds": [(NOW + 1, {})]}
    ends = {"expiry_timestamp_seconds": [(NOW + 100, labels)], "margin_seconds": [(5, labels)]}
    # The margin is that of what ends, not that of the artifact.
    assert values(WatchFinding(CRL, End(NOW + 99.6, "manifest_signer", 5))) == {
        "up": [(1, labels)],
        "stale": [(0, labels)],
        **ends,
        **looked,
    }
    assert values(WatchFinding(CRL, End(NOW + 5, "root_crl", 60)))["stale"] == [(1, labels)]
    assert values(WatchFinding(CRL, None)) == {
        "up": [(1, labels)],
        "stale": [(0, labels)],
        "expiry_timestamp_seconds": [],
        "margin_seconds": [],
        **looked,
    }
    assert values(WatchFinding(CRL, None, "gone")) == {
        "up": [(0, labels)],
        "stale": [(1, labels)],
        "expiry_timestamp_seconds": [(0, labels)],
        "margin_seconds": [(60, labels)],
        **looked,
    }


def test_where_metrics_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)
    monkeypatch.chdir(tmp_path)
    findings = [WatchFinding(CRL, None)]
    watch.write_metrics(Watch(URL, ()), findings, NOW)
    assert list(tmp_path.iterdir()) == []
    watch.write_metrics(Watch(URL, (), str(tmp_path)), findings, NOW)
    (written,) = tmp_path.iterdir()
    assert written.name == watch.METRICS
    assert written.read_text() == metrics.render("publication", watch.as_metrics(findings, NOW))


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watch, "CONFIGURATION", str(tmp_path / "publication.json"))
    return tmp_path / "publication.json"


def test_the_form_of_the_configuration(configuration: Path) -> None:
    wanted = Watch(url.PublicationUrl("pki.corp.example", 8080, "/x"), (CRL,), "/metrics")
    configuration.write_bytes(wanted.dump())
    found = json.loads(configuration.read_text())
    assert configuration.read_text() == json.dumps(found, indent=2, sort_keys=True) + "\n"  # people read it, too
    assert found == {
        "version": 1,
        "place": {"host": "pki.corp.example", "port": 8080, "prefix": "/x"},
        "watched": [{"name": "a.crl", "kind": "root_crl", "margin": 60, "issuer": ROOT.pem, "signer_margin": 0}],
        "metrics_directory": "/metrics",
    }
    found["watched"][0]["new"] = found["place"]["new"] = found["new"] = 1  # of a sister version
    configuration.write_text(json.dumps(found))
    assert watch.load() == wanted
    assert json.loads(wanted.dump())["new"] == 1


@pytest.mark.parametrize("key", ["place", "watched"])
def test_a_configuration_that_lacks_something(configuration: Path, key: str) -> None:
    found = json.loads(Watch(URL, (CRL,)).dump())
    for bad in ({**found, key: 5}, {one: value for one, value in found.items() if one != key}):
        configuration.write_text(json.dumps(bad))
        with pytest.raises(TrustAnchorError, match="publication.json cannot be read.*what the watch looks at"):
            watch.load()


def test_a_configuration_of_a_later_version(configuration: Path) -> None:
    configuration.write_text('{"version": 2}')
    for attempt in (watch.load, Watch(URL, ()).dump):
        with pytest.raises(TrustAnchorError, match="later version"):
            attempt()
