# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a public record proves."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import (
    estate_evidence,
    manifest_store,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.model import Manifest
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
    return estate_evidence.gather(str(directory), manifest_store.read_declared(str(directory)), pki.NOW, HOUR, **more)


def report(directory: Path, **changes: Any) -> None:
    leaf = {"name": "web", "root": R1.sha256}
    hosts = {"web1": {"outcome": "converged", "leaves": [leaf]}, "web2": {"outcome": "failed"}}
    content = {"manifest": {"id": R1.sha256[:32], "sequence": 4}, "complete": True, "hosts": hosts}
    content |= {"written": "2026-11-26T02:00:00Z", **changes}
    (directory / "rollouts/000004.json").write_text(json.dumps(content))


def test_intermediates_that_live(directory: Path) -> None:
    assert gather(directory).intermediates == {"r1": ("ca1",)}
    assert gather(directory, retired=["ca1"]).intermediates == {}


def test_no_report(directory: Path) -> None:
    assert gather(directory).rollout is None


def test_the_report_of_the_present_sequence(directory: Path) -> None:
    report(directory)
    rollout = gather(directory).rollout
    assert (rollout.id, rollout.sequence, rollout.complete) == (R1.sha256[:32], 4, True)
    assert rollout.leaves == {R1.sha256: ("web1: web",)}
    report(directory, complete="yes")
    assert gather(directory).rollout.complete is False


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"manifest": {}}', '{"manifest": {"id": "x", "sequence": "y"}}'])
def test_a_damaged_report(directory: Path, content: str) -> None:
    (directory / "rollouts/000004.json").write_text(content)
    with pytest.raises(TrustAnchorError, match="is not a report of a rollout.*Roll out again"):
        gather(directory)
