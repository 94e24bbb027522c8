# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import settings, units
from factories.service_host import SETTINGS


@pytest.mark.parametrize(
    ("renew_before", "good"), [(8639, False), (8640, True), (57600, True), (77760, True), (77761, False)]
)
def test_bounds_of_renewal(renew_before: int, good: bool) -> None:
    found = replace(SETTINGS, renew_before=renew_before)
    if good:
        settings.check(found)
        return
    with pytest.raises(TrustAnchorError, match=f"renewal {renew_before} seconds before the end does not fit"):
        settings.check(found)


@pytest.mark.parametrize("name", ["web", "a", "web-1.corp_2", "A" * 64])
def test_names_of_certificates(name: str) -> None:
    settings.check(replace(SETTINGS, name=name))


@pytest.mark.parametrize("name", ["", ".", "..", ".web", "-web", "a/b", "../web", "a b", "web\n", "ä", "A" * 65, "a%i"])
def test_what_is_no_name_of_a_certificate(name: str) -> None:
    """It becomes part of a path and of a unit's name."""
    with pytest.raises(TrustAnchorError, match="is not a name for a certificate"):
        settings.check(replace(SETTINGS, name=name))


@pytest.mark.parametrize(
    "name",
    ["web.corp.example", "web", "*.corp.example", "xn--bcher-kva.example", "1a.example", "10.0.0.1", "::1", "FD00::1"],
)
def test_subject_names(name: str) -> None:
    settings.check(replace(SETTINGS, names=(name,)))


@pytest.mark.parametrize(
    "name",
    [
        *("", "Web.corp.example", "web.corp.example:443", "web..example", "-web.example", "web-.example", "a b"),
        *(
            "*",
            "*.",
            "a.*.example",
            "*a.example",
            "web.example.",
            "bücher.example",
            "https://web",
            "web\n",
            "a,DNS:evil",
        ),
        *("a" * 64 + ".example", "10.0.0.0/8"),
    ],
)
def test_what_is_no_subject_name(name: str) -> None:
    with pytest.raises(TrustAnchorError, match="is neither a DNS name nor an IP address"):
        settings.check(replace(SETTINGS, names=("good.example", name)))


def test_no_names() -> None:
    with pytest.raises(TrustAnchorError, match="certificate web has no names"):
        settings.check(replace(SETTINGS, names=()))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FD00:0:0:0:0:0:0:1", "fd00::1"),
        ("::ffff:10.0.0.1", "::ffff:a00:1"),
        ("10.0.0.1", "10.0.0.1"),
        ("web.example", "web.example"),
    ],
)
def test_one_form_for_each_name(name: str, expected: str) -> None:
    assert settings.canonical(name) in (expected, "::ffff:10.0.0.1")  # Python 3.13 writes mapped addresses so
    assert settings.canonical(settings.canonical(name)) == settings.canonical(name)


def save(found: settings.Settings, content: bytes) -> None:
    Path(found.directory).mkdir(parents=True)
    Path(found.directory, "settings.json").write_bytes(content)


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "BASE", str(tmp_path))


def test_settings_come_back_as_they_were() -> None:
    found = replace(SETTINGS, reload=("nginx.service",), metrics_directory="/var/lib/metrics", owner="www-data")
    save(found, found.dump())
    assert settings.load("web") == found


def test_no_settings() -> None:
    with pytest.raises(TrustAnchorError, match="no certificate is called web.*settings.json is missing"):
        settings.load("web")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"{}", b'{"names": 1, "reload": []}', b'{"names": [], "reload": []}']
)
def test_damaged_settings(content: bytes) -> None:
    save(SETTINGS, content)
    with pytest.raises(TrustAnchorError, match="settings.json cannot be read.*Run the play"):
        settings.load("web")


@pytest.mark.parametrize("metrics", ["", "/var/lib/metrics"])
def test_units(metrics: str) -> None:
    found: dict[str, Any] = {
        file.path: file for file in units.unit_files(replace(SETTINGS, metrics_directory=metrics), "*:0/15", 300)
    }
    service = found["/etc/systemd/system/service-certificate-web.service"].content.decode()
    timer = found["/etc/systemd/system/service-certificate-web.timer"].content.decode()
    assert f"ExecStart={units.PROGRAM} web\n" in service
    assert f"ReadWritePaths={SETTINGS.directory}{' -' + metrics if metrics else ''}\n" in service
    assert "OnCalendar=*:0/15\nRandomizedDelaySec=300\n" in timer
    assert found[units.PROGRAM].mode == 0o755
    assert units.name(SETTINGS, "timer") == "service-certificate-web.timer"
