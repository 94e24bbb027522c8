# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On a virgin host without nginx a check announces all and writes nothing. Last, because it replaces the host."""

from __future__ import annotations

import subprocess

import pytest
import scene
from lab import hosts, snapshot
from lab.play import CHECKOUT


@pytest.fixture(scope="module", autouse=True)
def virgin_host() -> None:
    """The host as it was, and without nginx, which the lab's image has."""
    subprocess.run([CHECKOUT / "dev", "lab", "reset", "web1"], check=True, stdin=subprocess.DEVNULL)
    hosts.run("web1", "DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq 'nginx*'")


def test_check_writes_nothing() -> None:
    before = snapshot.take("web1")
    announced = scene.publish(check=True)
    assert announced.rc == 0, announced.output
    corrected = announced.result(scene.TASK, "web1")["corrected"]
    assert corrected[scene.CONFIGURATION] == ["absent"]
    assert corrected[f"{scene.DIRECTORY}/root-r1.crl"] == ["absent"]
    assert corrected["nginx.service"] == ["not enabled", "not running"]
    assert snapshot.differences(before, snapshot.take("web1")) == []


def test_the_run_after_it_does_everything() -> None:
    done = scene.published()
    assert done["changed"] is True
    assert scene.ask("/root-r1.crl").body == (scene.RECORD / "crls/r1.crl").read_bytes()
    assert scene.ask("/ca1.crl").status == 200
    assert scene.watch()[0]
    assert scene.published()["changed"] is False
