# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is asked for to the manifest that is written."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest import manifest_store
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.convergence import (
    DeclaredRoot,
    ManifestChange,
    ManifestPlan,
    plan,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.transitions import Exceptions
from factories import pki

R1, S1 = pki.root("R1"), pki.root("S1")


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record with two root certificates, and without a manifest."""
    (tmp_path / "roots").mkdir()
    for name, root in (("r1", R1), ("s1", S1)):
        (tmp_path / f"roots/{name}.crt").write_text(root.pem)
    return tmp_path


def planned(record: Path, *declared: DeclaredRoot, may_await: bool = False, **asked: Any) -> ManifestPlan:
    defaults = {
        "states": {},
        "remove": (),
        "incident": "",
        "hosts": ("web1",),
        "exceptions": Exceptions(dt.timedelta(hours=25)),
    }
    change = ManifestChange(**{**defaults, **asked})
    return plan(record / "trust.yml", declared, change, pki.NOW, may_await=may_await)


def states(plan_of_record: ManifestPlan) -> dict[str, str]:
    return {root.name: root.state for root in plan_of_record.after.roots}


def test_the_first_roots_are_trusted_and_later_ones_staged(record: Path) -> None:
    first = planned(record, DeclaredRoot("r1"))
    assert first.changed and states(first) == {"r1": "trusted"}
    assert not (record / "trust.yml").exists()
    first.apply()
    later = planned(record, DeclaredRoot("r1"), DeclaredRoot("s1", standby=True))
    assert states(later) == {"r1": "trusted", "s1": "staged"}
    later.apply()
    assert manifest_store.read(str(record)).named("s1").standby
    assert not planned(record, DeclaredRoot("r1"), DeclaredRoot("s1")).changed


def test_its_own_certificate_and_state(record: Path) -> None:
    planned(record, DeclaredRoot("r1")).apply()
    found = planned(record, DeclaredRoot("two", str(record / "roots/s1.crt"), initial_state="trusted"))
    assert (found.after.named("two").sha256, found.after.named("two").state) == (S1.sha256, "trusted")
    # Not one of the first: a rollout has to show it before anything is issued under it.
    assert (found.after.named("r1").since, found.after.named("two").since) == (None, pki.NOW)


def test_a_certificate_that_is_yet_to_be_made(record: Path) -> None:
    (record / "roots/s1.crt").unlink()
    declared = (DeclaredRoot("r1"), DeclaredRoot("s1"))
    with pytest.raises(TrustAnchorError, match=r"roots/s1\.crt does not exist"):
        planned(record, *declared)
    found = planned(record, *declared, may_await=True)
    assert (found.changed, found.awaited, states(found)) == (True, ("s1",), {"r1": "trusted"})
    with pytest.raises(TrustAnchorError, match="the certificate of 's1' is not made yet"):
        found.apply()


def test_states_change_once_and_unlisted_roots_need_no_removal(record: Path) -> None:
    both = (DeclaredRoot("r1"), DeclaredRoot("s1"))
    planned(record, *both).apply()
    found = planned(record, states={"r1": "distrusted"}, remove=["x1"], incident="INC-1")
    found.apply()
    assert (states(found), found.after.sequence) == ({"r1": "distrusted", "s1": "trusted"}, 2)
    assert not planned(record, *both, states={"r1": "distrusted"}, incident="INC-1").changed


def test_a_root_is_listed_and_moved_in_one_change(record: Path) -> None:
    planned(record, DeclaredRoot("r1")).apply()
    found = planned(record, DeclaredRoot("s1"), states={"s1": "trusted"})
    assert (states(found), found.after.sequence) == ({"r1": "trusted", "s1": "trusted"}, 2)


def test_a_change_that_could_cut_a_host_off_is_not_planned(record: Path) -> None:
    planned(record, DeclaredRoot("r1"), DeclaredRoot("s1")).apply()
    with pytest.raises(TrustAnchorError, match="there is no report of a rollout of sequence 1"):
        planned(record, states={"r1": "retiring"})
