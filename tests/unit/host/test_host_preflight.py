# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import pwd
import socket
import subprocess
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import packages, preflight, systemd
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.certificates import spki_sha256
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from factories import pki
from hypothesis import given
from hypothesis import strategies as st

UBUNTU = """PRETTY_NAME="Ubuntu 24.04.3 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.3 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
"""
DEBIAN = """PRETTY_NAME="Debian GNU/Linux {0} (x)"
NAME="Debian GNU/Linux"
VERSION_ID="{0}"
VERSION="{0} (x)"
ID=debian
"""


@pytest.mark.parametrize(
    ("text", "expected"), [(UBUNTU, "ubuntu 24.04"), (DEBIAN.format(12), "debian 12"), (DEBIAN.format(13), "debian 13")]
)
def test_supported_distributions(text: str, expected: str) -> None:
    assert preflight.check_distribution(text) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (DEBIAN.format(11), "debian 11"),
        (UBUNTU.replace("24.04", "22.04"), "ubuntu 22.04"),
        ('ID="rocky"\nVERSION_ID="9.4"\nID_LIKE="rhel centos fedora"\n', "rocky 9.4"),
        ("ID=arch\n", "arch"),
        ("ID_LIKE=debian\nMY_ID=debian\nVERSION_ID=12\n", "unknown 12"),
        ("", "unknown"),
    ],
)
def test_other_distributions(text: str, named: str) -> None:
    message = f"distribution {named} is not supported. supported: debian 12, debian 13, ubuntu 24.04"
    with pytest.raises(TrustAnchorError, match=message):
        preflight.check_distribution(text)


@given(st.text())
def test_any_text_is_a_distribution_or_refused(text: str) -> None:
    with pytest.raises(TrustAnchorError, match="is not supported"):
        preflight.check_distribution(text)


@pytest.mark.parametrize("offset", [-60.0, -1.5, 0.0, 59.5, 60.0])
def test_clocks_that_agree(offset: float) -> None:
    assert preflight.check_clock(1_800_000_000.0, 1_800_000_000.0 + offset) == offset


@pytest.mark.parametrize(
    ("offset", "message"), [(61.0, "61 seconds ahead of"), (-61.0, "61 seconds behind"), (86400.0, "86400")]
)
def test_clocks_that_do_not(offset: float, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=f"clock is {message}.*controller's.*timedatectl set-ntp true"):
        preflight.check_clock(1_800_000_000.0, 1_800_000_000.0 + offset)


@pytest.mark.parametrize("booted", [True, False])
def test_systemd(monkeypatch: pytest.MonkeyPatch, booted: bool) -> None:
    monkeypatch.setattr(os.path, "isdir", lambda path: booted and path == "/run/systemd/system")
    if booted:
        preflight.check_systemd()
        return
    with pytest.raises(TrustAnchorError, match="systemd does not run on this host"):
        preflight.check_systemd()


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"])
def listener(request: pytest.FixtureRequest) -> socket.socket:
    family, address = request.param
    found = socket.socket(family)
    try:
        found.bind((address, 0))
    except OSError as error:
        pytest.skip(f"no {address} on this machine: {error}")
    request.addfinalizer(found.close)
    return found


def test_a_port_in_use_names_the_program(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    preflight.check_port(port, "no-such-user")
    listener.listen()
    program = Path("/proc/self/comm").read_text().strip()
    with pytest.raises(TrustAnchorError, match=f"port {port} is in use by {program} .process {os.getpid()}"):
        preflight.check_port(port, "no-such-user")


def test_the_daemon_itself_may_listen(listener: socket.socket) -> None:
    listener.listen()
    preflight.check_port(listener.getsockname()[1], pwd.getpwuid(os.getuid()).pw_name)


def test_a_connection_is_no_listener(listener: socket.socket) -> None:
    """A client of another service may have got the number of the port for its own end."""
    listener.listen()
    with socket.create_connection(listener.getsockname()[:2]) as client:
        preflight.check_port(client.getsockname()[1], "no-such-user")


def request(directory: Path, key: ec.EllipticCurvePrivateKey) -> str:
    csr = x509.CertificateSigningRequestBuilder().subject_name(pki.name("CA")).sign(key, hashes.SHA256())
    path = directory / "intermediate_ca.csr"
    path.write_bytes(csr.public_bytes(Encoding.PEM))
    return str(path)


def test_the_key_of_the_request_is_that_of_the_certificate(tmp_path: Path) -> None:
    key = pki.new_key()
    preflight.check_request_key(request(tmp_path, key), spki_sha256(key.public_key()))


def test_another_key(tmp_path: Path) -> None:
    wanted = spki_sha256(pki.new_key().public_key())
    with pytest.raises(TrustAnchorError, match=f"does not match the key on this host.*for key {wanted[:16]}…"):
        preflight.check_request_key(request(tmp_path, pki.new_key()), wanted)


def test_no_key_on_this_host(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match=r"has no intermediate key.*request_intermediate"):
        preflight.check_request_key(str(tmp_path / "none.csr"), "ab" * 32)


def test_a_damaged_request(tmp_path: Path) -> None:
    (tmp_path / "bad.csr").write_text("garbage")
    with pytest.raises(TrustAnchorError, match="(?s)is not a request.*Restore it with its key"):
        preflight.check_request_key(str(tmp_path / "bad.csr"), "ab" * 32)


def test_packages() -> None:
    found = packages.versions(["dpkg", "no-such-package"])
    assert found["no-such-package"] == ""
    assert found["dpkg"][0].isdigit()


SHOWN = """LoadState=loaded
ActiveState={}
UnitFileState=enabled
NeedDaemonReload=no
MainPID=4711
ExecMainStartTimestamp=@1795449600
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SHOWN.format("active"), systemd.Unit(True, True, True, False, 4711, 1795449600.0)),
        (SHOWN.format("reloading"), systemd.Unit(True, True, True, False, 4711, 1795449600.0)),
        (SHOWN.format("failed"), systemd.Unit(True, False, True, False, 4711, 1795449600.0)),
        (SHOWN.format("activating"), systemd.Unit(True, False, True, False, 4711, 1795449600.0)),
        (
            "LoadState=not-found\nActiveState=inactive\nUnitFileState=\nNeedDaemonReload=no\nMainPID=0\nExecMainStartTimestamp=\n",
            systemd.Unit(False, False, False, False, 0, 0.0),
        ),
        (
            "LoadState=loaded\nActiveState=active\nUnitFileState=disabled\nNeedDaemonReload=yes\nMainPID=1\n",
            systemd.Unit(True, True, False, True, 1, 0.0),
        ),
    ],
)
def test_what_systemd_shows(monkeypatch: pytest.MonkeyPatch, text: str, expected: systemd.Unit) -> None:
    def run(arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
        assert arguments[:3] == ["systemctl", "show", "step-ca.service"]
        return subprocess.CompletedProcess(arguments, 0, text.encode(), b"")

    monkeypatch.setattr(systemd, "run", run)
    assert systemd.show("step-ca.service") == expected
