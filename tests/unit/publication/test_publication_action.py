# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half: what it hands over, and how faults of the record and of the host are told together."""

from __future__ import annotations

import base64
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.action import publication
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import times
from factories import pki
from factories.actions import Host
from factories.publication_record import URL, Record, crl


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.setattr(times, "utc_now", lambda: pki.NOW)
    return Record(tmp_path)


def publish(record: Record, host: Host, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return host.run(
        publication.ActionModule,
        monkeypatch,
        record=str(record.home),
        url=URL,
        anchors=[asdict(one) for one in record.anchors()],
    )


def test_what_the_host_gets(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({"changed": True})
    assert publish(record, host, monkeypatch) == {"changed": True, "warnings": []}
    (sent,) = host.seen
    assert "record" not in sent
    assert (sent["record_id"], sent["record_sequence"], sent["kept"]) == ("ab" * 16, 1, [])
    found = {one["name"]: base64.b64decode(one["content"]) for one in sent["artifacts"]}
    assert found["root-r1.crl"] == (record.home / "crls/r1.crl").read_bytes()


def test_a_bad_file_fails_the_task_after_everything_else_was_published(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.write("crls/r1.crl", crl(record.roots["r1"], end=pki.NOW))
    host = Host({"changed": True, "corrected": {"x": ["absent"]}}, {"failed": True, "msg": "something else answers"})
    done = publish(record, host, monkeypatch)
    assert (done["failed"], done["changed"], done["corrected"]) == (True, True, {"x": ["absent"]})
    assert "crls/r1.crl has expired" in done["msg"]
    assert [one["name"] for one in host.seen[0]["kept"]] == ["root-r1.crl"]
    both = publish(record, host, monkeypatch)
    assert "2 things are not as they should be" in both["msg"]
    assert "crls/r1.crl has expired" in both["msg"]
    assert "something else answers" in both["msg"]
