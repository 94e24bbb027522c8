# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed apt repository made from Debian packages."""

from __future__ import annotations

import email.utils
import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path


class Signer:
    """An OpenPGP key in a directory of its own."""

    def __init__(self, home: Path) -> None:
        """Make the key."""
        home.mkdir(mode=0o700)
        self._gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--yes", "--passphrase", ""]
        self._run("--quick-generate-key", "repository@example.com", "ed25519", "sign", "1d")
        self.public_key = home / "public.asc"
        self._run("--armor", "--output", str(self.public_key), "--export")

    def sign(self, release: Path) -> None:
        """Write InRelease beside Release."""
        self._run("--clearsign", "--output", str(release.with_name("InRelease")), str(release))

    def stop(self) -> None:
        """End the key's agent."""
        subprocess.run(["gpgconf", "--homedir", self._gpg[2], "--kill", "all"], check=True)

    def _run(self, *arguments: str) -> None:
        subprocess.run([*self._gpg, *arguments], check=True, capture_output=True)


def build(directory: Path, suite: str, packages: Iterable[Path]) -> Path:
    """Make an unsigned repository (suite, component main) and return its Release file."""
    index = directory / "dists" / suite / "main" / "binary-amd64"
    pool = directory / "pool"
    index.mkdir(parents=True)
    pool.mkdir()
    entries = []
    for package in packages:
        shutil.copy(package, pool)
        fields = subprocess.run(["dpkg-deb", "--field", package], check=True, capture_output=True, text=True).stdout
        content = package.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        entries.append(f"{fields}Filename: pool/{package.name}\nSize: {len(content)}\nSHA256: {digest}\n")
    text = "\n".join(entries).encode()
    (index / "Packages").write_bytes(text)
    release = directory / "dists" / suite / "Release"
    date = email.utils.formatdate(usegmt=True)
    digest = hashlib.sha256(text).hexdigest()
    release.write_text(
        f"Origin: test\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\nComponents: main\nDate: {date}\n"
        f"SHA256:\n {digest} {len(text)} main/binary-amd64/Packages\n"
    )
    return release
