# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream of connections that scenarios rely on sees what goes wrong, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.tests.lab import streams
from factories import pki, tls_server

ROOT = pki.root()
CLIENTS = ("curl", "python")


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients' store: our root alone."""
    store = tmp_path / "store.pem"
    store.write_text(ROOT.pem)
    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(store))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "absent"))


def serve(directory: Path, leaf: pki.Leaf) -> Any:
    directory.mkdir()
    return tls_server.serve(leaf, directory)


def test_a_stream(tmp_path: Path) -> None:
    trusted, other = ROOT.intermediate().leaf("localhost"), pki.root("Other").leaf("localhost")
    with serve(tmp_path / "good", trusted) as server, serve(tmp_path / "bad", other) as stranger:
        good, bad = f"localhost:{server.port}", f"localhost:{stranger.port}"
        with streams.stream("localhost", [good], CLIENTS, pause=0.01) as running:
            running.await_rounds(3)
            assert not streams.failures(running.report())
            running.add(bad)
            running.await_rounds(2)
            running.remove(bad)
            attempts = {client: len(running.results[client][bad]["failures"]) for client in CLIENTS}
            running.await_rounds(2)
    assert {client: len(running.results[client][bad]["failures"]) for client in CLIENTS} == attempts
    assert all(running.results[client][good]["count"] >= 7 for client in CLIENTS)
    lines = streams.failures(running.results)
    assert len(lines) == sum(attempts.values()) >= 4
    assert all(bad in line and "certificate" in line for line in lines)
    assert streams.fewest(running.results) == 0
    assert streams.longest_gap(running.results) > 0


def test_failures_are_told_in_the_order_of_time() -> None:
    """Of one millisecond, too, which is all that a line shows."""

    def result(*times: float) -> dict[str, Any]:
        return {"count": 0, "gap": 0.0, "failures": [{"time": time, "message": f"at\n{time}"} for time in times]}

    found = {"python": {"a:1": result(1.0001, 3.0)}, "curl": {"a:1": result(1.0002), "b:1": result(2.0, 0.5)}}
    assert streams.failures(found) == [
        "00:00:00.500 curl b:1: at 0.5",
        "00:00:01.000 python a:1: at 1.0001",
        "00:00:01.000 curl a:1: at 1.0002",
        "00:00:02.000 curl b:1: at 2.0",
        "00:00:03.000 python a:1: at 3.0",
    ]


def test_a_client_that_refuses(tmp_path: Path) -> None:
    with serve(tmp_path / "bad", pki.root("Other").leaf("localhost")) as server:
        target = f"localhost:{server.port}"
        for client in CLIENTS:
            assert "certificate" in streams.refused("localhost", target, client)


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_no_refusal_of_the_root(tmp_path: Path, client: str) -> None:
    expired = ROOT.leaf("localhost", start=pki.NOW - 2 * pki.DAY, end=pki.NOW - pki.DAY)
    with serve(tmp_path / "good", ROOT.leaf("localhost")) as server, serve(tmp_path / "expired", expired) as old:
        assert streams.once("localhost", f"localhost:{server.port}", client) == "ok"
        for target in (f"localhost:{server.port}", f"127.0.0.1:{server.port}", f"localhost:{old.port}", "localhost:1"):
            with pytest.raises(AssertionError, match="does not refuse the root"):
                streams.refused("localhost", target, client)
