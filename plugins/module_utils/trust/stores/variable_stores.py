# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores of others that the host's environment variables lead programs to. Standard library only.

They are somebody's choice: nothing is added there. But a root that must be absent is trusted by whoever reads them, so
it is looked for, a copy of it that is alone in its file goes, and whatever else holds it is named.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...host import packages
from ...host.accounts import is_roots_alone
from ...host.files import read
from ...text.document import visible
from . import debian, private_roots
from .base import StoreFinding, Wanted, compared
from .cache import Cache
from .certificate_files import MORE, all_in, certificates, fault, holds_more, take_out
from .kind import Declared

# OpenSSL, Go and uv; Node.js; requests and pip; curl; git.
VARIABLES = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"),
    *("REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"),
)
# For all sessions (pam_env(8), environment.d(5)), login shells, and the system's services (systemd-system.conf(5)).
SOURCES = (
    "/etc/environment",
    "/etc/environment.d/*.conf",
    "/etc/profile",
    "/etc/profile.d/*.sh",
    "/etc/systemd/system.conf",
    "/etc/systemd/system.conf.d/*.conf",
)
MOST_FILES = 20_000  # of one directory
_NAME = f"({'|'.join(VARIABLES)})"
# systemd quotes the whole assignment, shells the value.
_ASSIGNMENT = re.compile(
    rf"""^[^#]*?(?:"{_NAME}=([^"]*)"|'{_NAME}=([^']*)'|(?<!\w){_NAME}=(?:"([^"]*)"|'([^']*)'|([^\s"';]*)))"""
)


@dataclass
class VariableStore:
    """A file or directory that a variable names.

    Args:
        path: of it.
        name: the variable and the path, for people.
        source: the file that sets the variable.
    """

    path: str
    name: str
    source: str
    declared: bool = False
    user: int | None = None

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Whether it holds what must not be trusted; what cannot be taken out here is named, with the reason."""
        if not is_roots_alone(self.path):
            raise TrustAnchorError(
                f"{self.path} can be changed by users other than root",
                f"{self.source} leads programs there all the same",
                "Give it to root, or take the variable away",
            )
        paths = self._files()
        reasons = [
            f"{visible(path)} stays: {why}" for path in self._bad(wanted) if (why := _why_it_stays(path, wanted))
        ]
        why = "; ".join([*reasons, *filter(None, map(fault, paths))])
        trusted = {**dict.fromkeys(wanted.sha256s, ""), **all_in(paths)}  # that ours are not there is no fault
        return [compared(self.name, self.path, trusted, wanted, why=why)]

    def converge(self, wanted: Wanted) -> list[str]:
        """Take out what is a copy of ours and nothing else."""
        for path in self._bad(wanted):
            if not _why_it_stays(path, wanted):
                take_out(path, wanted.unwanted)
        return []

    def writes(self, wanted: Wanted) -> list[str]:
        """The files that go."""
        return self._bad(wanted)

    def _bad(self, wanted: Wanted) -> list[str]:
        return [path for path in self._files() if wanted.unwanted(certificates(path))]

    def _files(self) -> list[str]:
        if not os.path.isdir(self.path):
            return [self.path]
        with os.scandir(self.path) as entries:
            paths = [entry.path for _number, entry in zip(range(MOST_FILES + 1), entries, strict=False)]
        if len(paths) > MOST_FILES:
            raise TrustAnchorError(f"{self.path} has more than {MOST_FILES} files", "not all are looked at")
        return sorted(path for path in paths if os.path.isfile(path))


def _why_it_stays(path: str, wanted: Wanted) -> str:
    if holds_more(path):
        return MORE
    held = certificates(path)
    others = len(held) - len(wanted.unwanted(held))
    if others and not os.path.islink(path):
        return f"it holds {others} more, and belongs to somebody else; take out by hand what must not be trusted"
    owner = "" if os.path.islink(path) else packages.owner(os.path.realpath(path))
    return f"it belongs to the package {owner}" if owner else ""


def assignments(line: str) -> Iterator[tuple[str, str]]:
    """Each variable of `VARIABLES` that a line of shell, environment.d or a unit sets, with its value."""
    if line.startswith(";"):  # a comment of systemd
        return
    while found := _ASSIGNMENT.match(line):
        name, value = (part for part in found.groups() if part is not None)
        yield name, value
        line = line[found.end() :]


def _named(name: str, value: str) -> Iterable[str]:
    """Paths in a value; what a shell would have to compute first is not known here."""
    parts = value.split(":") if name == "SSL_CERT_DIR" else [value]
    return (os.path.normpath(part) for part in parts if part.startswith("/") and "$" not in part and "\0" not in part)


def discover(_cache: Cache, _declared: Declared) -> Iterator[VariableStore]:
    """What the host's variables name and is there, but for the stores that are converged anyway."""
    seen = {os.path.realpath(path) for path in (debian.BUNDLE, debian.DIRECTORY, private_roots.PATH)}
    for source in sorted(path for pattern in SOURCES for path in glob.glob(pattern)):
        for name, path in _paths_in(source):
            real = os.path.realpath(path)
            if real not in seen and (os.path.isfile(path) or os.path.isdir(path)):  # /dev/null stands for none
                seen.add(real)
                yield VariableStore(path, f"{name} {visible(path)}", source)


def is_set(names: Collection[str]) -> bool:
    """Whether one of the files that set variables for all sets one of these, to anything."""
    wanted = re.compile(rf"^[^#;]*?(?<!\w)(?:{'|'.join(names)})=[\"']?[^\s\"']", re.MULTILINE)
    return any(wanted.search(_content(source)) for pattern in SOURCES for source in glob.glob(pattern))


def _paths_in(source: str) -> Iterator[tuple[str, str]]:
    for line in _content(source).splitlines():
        for name, value in assignments(line):
            yield from ((name, path) for path in _named(name, value))


def _content(source: str) -> str:
    content = b""
    with contextlib.suppress(TrustAnchorError):  # programs cannot read it either
        content = read(source) or b""
    return content.decode(errors="surrogateescape")
