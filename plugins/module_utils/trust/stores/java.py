# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust stores of Java: Debian's (/etc/ssl/certs/java/cacerts), other JDKs' own, and those of programs such as Kafka.

Debian's hook adds what update-ca-certificates tells it but is never told of removals under --fresh, so a removed root
stays trusted by Java. JKS is read and written here; PKCS#12 by the real keytool, which takes a second, so what it said
is kept until the file changes. A store is always replaced by a whole one: keytool alone writes in place.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import TrustAnchorError
from ...host import der, openssl
from ...host.accounts import is_roots_alone, run_as, writer_through
from ...host.commands import run
from ...host.files import read, replace, write_atomically
from ...host.pem import fingerprint, issuers
from ..root import Root
from . import jks
from .base import StoreFinding, Wanted, compared, entry_name
from .cache import Cache, Contents
from .kind import OWNER, PASSWORD_FILE, Declared, StoreKind, directories, entries

DEBIAN = "/etc/ssl/certs/java/cacerts"
PASSWORD = "changeit"  # noqa: S105 the JDK's public default, which Debian keeps; it protects nothing
# Debian's and other packages' JDKs, and archives that were unpacked by hand; lib/security since JDK 9, jre before.
JDKS = ("/usr/lib/jvm/*", "/opt/*", "/opt/*/*", "/usr/local/*")
# A JDK with a jssecacerts does not read its cacerts (JSSE Reference Guide, "Customizing the Default Truststores").
_CACERTS = tuple(f"{top}lib/security/{name}" for top in ("", "jre/") for name in ("cacerts", "jssecacerts"))
# Entries in what ``keytool -list -rfc`` prints, also that of JDK 8.
_RFC = re.compile(
    r"^Alias name: (.*)$(?:\n(?!Alias name: |Entry type: ).*)*?\nEntry type: (.*)$"
    r"(?:\n(?!Alias name: ).*)*?\n(-----BEGIN CERTIFICATE-----\n[^-]*-----END CERTIFICATE-----)",
    re.MULTILINE,
)
_TRUSTED = "trustedCertEntry"


@dataclass
class Keystore:
    """One trust store of Java.

    Args:
        path: of the file; JKS or PKCS#12.
        name: for people.
        password_file: root-only file with its password in the first line; empty: the JDK's public default.
        create: make one, ``jks`` or ``pkcs12``, where there is none; empty: it must be there.
        owner: of a store that is made.
        group: of a store that is made.
        declared: by the operator.
    """

    path: str
    name: str
    cache: Cache = field(repr=False)
    password_file: str = ""
    create: str = ""
    owner: str = "root"
    group: str = "root"
    declared: bool = True
    user: int | None = None

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Compare what it trusts. What bears the name that we give to its fingerprint is ours, also what Debian's hook
        has put there for us.
        """
        if not os.path.exists(self.path) and self.create:
            return [compared(self.name, self.path, {}, wanted)]
        if not self.declared and not is_roots_alone(self.path):
            raise TrustAnchorError(
                f"{self.path} can be changed by users other than root",
                "what was found there is not touched",
                "Declare it as a keystore",
            )
        read = self._contents()
        ours = {sha256 for alias, sha256 in read.entries.items() if entry_name(sha256) in alias}
        trusted = {sha256: read.issuers.get(sha256, "") for sha256 in read.entries.values()}
        return [compared(self.name, self.path, trusted, wanted, ours, "" if trusted else self._unread())]

    def entries(self) -> dict[str, str]:
        """Alias to fingerprint of each certificate in the store; some are there under several aliases.

        Raises:
            TrustAnchorError: it cannot be read, or has another password.
        """
        return self._contents().entries

    def _contents(self) -> Contents:
        content = read(self.path)
        if content is None:
            raise TrustAnchorError(f"{self.path} does not exist", "it is declared as a trust store of Java")
        if content.startswith(jks.MAGIC):
            listed = jks.read(content, self.path, self._password())
            issued = {entry.sha256: der.foreign_issuer(entry.certificate) for entry in listed}
            return Contents({entry.name: entry.sha256 for entry in listed}, issued)
        cached = self.cache.get(self.path)
        return cached if cached is not None else self.cache.put(self.path, *self._listed())

    def _unread(self) -> str:
        """Why Java reads a store as empty that is not."""
        content = read(self.path) or b""
        if content.startswith(jks.MAGIC):
            return ""
        secret = f"file:{self.password_file}" if self.password_file else f"pass:{PASSWORD}"
        # Exit code 1: not PKCS#12 that this openssl reads, so nobody knows.
        said = openssl.run(["pkcs12", "-nokeys", "-passin", secret], stdin=content, accept=(0, 1))
        hidden = len(issuers(said.stdout.decode(errors="replace")))
        return (
            f"Java reads no certificate in it, though it holds {hidden}: they are not marked as trusted, as keytool "
            "-importcert and openssl pkcs12 -jdktrust do"
            if hidden
            else ""
        )

    def converge(self, wanted: Wanted) -> list[str]:
        """Add and remove entries in a copy, and put it in the store's place."""
        if not os.path.exists(self.path):
            self._make(wanted)
            return []
        (finding,) = self.find(wanted)
        content = read(self.path) or b""
        if content.startswith(jks.MAGIC):
            self._write_jks(content, wanted, set(finding.unwanted))
        else:
            self._write_with_keytool(wanted, finding)
        return []

    def writes(self, _wanted: Wanted) -> list[str]:
        """The store; a link stays one."""
        return [os.path.realpath(self.path)]

    def _make(self, wanted: Wanted) -> None:
        """A new store; one of PKCS#12 begins with its first entry."""
        if self.create == "jks":
            self._put(jks.write([_entry(root) for root in _sorted(wanted)], self._password()))
            return
        with self._replaced() as copy:
            for root in _sorted(wanted):
                self._import(copy, root, "-storetype", "PKCS12")

    def _write_jks(self, content: bytes, wanted: Wanted, unwanted: set[str]) -> None:
        password = self._password()
        kept = [entry for entry in jks.read(content, self.path, password) if entry.sha256 not in unwanted]
        present = {entry.sha256 for entry in kept}
        added = [_entry(root) for root in _sorted(wanted) if root.sha256 not in present]
        self._put(jks.write([*kept, *added], password))

    def _write_with_keytool(self, wanted: Wanted, finding: StoreFinding) -> None:
        entries = self.entries()
        with self._replaced() as copy:
            for root in _sorted(wanted):
                if root.sha256 in finding.missing:
                    self._import(copy, root)
            for alias in [alias for alias, sha256 in entries.items() if sha256 in finding.unwanted]:
                self._keytool("-delete", "-alias", alias, "-keystore", copy)

    @contextlib.contextmanager
    def _replaced(self) -> Iterator[str]:
        """A copy for keytool that takes the store's place when all went well, with mode and owner of the store.

        It is in a directory that belongs to root: the store's own may belong to a user, who could put a link there.
        """
        with tempfile.TemporaryDirectory(prefix="keystore-") as directory:
            copy = os.path.join(directory, "store")
            if (content := read(self.path)) is not None:
                with open(copy, "wb") as handle:
                    handle.write(content)
            yield copy
            self._put(read(copy) or b"")

    def _put(self, content: bytes) -> None:
        target = os.path.realpath(self.path)  # a link stays one
        run_as(*writer_through(self.path), lambda: self._write(target, content))

    def _write(self, target: str, content: bytes) -> None:
        if os.path.exists(target):
            state = os.stat(target)
            replace(target, content, stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid)
        else:
            write_atomically(target, content, 0o644, self.owner, self.group)

    def _import(self, store: str, root: Root, *more: str) -> None:
        alias = ["-alias", entry_name(root.sha256), "-keystore", store]
        self._keytool("-importcert", "-noprompt", "-trustcacerts", *alias, *more, stdin=root.pem.encode())

    def _listed(self) -> tuple[dict[str, str], dict[str, str]]:
        """Entries, and who issued those that are trusted certificates: one with a private key is left alone."""
        listed = _RFC.findall(self._keytool("-list", "-rfc", "-keystore", self.path))
        try:
            entries = {alias: fingerprint(block) for alias, _kind, block in listed}
            issued = [issuers(block) for _alias, kind, block in listed if kind == _TRUSTED]
            return entries, {sha256: issuer for one in issued for sha256, issuer in one.items() if issuer}
        except ValueError as error:  # an alias may hold lines that look like a certificate
            raise TrustAnchorError(f"what keytool says of {self.path} cannot be read", str(error)) from error

    def _keytool(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run the keytool on PATH, else that of the JDK that the store belongs to. No secret is an argument."""
        self._password()  # a file that is missing is reported better here
        secret = ["-storepass:file", self.password_file] if self.password_file else ["-storepass", PASSWORD]
        command = [self._program(), "-J-XX:TieredStopAtLevel=1", *arguments, *secret]
        return run(command, stdin=stdin).stdout.decode(errors="replace")

    def _program(self) -> str:
        if found := shutil.which("keytool"):
            return found
        own = os.path.normpath(os.path.join(os.path.dirname(self.path), "../../bin/keytool"))
        if os.path.exists(own) and is_roots_alone(own):  # root runs nothing that somebody else could have put there
            return own
        raise TrustAnchorError(
            "there is no keytool that root may run",
            f"{self.path} is a PKCS#12 store",
            "Install a Java runtime from the distribution (default-jre-headless)",
        )

    def _password(self) -> str:
        if not self.password_file:
            return PASSWORD
        content = read(self.password_file)
        if content is None:
            raise TrustAnchorError(
                f"the file with the password of {self.path} does not exist", self.password_file, "Put it there first"
            )
        return content.decode(errors="replace").partition("\n")[0].rstrip("\r")


def _sorted(wanted: Wanted) -> list[Root]:
    return sorted(wanted.roots, key=lambda root: root.sha256)


def _entry(root: Root) -> jks.Entry:
    """An entry that is the same whenever it is made: its date is the start of the root's validity."""
    return jks.Entry(entry_name(root.sha256).encode(), root.not_before * 1000, root.der)


def debian_keystores(cache: Cache) -> list[Keystore]:
    """Debian's Java store, where there is one: it belongs to the system."""
    return [Keystore(DEBIAN, "java", cache)] if os.path.exists(DEBIAN) else []


def discover(cache: Cache, _declared: Declared) -> Iterator[Keystore]:
    """That of each JDK that has one of its own, and does not share Debian's."""
    seen = {os.path.realpath(DEBIAN)}
    for path in sorted(path for top in JDKS for name in _CACERTS for path in glob.glob(f"{top}/{name}")):
        if os.path.realpath(path) not in seen:
            seen.add(os.path.realpath(path))
            yield Keystore(path, f"java {path}", cache, declared=False)


def _open(declared: Declared, cache: Cache) -> list[Keystore]:
    filled = [KIND.filled(entry) for entry in declared]
    return [
        Keystore(
            one["path"],
            f"java {one['path']}",
            cache,
            password_file=one["password_file"],
            create=one["create"],
            owner=one["owner"],
            group=one["group"],
        )
        for one in filled
    ]


KIND = StoreKind(
    name="Java keystore",
    option="keystores",
    spec={
        **entries(password_file=PASSWORD_FILE, create={"type": "str", "choices": ["jks", "pkcs12"]}, **OWNER),
        "no_log": False,  # it names files that hold passwords, and no password
    },
    open=_open,
    of_host=debian_keystores,
    discover=discover,
    writable=directories,
    discovered_writable=lambda: ("/usr/lib/jvm", "/opt", "/usr/local"),
    example=({"path": "/etc/kafka/truststore.jks", "create": "jks"},),
)
