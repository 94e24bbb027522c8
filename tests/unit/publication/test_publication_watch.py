# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watch says of what it finds; and its program, as it runs on a host."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files, metrics
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import (
    artifacts,
    clients,
    units,
    url,
    watch,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import notice
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from factories import accounts, manifests, pki
from factories.publication_record import crl, der

NOW = pki.NOW.timestamp()
URL = url.PublicationUrl("pki.corp.example")
ROOT, OTHER = pki.root(), pki.root("Other")


def look(monkeypatch: pytest.MonkeyPatch, watched: watch.Watched, content: bytes) -> watch.WatchFinding:
    monkeypatch.setattr(watch, "fetch", lambda _url, _name, _address, _timeout: content)
    (found,) = watch.look(watch.Watch(URL, (watched,)))
    return found


def finding(watched: watch.Watched, end: float) -> watch.WatchFinding:
    return watch.WatchFinding(watched, watch.End(end, watched.kind, watched.margin))


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (172800, "2.0 days left"),
        (172799, "48.0 hours left"),
        (7200, "2.0 hours left"),
        (7199, "120 minutes left"),
        (59, "1 minutes left"),
        (0.5, "0 minutes left"),
        (0, "0 minutes left"),
        (-0.5, "expired 0 minutes ago"),
        (-60, "expired 1 minutes ago"),
    ],
)
def test_how_long_it_is_still_good(left: float, words: str) -> None:
    watched = watch.Watched("root-r1.crl", "root_crl", 0)
    assert finding(watched, NOW + left).text(NOW).partition(",")[0] == f"root-r1.crl: {words}"


@pytest.mark.parametrize(("left", "stale"), [(86401, False), (86400, False), (86399, True), (0, True), (-5, True)])
def test_stale_is_less_than_the_margin(left: int, stale: bool) -> None:
    found = finding(watch.Watched("root-r1.crl", "root_crl", 86400), NOW + left)
    assert found.stale(NOW) is stale
    assert ("wanted 24.0 hours" in found.text(NOW)) is stale


def test_what_it_says() -> None:
    watched = watch.Watched("root-r1.crl", "root_crl", 30 * 86400)
    assert finding(watched, NOW + 40 * 86400).text(NOW) == "root-r1.crl: 40.0 days left"
    assert finding(watched, NOW - 7200).text(NOW) == (
        "root-r1.crl: expired 2.0 hours ago, wanted 30.0 days. Renew it: plan_ceremony, ceremony, then publish."
    )
    assert finding(watched, NOW).text(NOW).startswith("root-r1.crl: 0 minutes left, wanted")
    assert finding(watched, NOW - 1).text(NOW).startswith("root-r1.crl: expired 0 minutes ago, wanted")
    assert watch.WatchFinding(watched, None, "it is gone.").text(NOW) == "root-r1.crl: it is gone."
    assert watch.WatchFinding(watch.Watched("roots.pem", "bundle", 0), None).text(NOW) == "roots.pem: good"


def test_how_long_each_remedy_takes() -> None:
    """As the guide has it."""
    days = {"root": 730, "intermediate": 90, "manifest_signer": 60, "root_crl": 30, "manifest": 7, "ca_crl": 0.25}
    assert {kind: notice.seconds(kind) for kind in notice.NOTICE} == {kind: one * 86400 for kind, one in days.items()}
    with pytest.raises(KeyError):
        notice.seconds("bundle")


def test_every_kind_has_a_next_step() -> None:
    for kind in artifacts.KINDS.keys() | notice.NOTICE.keys():
        assert finding(watch.Watched("x", kind, 60), NOW).text(NOW).count(". ") >= 1


def test_a_crl_by_its_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    end = pki.NOW + 3 * pki.DAY
    found = look(monkeypatch, watch.Watched("a.crl", "root_crl", 1, ROOT.pem), crl(ROOT, end=end))
    assert (found.end, found.fault) == (watch.End(end.timestamp(), "root_crl", 1), "")


@pytest.mark.parametrize("kind", ["root_crl", "ca_crl"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (crl(OTHER), "not signed by the certificate"),
        (crl(ROOT, key=pki.new_key()), "not signed by the certificate"),
        (crl(ROOT)[:-9], "not signed by the certificate"),
        (b"<html>", "not signed by the certificate"),
    ],
)
def test_a_crl_by_somebody_else(monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes, words: str) -> None:
    found = look(monkeypatch, watch.Watched("a.crl", kind, 1, ROOT.pem), content)
    assert words in found.fault
    assert found.stale(NOW)


@pytest.mark.parametrize(
    ("kind", "good"),
    [("root", der(ROOT.certificate)), ("ca_crl", crl(ROOT)), ("bundle", ROOT.pem.encode())],
)
def test_garbage_is_a_fault(monkeypatch: pytest.MonkeyPatch, kind: str, good: bytes) -> None:
    watched = watch.Watched("x", kind, 1)
    found = look(monkeypatch, watched, good)
    assert (found.fault, found.end is None) == ("", kind == "bundle")
    for bad in (b"", b"garbage", b"\x30\x80" + bytes(40)):
        assert look(monkeypatch, watched, bad).fault


def test_end_of_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(monkeypatch, watch.Watched("x", "root", 1), der(ROOT.certificate))
    assert found.end == watch.End((pki.NOW + 30 * pki.DAY).timestamp(), "root", 1)


@pytest.mark.parametrize(("signer_margin", "of"), [(60, "manifest"), (370, "manifest_signer")])
def test_a_manifest_is_due_with_its_signer(monkeypatch: pytest.MonkeyPatch, signer_margin: int, of: str) -> None:
    """A new signature takes a scheduled play, a new signer a ceremony."""
    end, roots = pki.NOW + 8 * pki.DAY, (Root("r1", ROOT.sha256, "trusted", ROOT.pem),)
    content = SignedManifest("ab" * 16, 1, pki.NOW, end, roots)
    signer = manifests.signer(ROOT)
    watched = watch.Watched("trust.p7m", "manifest", 7 * 86400, "", signer_margin * 86400)
    found = look(monkeypatch, watched, manifests.sign(content, signer))
    signer_end = signer.certificate.not_valid_after_utc.timestamp()
    assert found.end is not None
    assert (found.end.of, found.end.at) == (of, signer_end if of == "manifest_signer" else end.timestamp())
    assert found.stale(NOW) is (of == "manifest_signer")
    if found.stale(NOW):
        assert "trust.p7m: its signer: " in found.text(NOW)
        assert "wanted 370.0 days. Have a new signer certified: plan_ceremony, ceremony" in found.text(NOW)


def test_metrics_in_the_text_format() -> None:
    findings = [
        finding(watch.Watched("root-r1.crl", "root_crl", 60), NOW + 61),
        watch.WatchFinding(watch.Watched("ca1.crl", "ca_crl", 60), None, "gone"),
        watch.WatchFinding(watch.Watched("roots.pem", "bundle", 0), None),
    ]
    lines = [
        line
        for line in metrics.render("publication", watch.as_metrics(findings, NOW)).splitlines()
        if not line.startswith("#")
    ]
    prefix = "trustanchor_publication"
    assert lines == [
        f'{prefix}_up{{artifact="root-r1.crl",kind="root_crl"}} 1',
        f'{prefix}_up{{artifact="ca1.crl",kind="ca_crl"}} 0',
        f'{prefix}_up{{artifact="roots.pem",kind="bundle"}} 1',
        f'{prefix}_expiry_timestamp_seconds{{artifact="root-r1.crl",kind="root_crl"}} {NOW + 61:.0f}',
        f'{prefix}_expiry_timestamp_seconds{{artifact="ca1.crl",kind="ca_crl"}} 0',
        f'{prefix}_margin_seconds{{artifact="root-r1.crl",kind="root_crl"}} 60',
        f'{prefix}_margin_seconds{{artifact="ca1.crl",kind="ca_crl"}} 60',
        f'{prefix}_stale{{artifact="root-r1.crl",kind="root_crl"}} 0',
        f'{prefix}_stale{{artifact="ca1.crl",kind="ca_crl"}} 1',
        f'{prefix}_stale{{artifact="roots.pem",kind="bundle"}} 0',
        f"{prefix}_last_check_timestamp_seconds {NOW:.0f}",
    ]


def test_what_is_written_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "CONFIGURATION", str(tmp_path / "publication.json"))
    with pytest.raises(TrustAnchorError, match="is missing"):
        watch.load()
    wanted = watch.Watch(URL, (watch.Watched("a.crl", "ca_crl", 5, ROOT.pem),), "/metrics")
    (tmp_path / "publication.json").write_bytes(wanted.dump())
    assert watch.load() == wanted
    for bad in (b"", b"[]", b"{}", b'{"place": {}, "watched": [{"x": 1}]}'):
        (tmp_path / "publication.json").write_bytes(bad)
        with pytest.raises(TrustAnchorError, match="cannot be read"):
            watch.load()


def test_the_file_that_running_hosts_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another form of the same content would be a change of each host."""
    assert watch.CONFIGURATION == "/etc/trustanchor/publication.json"
    monkeypatch.setattr(watch, "CONFIGURATION", str(tmp_path / "publication.json"))
    text = watch.Watch(URL, (watch.Watched("a.crl", "ca_crl", 5),)).dump().decode()
    found = json.loads(text)
    assert found == {
        "metrics_directory": "",
        "place": {"host": "pki.corp.example", "port": 80, "prefix": ""},
        "version": 1,
        "watched": [{"issuer": "", "kind": "ca_crl", "margin": 5, "name": "a.crl", "signer_margin": 0}],
    }
    assert text.rstrip("\n") == json.dumps(found, indent=2)


def content(path: str, alert: str = "") -> bytes:
    """Of one of the files that a host needs for the watch."""
    wanted = units.timed(watch.Watch(URL, (), "/metrics"), "hourly", alert).files()
    return next(one.content for one in wanted if isinstance(one, files.File) and one.path == path)


def test_the_program_needs_the_standard_library_only(tmp_path: Path) -> None:
    packed = content("/usr/local/lib/trustanchor/watch-publication")
    assert zipfile.ZipFile(io.BytesIO(packed)).testzip() is None
    program = tmp_path / "watch-publication"
    program.write_bytes(packed)
    done = subprocess.run(
        [sys.executable, "-I", "-S", program],
        capture_output=True,
        check=False,
        text=True,
        cwd="/",
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{watch.CONFIGURATION} is missing")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("alert", ["", "mail-alert@%n.service"])
def test_the_users_own_alert(alert: str) -> None:
    service = content("/etc/systemd/system/trustanchor-publication-watch.service", alert).decode()
    assert (f"OnFailure={alert}\n" in service) is bool(alert)
    assert "ReadWritePaths=-/metrics\n" in service
    head = service.partition("[Service]")[0]
    assert ("OnFailure" in head) is bool(alert)


def test_another_host_that_is_silent_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may not be reachable from here; waiting for it once for each file would take longer than the unit may."""
    asked: list[str] = []

    def fetch(_url: url.PublicationUrl, _name: str, address: str, _timeout: float) -> bytes:
        asked.append(address)
        if address == "192.0.2.1":
            raise url.NoAnswer("nobody answers")
        return crl(ROOT)

    ways = [clients.Way("192.0.2.1", own=False, named=True), clients.Way("10.0.0.5", own=True, named=True)]
    monkeypatch.setattr(clients, "ways", lambda _host, _ipv6: ways)
    monkeypatch.setattr(watch, "fetch", fetch)
    watched = tuple(watch.Watched(f"{name}.crl", "root_crl", 1, ROOT.pem) for name in "abc")
    found = watch.look(watch.Watch(URL, watched))
    assert [(one.fault, one.end is None) for one in found] == [("", False)] * 3
    assert [asked.count(way.address) for way in ways] == [1, 3]
    monkeypatch.setattr(clients, "ways", lambda _host, _ipv6: [clients.Way("192.0.2.1", own=True, named=True)])
    found = watch.look(watch.Watch(URL, watched))
    assert [(one.watched, one.fault) for one in found] == [(one, "nobody answers.") for one in watched]


def test_an_address_to_which_nobody_is_sent_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ways = [clients.Way("10.0.0.5", own=True, named=True), clients.Way("10.0.0.6", own=True, named=False)]
    monkeypatch.setattr(clients, "ways", lambda _host, _ipv6: ways)

    def fetch(_url: url.PublicationUrl, _name: str, address: str, _timeout: float) -> bytes:
        asked.append(address)
        return crl(ROOT)

    monkeypatch.setattr(watch, "fetch", fetch)
    watch.look(watch.Watch(URL, (watch.Watched("a.crl", "root_crl", 1, ROOT.pem),)))
    assert asked == ["10.0.0.5"]


def test_metrics_are_written_where_there_is_a_directory_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.as_current_user(monkeypatch)
    found = [finding(watch.Watched("a.crl", "root_crl", 60), NOW + 61)]
    watch.write_metrics(watch.Watch(URL, ()), found, NOW)
    assert list(tmp_path.iterdir()) == []
    watch.write_metrics(watch.Watch(URL, (), str(tmp_path)), found, NOW)
    text = (tmp_path / "trustanchor_publication.prom").read_text()
    assert text == metrics.render("publication", watch.as_metrics(found, NOW))
