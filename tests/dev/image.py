# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the lab's hosts, built from the distribution's packages alone.

A Debian machine builds Debian 13 (trixie), an Ubuntu machine Ubuntu 24.04 (noble); LAB_RELEASE chooses another one.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

from .console import run, say, step
from .podman import podman
from .settings import CHECKOUT, content_hash

PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,python3,python3-cryptography,iproute2,procps,ca-certificates,openssl,"
    "curl,wget,gnutls-bin,nginx,default-jdk-headless,ca-certificates-java,nodejs,libnss3-tools,locales"
)

# Host keys are made by each host at its first start. nginx is there but off. Timers of the distribution would
# run apt in the middle of a test.
CUSTOMIZE = r"""
rm -f "$1"/etc/ssh/ssh_host_*_key*
: > "$1/etc/machine-id"
printf '127.0.0.1 localhost\n::1 localhost\n' > "$1/etc/hosts"
chroot "$1" localedef -i de_DE -f UTF-8 de_DE.UTF-8
printf 'MaxStartups 100\nMaxSessions 100\n' > "$1/etc/ssh/sshd_config.d/lab.conf"
mkdir -p "$1/etc/systemd/system-preset"
printf 'disable nginx.service\n' > "$1/etc/systemd/system-preset/00-lab.preset"
systemctl --root="$1" disable nginx.service
systemctl --root="$1" mask apt-daily.timer apt-daily-upgrade.timer
systemctl --root="$1" mask systemd-networkd.service systemd-resolved.service
"""

# The programs of a YubiKey's owner, and the reader behind which the tests plug a virtual one in. pcscd stays off: who
# wants a reader starts one. yubikit comes with yubikey-manager, so the environment sees the distribution's packages;
# everything that requirements.txt names is nevertheless its own.
CEREMONY_PACKAGES = "softhsm2 opensc python3-venv pcscd vsmartcard-vpcd ykcs11 yubikey-manager yubico-piv-tool"
CEREMONY_SCRIPT = f"""set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends {CEREMONY_PACKAGES}
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
systemctl disable pcscd.socket pcscd.service
python3 -m venv --system-site-packages /opt/trustanchor
/opt/trustanchor/bin/pip install --quiet --no-index --find-links /wheels --ignore-installed -r /requirements.txt
/opt/trustanchor/bin/python -c 'import cryptography, pkcs11, yubikit.management, yubikit.piv'
"""


def release() -> str:
    """Return the release of the hosts."""
    if chosen := os.environ.get("LAB_RELEASE"):
        return chosen
    return "noble" if "ID=ubuntu" in Path("/etc/os-release").read_text().splitlines() else "trixie"


def host_image() -> str:
    """Return the image of a networked host, built when this recipe has none yet."""
    tag = f"localhost/trustanchor/host:{release()}-{content_hash(release(), PACKAGES, CUSTOMIZE)}"
    if podman("image", "exists", tag, check=False).returncode == 0:
        return tag
    with step(f"building the image {tag}"), tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        hook = Path(scratch) / "customize"
        hook.write_text(f"#!/bin/sh\nset -e\n{CUSTOMIZE}")
        hook.chmod(0o755)
        archive = Path(scratch) / "host.tar"
        components = "main,universe" if release() == "noble" else "main"
        command = ["mmdebstrap", "--variant=minbase", f"--components={components}", f"--include={PACKAGES}"]
        run([*command, f"--customize-hook={hook}", release(), archive])
        podman("import", "--change", "STOPSIGNAL SIGRTMIN+3", archive, tag)
    return tag


def ceremony_image() -> str:
    """Return the image of the offline ceremony machine: a host with a software token and Python."""
    requirements = CHECKOUT / "requirements.txt"
    base = host_image()
    recipe = content_hash(base, CEREMONY_SCRIPT, requirements.read_text())
    tag = f"localhost/trustanchor/ceremony:{release()}-{recipe}"
    if podman("image", "exists", tag, check=False).returncode == 0:
        return tag
    with step(f"building the image {tag}"), tempfile.TemporaryDirectory(dir="/var/tmp") as wheels:
        _download_wheels(base, requirements, Path(wheels))
        name = f"build-{content_hash(tag)}"
        podman("rm", "-f", "-i", name)
        mounts = ["-v", f"{wheels}:/wheels:ro", "-v", f"{requirements}:/requirements.txt:ro"]
        podman("run", "--pids-limit=-1", "--name", name, *mounts, base, "sh", "-c", CEREMONY_SCRIPT)
        podman("commit", "-q", "--change", "STOPSIGNAL SIGRTMIN+3", name, tag)
        podman("rm", "-f", name)
    return tag


def _download_wheels(base: str, requirements: Path, target: Path) -> None:
    """Download the wheels for the image's Python here, where pip is configured for this machine."""
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = podman(
        "run", "--rm", "--pids-limit=-1", "--network", "none", base, "python3", "-c", script
    ).stdout.strip()
    tags = [f"--platform={tag}_{platform.machine()}" for tag in ("manylinux2014", "manylinux_2_28", "manylinux_2_34")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", *tags]
    run([*command, f"--python-version={version}", f"--dest={target}", "-r", requirements])


def images(*, ceremony: bool) -> dict[str, str]:
    """Return the images by kind (host, ceremony)."""
    found = {"host": host_image()}
    if ceremony:
        found["ceremony"] = ceremony_image()
    say(f"images: {', '.join(tag.rpartition('/')[2] for tag in found.values())}")
    return found
