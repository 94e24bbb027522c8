# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""step-ca comes from a signed repository or by URL and digest, and from nowhere else."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import estate, hosts, repository
from lab.play import STATE, converge, play

PACKAGES = [STATE / "packages" / name for name in ("step-ca_0.30.2-1_amd64.deb", "step-cli_0.30.6-1_amd64.deb")]
OLDER = STATE / "packages" / "step-ca_0.30.1-1_amd64.deb"
REPOSITORY = "/srv/repository"
URL = "http://web1.corp.example:8000"


def installed() -> dict[str, str]:
    shown = hosts.run("ca1", "dpkg-query --show step-ca step-cli 2>/dev/null", check=False).stdout
    return dict(line.split() for line in shown.splitlines() if len(line.split()) == 2)


def publish(directory: Path) -> None:
    """Put a directory's files onto the web server."""
    packed = subprocess.run(["tar", "-c", "-C", directory, "."], check=True, capture_output=True).stdout
    command = f"rm -rf {REPOSITORY} && mkdir {REPOSITORY} && tar -x -C {REPOSITORY}"
    subprocess.run([*hosts.SSH, "web1", command], input=packed, check=True)


@pytest.fixture(scope="module", autouse=True)
def web_server() -> Iterator[None]:
    """Serve the files from web1; leave the CA with the packages that are declared."""
    hosts.run("web1", f"mkdir -p {REPOSITORY}")
    server = f"python3 -m http.server --directory {REPOSITORY} 8000"
    hosts.run("web1", f"systemd-run --quiet --unit repository --working-directory / {server}")
    yield
    hosts.run("web1", f"systemctl stop repository.service && rm -r {REPOSITORY}")
    hosts.run("ca1", "rm -f /etc/apt/sources.list.d/smallstep.sources /etc/apt/preferences.d/smallstep")
    converge(limit="ca1")


@pytest.fixture(autouse=True)
def not_installed() -> None:
    """Begin each test without the programs."""
    hosts.run("ca1", "DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq step-ca step-cli")
    assert installed() == {}


def debs(digests: dict[str, str]) -> dict[str, Any]:
    listed = [{"url": f"{URL}/{package.name}", "sha256": digests[package.name]} for package in PACKAGES]
    return {"step_ca_install_method": "deb", "step_ca_debs": listed}


def test_by_url_and_digest(tmp_path: Path) -> None:
    for package in PACKAGES:
        (tmp_path / package.name).write_bytes(package.read_bytes())
    publish(tmp_path)
    good = {package.name: hashlib.sha256(package.read_bytes()).hexdigest() for package in PACKAGES}

    refused = play(limit="ca1", variables=debs({**good, PACKAGES[0].name: "0" * 64}))
    assert refused.rc != 0
    assert "checksum" in refused.output
    assert installed() == {}

    assert converge(limit="ca1", variables=debs(good)).changed > 0
    assert installed() == {"step-ca": "0.30.2-1", "step-cli": "0.30.6-1"}
    assert converge(limit="ca1", variables=debs(good)).changed == 0
    estate.issue(estate.client(), ["deb.corp.example"])


def test_from_a_signed_repository(tmp_path: Path) -> None:
    good, stranger = repository.Signer(tmp_path / "good"), repository.Signer(tmp_path / "stranger")
    served = tmp_path / "served"
    release = repository.build(served, "debs", [*PACKAGES, OLDER])
    variables = {
        "step_ca_install_method": "apt",
        "step_ca_apt_uri": URL,
        "step_ca_apt_key": str(good.public_key),
        "step_ca_version": "0.30.1-1",
    }
    try:
        stranger.sign(release)
        publish(served)
        refused = play(limit="ca1", variables=variables)
        assert refused.rc != 0
        assert installed() == {}

        release.with_name("InRelease").unlink()
        publish(served)
        unsigned = hosts.run("ca1", "apt-get update 2>&1", check=False)
        assert "is not signed" in unsigned.stdout
        assert "(none)" in candidate()

        good.sign(release)
        publish(served)
        converge(limit="ca1", variables=variables)
    finally:
        good.stop()
        stranger.stop()
    assert installed() == {"step-ca": "0.30.1-1", "step-cli": "0.30.6-1"}
    assert converge(limit="ca1", variables=variables).changed == 0
    # The repository has a newer one; the pin holds against an upgrade of everything.
    assert candidate() == "Candidate: 0.30.1-1"
    policy = hosts.output("ca1", "apt-cache policy step-ca")
    assert "0.30.2-1" in policy
    assert "0.30.1-1 1001" in policy
    assert "step-ca" not in hosts.output("ca1", "apt-get --simulate dist-upgrade | grep ^Inst || true")


def candidate() -> str:
    lines = hosts.output("ca1", "apt-cache policy step-ca").splitlines()
    return next((line.strip() for line in lines if "Candidate" in line), "(none)")
