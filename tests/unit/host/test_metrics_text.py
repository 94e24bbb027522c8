# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import metrics
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host.metrics import Metric, Sample
from factories import accounts

FOUND = [
    Metric.single("last_run_timestamp_seconds", "When it ran last.", 1794000000.25),
    Metric(
        "expiry_timestamp_seconds",
        "End of each.\nA \\ in it.",
        (Sample(1e15 - 1, {"file": 'a"b\\c\nd', "kind": "x"}), Sample(0, {"file": "e", "kind": "y"})),
    ),
    Metric("nothing", "Has no values.", ()),
]


def test_the_text_format() -> None:
    assert metrics.render("some_subject", FOUND) == (
        "# HELP trustanchor_some_subject_last_run_timestamp_seconds When it ran last.\n"
        "# TYPE trustanchor_some_subject_last_run_timestamp_seconds gauge\n"
        "trustanchor_some_subject_last_run_timestamp_seconds 1794000000.25\n"
        "# HELP trustanchor_some_subject_expiry_timestamp_seconds End of each.\\nA \\\\ in it.\n"
        "# TYPE trustanchor_some_subject_expiry_timestamp_seconds gauge\n"
        'trustanchor_some_subject_expiry_timestamp_seconds{file="a\\"b\\\\c\\nd",kind="x"} 999999999999999\n'
        'trustanchor_some_subject_expiry_timestamp_seconds{file="e",kind="y"} 0\n'
    )


@pytest.mark.parametrize("wrong", ["", "Upper", "a-b", "a__b", "a_", "_a", "1a", "a\nb", "a b"])
def test_a_name_is_checked(wrong: str) -> None:
    with pytest.raises(ValueError, match="metric's name"):
        metrics.full_name("subject", wrong)
    with pytest.raises(ValueError, match="metric's name"):
        metrics.full_name(wrong, "name")


def test_written_at_once_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.as_current_user(monkeypatch)
    path = str(tmp_path / "made/here/x.prom")
    labels = {"file": 'a"b\\c\nd', "kind": "x"}
    assert metrics.read_value(path, "s", "expiry_timestamp_seconds", labels) is None
    metrics.write(path, "s", FOUND)
    assert os.listdir(os.path.dirname(path)) == ["x.prom"]
    assert metrics.read_value(path, "s", "expiry_timestamp_seconds", labels) == 1e15 - 1
    assert metrics.read_value(path, "s", "last_run_timestamp_seconds") == 1794000000.25
    assert metrics.read_value(path, "s", "expiry_timestamp_seconds", {"file": "other"}) is None
    assert metrics.read_value(path, "s", "last_run") is None
    Path(path).write_text("trustanchor_s_last_run never\n\xff")
    assert metrics.read_value(path, "s", "last_run") is None


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrustAnchorError, match="cannot be made"):
        metrics.write(str(tmp_path / "file/x.prom"), "s", FOUND)
