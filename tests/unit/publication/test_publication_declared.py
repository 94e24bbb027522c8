# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of the module declare: each of them arrives, and the watch and nginx get what is theirs."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import nginx, site, watch
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.artifacts import Artifact
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.record_state import RecordState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import PublicationUrl

ROOT, CRL = Artifact("root-r1.crt", "root", b"root"), Artifact("root-r1.crl", "root_crl", b"crl", "issuer")
KEPT = Artifact("trust.p7m", "manifest", b"")
MARGINS = {"root_crl": "30d", "ca_crl": "6h", "manifest": "7d", "manifest_signer": "60d", "root": "0s"}


def given(artifact: Artifact) -> dict[str, Any]:
    content = base64.b64encode(artifact.content).decode()
    return {"name": artifact.name, "kind": artifact.kind, "content": content, "issuer": artifact.issuer}


OPTIONS: dict[str, Any] = {
    "url": "http://pki.corp.example:8080/pki",
    "artifacts": [given(ROOT), given(CRL)],
    "kept": [given(KEPT)],
    "record_id": "ab" * 16,
    "record_sequence": 7,
    "ca_crls": [{"name": "ca1", "url": "http://ca.corp.example/1.0/crl"}],
    "issuers": {"ca1": "PEM"},
    "margins": MARGINS,
    "metrics_directory": "/metrics",
    "calendar": "hourly",
    "alert_unit": "alert.service",
}


def test_all_of_it() -> None:
    found = site.declared(OPTIONS)
    assert found.url == PublicationUrl("pki.corp.example", 8080, "/pki")
    assert (found.artifacts, found.kept) == ((ROOT, CRL), (KEPT,))
    assert found.record == RecordState("ab" * 16, 7)
    assert [(one.name, one.url.host) for one in found.sources] == [("ca1", "ca.corp.example")]
    assert found.issuers == {"ca1": "PEM"}
    day = 86400
    assert found.margins == {
        "root_crl": 30 * day,
        "ca_crl": day // 4,
        "manifest": 7 * day,
        "manifest_signer": 60 * day,
        "root": 0,
    }
    assert (found.metrics_directory, found.calendar, found.alert_unit) == ("/metrics", "hourly", "alert.service")


def test_what_the_watch_looks_at() -> None:
    """Also at what should be published and is not; a manifest has a signer that ends, too."""
    found = site.declared(OPTIONS)
    looked_at = found.watched()
    assert (looked_at.url, looked_at.metrics_directory) == (found.url, "/metrics")
    day = 86400
    assert looked_at.watched == (
        watch.Watched("root-r1.crt", "root", 0, "", 0),
        watch.Watched("root-r1.crl", "root_crl", 30 * day, "issuer", 0),
        watch.Watched("trust.p7m", "manifest", 7 * day, "", 60 * day),
        watch.Watched("ca1.crl", "ca_crl", day // 4, "PEM", 0),
    )
    without = site.declared({**OPTIONS, "issuers": {}}).watched()
    assert without.watched[-1].issuer == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"kept": [given(ROOT)]},
        {"artifacts": [given(ROOT), given(ROOT)]},
        {"ca_crls": [{"name": "root-r1", "url": "http://ca.corp.example/1.0/crl"}]},
    ],
)
def test_names_that_are_taken_twice(changes: dict[str, Any]) -> None:
    site.declared(OPTIONS).check()
    with pytest.raises(TrustAnchorError, match=r"two things would be published as root-r1\.cr"):
        site.declared({**OPTIONS, **changes}).check()


@pytest.mark.parametrize("changes", [{"margins": {**MARGINS, "root": "soon"}}, {"url": "ftp://x"}, {"url": "pki"}])
def test_what_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(TrustAnchorError):
        site.declared({**OPTIONS, **changes})


def test_the_order_does_not_depend_on_what_is_kept() -> None:
    """Each root with its CRL behind it, then intermediates, the bundle, the manifest."""
    names = [
        ("root-a.crt", "root"),
        ("root-a.crl", "root_crl"),
        ("root-b.crt", "root"),
        ("root-b.crl", "root_crl"),
        ("ca1.crt", "intermediate"),
        ("ca2.crt", "intermediate"),
        ("roots.pem", "bundle"),
        ("trust.p7m", "manifest"),
    ]
    wanted = [Artifact(name, kind, b"") for name, kind in names]
    for cut in range(len(wanted)):
        published = site._Published(written=wanted[cut:][::-1], kept=wanted[:cut])
        assert published.everything == wanted


def test_a_configuration_names_what_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "resolvers", lambda: ["10.0.0.53"])
    monkeypatch.setattr(nginx, "has_ipv6", lambda: False)
    found = site.declared(OPTIONS).configuration([ROOT, KEPT])
    text = found.content.decode()
    assert found.path == nginx.CONFIGURATION
    for word in ("root-r1.crt", "trust.p7m", "ca1.crl", "pki.corp.example", "8080", "10.0.0.53"):
        assert word in text
    assert "root-r1.crl" not in text
