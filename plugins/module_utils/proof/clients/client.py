# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client of handshakes is: a name, its package, and what it says about targets. Standard library only.

All that differs between clients is in one file for each; `registry` lists them.
"""

from __future__ import annotations

import functools
import os
import pwd
import re
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import TrustAnchorError
from ...host import limited
from ...host.accounts import is_alone

TIMEOUT = 10  # seconds for one handshake
MOST_BYTES = 4 << 20  # that a client may print: it quotes servers
_ERROR = 300  # characters
_NOBODYS_GROUP = 65534

Said = Mapping[str, str]  # target to ``ok``, or why not
Account = tuple[int, int]  # user and group id


@dataclass
class TargetResult:
    """What the clients said about one target.

    Args:
        target: ``host:port``.
        clients: name of the client to ``ok`` or its error; of a client with several stores or versions, one entry each.
        issuer: common name of the leaf's issuer; empty when Python's handshake failed.
        not_after: end of the leaf's validity, ISO 8601; empty as above.
    """

    target: str
    clients: dict[str, str] = field(default_factory=dict)
    issuer: str = ""
    not_after: str = ""


@dataclass(frozen=True)
class Asked:
    """What clients are asked.

    Args:
        results: of the targets.
        scratch: a directory for the clients' files, which every user of the host may read.
        roots: path of a file in which are the only certificates to trust, PEM; empty: the host's stores, as they are.
        nss_databases: directories of databases that NSS is asked with; none: the one in the home.
    """

    results: Sequence[TargetResult]
    scratch: str
    roots: str = ""
    nss_databases: Sequence[str] = ()

    @property
    def targets(self) -> list[str]:
        """Each as ``host:port``."""
        return [result.target for result in self.results]

    def directory(self, name: str) -> str:
        """A directory of this name in the scratch directory, empty where nobody wrote into it."""
        path = os.path.join(self.scratch, name)
        os.makedirs(path, exist_ok=True)
        let_read(path)
        return path

    def each(self, shake: Callable[[str], str]) -> Said:
        """What a client says that handles one target at a time; a fault is about its target."""
        return {target: told(functools.partial(shake, target)) for target in self.targets}


@dataclass(frozen=True)
class Client:
    """One client.

    Args:
        name: in options and results.
        package: where it comes from, for a host that has not got it.
        store: what it reads on Debian, for people.
        perform: name of each answer to what is said about the targets. A client with one store and version has one
            answer under its own name; further ones begin with the name. A `TrustAnchorError` is about all targets.
    """

    name: str
    package: str
    store: str
    perform: Callable[[Asked], Mapping[str, Said]]


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what it printed."""

    code: int
    text: str

    @property
    def last_line(self) -> str:
        """The last line that is not blank: where most programs say what is wrong."""
        return ([line for line in self.text.split("\n") if line.strip()] or [f"exit code {self.code}"])[-1]


def let_read(path: str) -> None:
    """Let every user of the host read a file or directory of ours, whatever the umask: a client may be another user's.
    Nothing in it is secret.
    """
    os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)


def told(shake: Callable[[], str]) -> str:
    """What it returns, or the fault that it raises, in one short line."""
    try:
        return short(shake())
    except TrustAnchorError as error:
        return short(str(error))


def short(text: str) -> str:
    """One line for people."""
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= _ERROR else f"{line[:_ERROR]}…"


def find_program(name: str, package: str) -> str:
    """The path of a program.

    Raises:
        TrustAnchorError: the host has not got it.
    """
    found = shutil.which(name)
    if not found:
        raise TrustAnchorError(f"the program {name} is missing", "", f"Install {package}")
    return found


def ask(
    command: Sequence[str],
    *,
    without: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    account: Account | None = None,
    stdin: bytes = b"",
    timeout: float = TIMEOUT + 5,
) -> Outcome:
    """Run a client.

    Args:
        command: program and arguments.
        without: beginnings of variables that it does not get.
        variables: that it gets.
        account: whom the process belongs to; such a one has none of our variables. None: who runs this.
        stdin: what it reads.
        timeout: seconds.

    Raises:
        TrustAnchorError: it cannot be run, does not end in time, or prints too much.
    """
    inherited: Mapping[str, str] = {"PATH": os.defpath, "HOME": "/nonexistent"} if account else os.environ
    environment = {name: value for name, value in inherited.items() if not name.startswith(tuple(without))}
    if account:
        # In a session of its own: nothing of a user's gets at the terminal of whoever runs this.
        command = ["setsid", "setpriv", f"--reuid={account[0]}", f"--regid={account[1]}", "--clear-groups", *command]
    code, said = limited.outcome(command, {**environment, **(variables or {})}, stdin, timeout, MOST_BYTES)
    return Outcome(code, said.decode(errors="replace"))


def owner(path: str) -> Account | None:
    """As whom something that was found is run or read: nobody's program runs as root but root's; None: as who we are.

    Raises:
        TrustAnchorError: it is missing, or others than its owner and root can exchange it.
    """
    try:
        uid = os.stat(path).st_uid if os.geteuid() == 0 else os.geteuid()
    except OSError as error:
        raise TrustAnchorError(f"{path} cannot be looked at", error.strerror or str(error)) from error
    if not is_alone(path, uid):
        raise TrustAnchorError(
            f"{path} can be changed by users other than its own and root",
            "they could have their code run as this user",
            "Correct owners and modes of all that leads there",
        )
    return None if uid == os.geteuid() else (uid, _group(uid))


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return _NOBODYS_GROUP


def address(target: str) -> tuple[str, str]:
    """Host, without the brackets of an IPv6 address, and port."""
    host, _colon, port = target.rpartition(":")
    return host.strip("[]"), port


@dataclass(frozen=True)
class Lines:
    """Answers of a program that is told all targets at once, and prints a line for each.

    Its messages quote certificates. A line is ours when it begins with a word that no server knows.
    """

    word: str = field(default_factory=lambda: secrets.token_hex(8))

    def read(self, asked: Asked, outcome: Outcome) -> Said:
        """What it said about each target, the first time that it named it."""
        said: dict[str, str] = {}
        for line in outcome.text.split("\n"):
            word, _blank, rest = line.partition(" ")
            target, _blank, answer = rest.partition(" ")
            if word == self.word:
                said.setdefault(target, short(answer))
        silent = "the client said nothing" if outcome.code == 0 else short(outcome.last_line)
        return {target: said.get(target) or silent for target in asked.targets}
