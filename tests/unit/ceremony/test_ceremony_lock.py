# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.session.lock import run_lock
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError


def test_a_second_run_waits_for_the_first(tmp_path: Path) -> None:
    home, order = tmp_path / "home", []
    inside, over = threading.Event(), threading.Event()

    def first() -> None:
        with run_lock(home):
            inside.set()
            over.wait()
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    threading.Timer(0.2, over.set).start()
    with run_lock(home):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert home.stat().st_mode & 0o777 == 0o700


def test_it_does_not_wait_without_end(tmp_path: Path) -> None:
    busy = pytest.raises(TrustAnchorError, match="another run of a ceremony is at work")
    with run_lock(tmp_path), busy, run_lock(tmp_path, patience=0.1):
        pass
    with run_lock(tmp_path, patience=0):
        pass
