# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a public record proves."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import (
    estate_evidence,
    manifest_store,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.transitions import Exceptions
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from factories import pki

R1, R2 = pki.root("R1"), pki.root("R2")
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """r1 with a valid, an expired and an archived intermediate, r2 with none."""
    for folder in ("roots", "intermediates/archive", "rollouts"):
        (tmp_path / folder).mkdir(parents=True)
    roots = [Root("r1", R1.sha256, "retiring"), Root("r2", R2.sha256, "trusted")]
    (tmp_path / "trust.yml").write_bytes(Manifest(4, tuple(roots)).to_yaml())
    for name, root in (("r1", R1), ("r2", R2)):
        (tmp_path / f"roots/{name}.crt").write_text(root.pem)
    old = R1.intermediate(start=pki.NOW - 9 * pki.DAY, end=pki.NOW - pki.DAY)
    for name, one in (("ca1", R1.intermediate()), ("old", old), ("archive/ca0", R1.intermediate())):
        (tmp_path / f"intermediates/{name}.crt").write_text(one.pem)
    return tmp_path


def gather(directory: Path, **more: Any) -> Any:
    exceptions = Exceptions(HOUR, **more)
    return estate_evidence.gather(
        str(directory), manifest_store.read_declared(str(directory)), pki.NOW, ["web1"], exceptions
    )


def report(directory: Path, **changes: Any) -> None:
    leaf = {"name": "web", "root": R1.sha256}
    web1 = {"outcome": "converged", "measured": "2026-11-26T01:00:00Z", "leaves": [leaf]}
    hosts = {"web1": web1, "web2": {"outcome": "not reached", "measured": None}}
    waived = [{"host": "web2", "expires": "2026-12-31"}]
    content = {"version": 1, "manifest": {"id": R1.sha256[:32], "sequence": 4, "digest": "ab"}, "complete": True}
    content |= {"hosts": hosts, "waived": waived, "written": "2026-11-26T02:00:00Z", **changes}
    (directory / "rollouts/000004.json").write_text(json.dumps(content))


def test_intermediates_that_live(directory: Path) -> None:
    assert gather(directory).intermediates == {"r1": ("ca1",)}
    assert gather(directory, retired_intermediates=["ca1"]).intermediates == {}


def test_no_report(directory: Path) -> None:
    assert gather(directory).rollout is None


def test_the_report_of_the_present_sequence(directory: Path) -> None:
    report(directory)
    rollout = gather(directory).rollout
    assert (rollout.id, rollout.sequence, rollout.digest, rollout.complete) == (R1.sha256[:32], 4, "ab", True)
    assert rollout.leaves(R1.sha256) == ["web1: web"]
    assert rollout.hosts["web2"].doubt(pki.NOW) == "not reached"
    assert rollout.waived == {"web2": dt.date(2026, 12, 31)}
    report(directory, complete="yes")
    assert gather(directory).rollout.complete is False


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"manifest": {}}', '{"manifest": {"id": "x", "sequence": "y"}}', '{"check": true}']
)
def test_a_damaged_report(directory: Path, content: str) -> None:
    (directory / "rollouts/000004.json").write_text(content)
    with pytest.raises(TrustAnchorError, match="000004.json is not a report of a rollout.*Roll out again"):
        gather(directory)


def test_a_report_of_check_mode_is_no_evidence(directory: Path) -> None:
    report(directory, check=True)
    with pytest.raises(TrustAnchorError, match="is not a report of a rollout.*check mode"):
        gather(directory)


def proven(directory: Path, since: dt.datetime | None = pki.NOW, **root: Any) -> None:
    manifest = manifest_store.read_declared(str(directory))
    estate_evidence.require_proven(str(directory), manifest, replace(manifest.named("r2"), since=since, **root))


def test_nothing_is_issued_under_a_root_that_no_rollout_has_shown(directory: Path) -> None:
    """The first roots of an estate, and those of an incident, need no proof."""
    with pytest.raises(TrustAnchorError, match="no rollout has shown it on every host.*rollout_trust"):
        proven(directory)
    proven(directory, since=None)
    proven(directory, incident="INC-7")


def test_what_shows_a_root_on_every_host(directory: Path) -> None:
    manifest = manifest_store.read_declared(str(directory))
    shown = {"id": manifest.id, "sequence": 4, "digest": manifest.digest, "trusted": [R1.sha256, R2.sha256]}
    for less in (
        {"complete": False},
        {"manifest": {**shown, "trusted": [R1.sha256]}},
        {"manifest": {**shown, "digest": "ab"}},
        {"manifest": {**shown, "id": "other"}},
        {"manifest": {**shown, "sequence": 5}},
        {"manifest": {"id": manifest.id, "sequence": 4}},
    ):
        report(directory, **{"manifest": shown, **less})
        with pytest.raises(TrustAnchorError, match="no rollout has shown it"):
            proven(directory)
    report(directory, manifest={**shown})
    proven(directory)
    report(directory, manifest={**shown, "sequence": 3, "digest": "of sequence 3"})
    proven(directory)


def test_a_distrusted_root_whose_certificate_is_gone_has_nothing_below_it(directory: Path) -> None:
    gone = Root("r0", "ab" * 32, "distrusted")
    roots = (gone, Root("r1", R1.sha256, "retiring"), Root("r2", R2.sha256, "trusted"))
    (directory / "trust.yml").write_bytes(Manifest(4, roots).to_yaml())
    assert gather(directory).intermediates == {"r1": ("ca1",)}


def test_reports_before_the_one_that_shows_it_are_not_read(directory: Path) -> None:
    manifest = manifest_store.read_declared(str(directory))
    shown = {"id": manifest.id, "sequence": 4, "digest": manifest.digest, "trusted": [R1.sha256, R2.sha256]}
    report(directory, manifest=shown)
    (directory / "rollouts/000003.json").write_text("cut off {")
    proven(directory)


@pytest.mark.parametrize(("seconds", "expired"), [(-1, {"r1"}), (0, {"r1"}), (1, set())])
def test_roots_that_have_ended(directory: Path, seconds: int, expired: set[str]) -> None:
    ended = pki.root("R1", end=pki.NOW + dt.timedelta(seconds=seconds))
    (directory / "roots/r1.crt").write_text(ended.pem)
    roots = (Root("r1", ended.sha256, "retiring"), Root("r2", R2.sha256, "trusted"))
    (directory / "trust.yml").write_bytes(Manifest(4, roots).to_yaml())
    assert gather(directory).expired == expired
