# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system store of Debian and Ubuntu: the bundle file and the directory of hash links.

update-ca-certificates leaves dangling links when a file vanishes, stale links when one is overwritten, and ends with 0
when a hook fails; so: one certificate per file, the fingerprint in its name, links put right here, and read back.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence

from ...errors import TrustAnchorError
from ...host import openssl
from ...host.commands import run
from ...host.files import File, read, write_atomically
from ...host.files import converge as converge_files
from ...host.pem import issuers, subjects
from ...text.document import visible
from ..root import Root
from .base import PREFIX, Certificates, StoreFinding, Wanted, compared, entry_name, found
from .certificate_files import MORE, all_in, certificates, fault, holds_more, take_out, text
from .kind import StoreKind

SOURCE = "/usr/local/share/ca-certificates"
DIRECTORY = "/etc/ssl/certs"
BUNDLE = f"{DIRECTORY}/ca-certificates.crt"
HOOKS = "/etc/ca-certificates/update.d"
CONFIGURATION = "/etc/ca-certificates.conf"
DISTRIBUTION = "/usr/share/ca-certificates"
_JAVA_HOOK = "jks-keystore"
_AT_WORK_SECONDS = 600
_FAILED_HOOK = re.compile(r"^E: (\S+) exited with code (\d+)", re.MULTILINE)
_HASH_LINK = re.compile(r"^[0-9a-f]{8}\.\d+$")


class SystemStore:
    """Source files, bundle and hash directory: one store to people, three places that can be wrong."""

    name = "system"
    path = BUNDLE
    declared = True
    user: int | None = None

    def find(self, wanted: Wanted) -> list[StoreFinding]:
        """Measure each of the three; OpenSSL reads the second or the third, and never the first."""
        files_wrong = converge_files(files(wanted.roots), check=True)
        foreign = [*foreign_files(wanted), *dangling_links()]
        why = [*(f"{path}: {', '.join(what)}" for path, what in files_wrong.items())]
        why += [f"{path}: must not be there" for path in foreign]
        bundled = trusted_by_bundle()
        lost = len(distributed() - bundled.keys() - wanted.distrusted)
        faults = [f"{lost} of the distribution are lost"] * bool(lost) + kept(wanted)
        return [
            found("system sources", SOURCE, (), (), "; ".join(why)),
            compared("system bundle", BUNDLE, bundled, wanted, why="; ".join(faults)),
            self._directory(wanted),
        ]

    def _directory(self, wanted: Wanted) -> StoreFinding:
        """OpenSSL trusts what its hash links lead to; Go, git and others every file, whatever its name."""
        paths = directory_files()
        missing = sorted(wanted.sha256s - trusted_by_directory().keys())
        held_back = [_held_back(path) for path in loose_files(wanted) if holds_more(path)]
        why = "; ".join([*filter(None, map(fault, paths)), *held_back])
        read = compared("system directory", DIRECTORY, all_in(paths), wanted, why=why)
        return found(read.name, DIRECTORY, missing, read.unwanted, read.why)

    def converge(self, wanted: Wanted) -> list[str]:
        """Source files first, new ones before old ones go; then everything that is made from them."""
        os.makedirs(SOURCE, mode=0o755, exist_ok=True)
        converge_files(files(wanted.roots), check=False)
        for path in [*foreign_files(wanted), *dangling_links()]:
            take_out(path, wanted.banned)
        for path in loose_files(wanted):
            take_out(path, wanted.unwanted)
        return rebuild()

    def writes(self, wanted: Wanted) -> list[str]:
        """Source files, links to them, and the bundle; update-ca-certificates and its hooks write more."""
        return [*(file.path for file in files(wanted.roots)), *map(_link, _local()), BUNDLE]


def distributed() -> set[str]:
    """Fingerprints of the certificates that the distribution brings and its administrator has not deselected."""
    listed, _deselected = _configured()
    return set(all_in(listed))


def kept(wanted: Wanted) -> list[str]:
    """What the distribution brings and must not be trusted, with the way out: no file of a package is removed."""
    listed, _deselected = _configured()
    names = [path.removeprefix(f"{DISTRIBUTION}/") for path in listed if wanted.banned(certificates(path))]
    return [
        f"{name} is the distribution's, and no file of a package is removed: write !{name} in {CONFIGURATION} for it, "
        "or deselect it with dpkg-reconfigure ca-certificates, and run again"
        for name in names
    ]


def _held_back(path: str) -> str:
    return f"{visible(path)} stays: {MORE}"


def require() -> None:
    """Raises: TrustAnchorError: the host has no such store."""
    if not os.path.exists("/usr/sbin/update-ca-certificates"):
        raise TrustAnchorError(
            "update-ca-certificates is missing",
            "the system store cannot be converged",
            "Install the package ca-certificates",
        )


def files(roots: Sequence[Root]) -> list[File]:
    """The source files that must be there."""
    return [File(f"{SOURCE}/{entry_name(root.sha256)}.crt", root.pem.encode()) for root in roots]


def foreign_files(wanted: Wanted) -> list[str]:
    """Source files that must go: ours that left the set, and anybody's that hold what nobody may trust."""
    keep = {f"{entry_name(root.sha256)}.crt" for root in wanted.roots}
    listed = []
    for top, _directories, names in os.walk(SOURCE):
        for name in sorted(names):
            path = os.path.join(top, name)
            ours = name.startswith(PREFIX) and name not in keep
            if ours or wanted.banned(certificates(path)):
                listed.append(path)
    return listed


def former_names(sha256s: Collection[str]) -> dict[str, str]:
    """Digests of the subjects of roots that are not wanted any more, by fingerprint, as far as their files remain."""
    listed = os.listdir(SOURCE) if os.path.isdir(SOURCE) else []
    paths = [f"{SOURCE}/{name}" for name in listed if name.startswith(PREFIX)]
    names = subjects("".join(text(path) for path in paths if not fault(path)))
    return {sha256: name for sha256, name in names.items() if sha256 in sha256s and name}


def names_below(issuers: Collection[str]) -> dict[str, str]:
    """Digests of the subjects of what these have issued, and of what that has issued, by fingerprint.

    Looked for where anybody's certificates come to the system from. Elsewhere such a certificate is known by its
    issuer then: of intermediates a host is told nothing.

    Args:
        issuers: digests of names.
    """
    loose = [path for path in directory_files() if not os.path.islink(path)]
    sources = [os.path.join(top, name) for top, _more, names in os.walk(SOURCE) for name in names]
    held = all_in([*loose, *sources])
    if not any(held.values()):
        return {}
    subject = subjects("".join(text(path) for path in [*loose, *sources] if certificates(path)))
    # A partner's that ours has cross-certified is a root.
    roots = {subject.get(one, "") for one, by in held.items() if not by}
    known, below = set(issuers), dict[str, str]()
    while new := {
        one: subject[one]
        for one, by in held.items()
        # What has gone since it was listed has no subject here.
        if by in known and one not in below and subject.get(one) and subject[one] not in roots
    }:
        below |= new
        known |= set(new.values())
    return below


def trusted_by_bundle() -> Certificates:
    """What is in the bundle file: what curl, Python and Go read. None in a damaged one: OpenSSL refuses it all."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(BUNDLE)
    except (ssl.SSLError, FileNotFoundError):
        return {}
    return issuers(text(BUNDLE))


def trusted_by_directory() -> Certificates:
    """What is behind the hash links: what OpenSSL's CApath reads."""
    names = os.listdir(DIRECTORY) if os.path.isdir(DIRECTORY) else []
    return all_in(os.path.join(DIRECTORY, name) for name in names if _HASH_LINK.match(name))


def directory_files() -> list[str]:
    """All files in the directory, and links to files, but for the bundle."""
    names = os.listdir(DIRECTORY) if os.path.isdir(DIRECTORY) else []
    paths = [os.path.join(DIRECTORY, name) for name in sorted(names)]
    return [path for path in paths if path != BUNDLE and os.path.isfile(path)]


def loose_files(wanted: Wanted) -> list[str]:
    """Files with what must not be trusted that somebody has put into the directory, or links to such elsewhere."""
    made = (f"{SOURCE}/", f"{DISTRIBUTION}/", f"{DIRECTORY}/")  # what such a link leads to is dealt with there
    return [
        path
        for path in directory_files()
        if not (os.path.islink(path) and os.path.realpath(path).startswith(made))
        and wanted.unwanted(certificates(path))
    ]


def dangling_links() -> list[str]:
    """Links of ours in the directory that point to nothing, or files that nobody needs any more."""
    names = os.listdir(DIRECTORY) if os.path.isdir(DIRECTORY) else []
    paths = [os.path.join(DIRECTORY, name) for name in names if name.startswith(PREFIX)]
    return sorted(path for path in paths if not os.path.exists(path))


def rebuild() -> list[str]:
    """Bring bundle and hash links to the source files; the exit code proves nothing, the caller reads back.

    Returns:
        What hooks of others could not do: update-ca-certificates ends with 0 all the same.

    update-ca-certificates starts some five programs for each certificate of the distribution, about a second of CPU
    time. Where nothing but our own sources has changed and nobody has a hook, the same is done here, byte for byte.

    Not with --fresh, which begins by removing every link: whoever looks in the directory at that moment, or after a
    kill, would trust nobody. openssl-rehash(1) keeps the links that are right.
    """
    for name in os.listdir(DIRECTORY):
        path = os.path.join(DIRECTORY, name)
        if os.path.islink(path) and not os.path.exists(path):
            os.unlink(path)
    _clear_unfinished()
    if _only_ours_changed():
        return _rebuild_here()
    with _hooks() as hooks:
        done = run(["update-ca-certificates", "--hooksdir", hooks], timeout=300)
    openssl.run(["rehash", DIRECTORY], timeout=300)
    said = (done.stdout + done.stderr).decode(errors="replace")
    return [
        f"the hook {os.path.basename(hook)} of update-ca-certificates failed with exit code {code}: what it feeds may "
        "have other roots"
        for hook, code in _FAILED_HOOK.findall(said)
    ]


def _clear_unfinished() -> None:
    """Remove what a killed update-ca-certificates has left: the next one appends to it, even half a certificate.

    Raises:
        TrustAnchorError: it is so young that its maker, such as a package's upgrade, may still be at work.
    """
    unfinished = f"{BUNDLE}.new"
    try:
        age = time.time() - os.stat(unfinished).st_mtime
    except FileNotFoundError:
        return
    if age < _AT_WORK_SECONDS and _is_running("update-ca-certificates"):
        raise TrustAnchorError(
            "update-ca-certificates is at work on this host", f"{unfinished} is {age:.0f} seconds old", "Run again"
        )
    os.unlink(unfinished)


def _is_running(program: str) -> bool:
    """Whether a process of root, a shell script's too, has the program among its first arguments.

    Anybody may give a process such arguments, and nobody else could write the bundle.
    """
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid != os.geteuid():
                continue
            with open(f"/proc/{name}/cmdline", "rb") as handle:
                arguments = handle.read(4096).split(b"\0")[:3]
        except OSError:
            continue  # it ended meanwhile
        if any(os.path.basename(argument) == program.encode() for argument in arguments):
            return True
    return False


def _rebuild_here() -> list[str]:
    """What update-ca-certificates does when it has no hooks to run."""
    listed, _deselected = _configured()
    for source in (one for one in _local() if _is_ours(one)):
        if _target(_link(source)) != source:
            new = f"{_link(source)}.new"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new)  # of a run that was killed
            os.symlink(source, new)
            os.rename(new, _link(source))
    openssl.run(["rehash", DIRECTORY], timeout=300)
    parts = [read(source) or b"" for source in (*listed, *_local())]
    content = b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts if part)
    write_atomically(BUNDLE, content, 0o644, "root", "root")
    return []


def _only_ours_changed() -> bool:
    """Whether update-ca-certificates would have nothing to do but for our own source files, and no hook to run."""
    hooks = os.listdir(HOOKS) if os.path.isdir(HOOKS) else []
    if set(hooks) - {_JAVA_HOOK} or os.path.exists("/sbin/restorecon") or not os.path.exists(CONFIGURATION):
        return False
    listed, deselected = _configured()
    others = [*listed, *(source for source in _local() if not _is_ours(source))]
    return all(_target(_link(one)) == one for one in others) and not any(
        os.path.islink(_link(one)) for one in deselected
    )


def _configured() -> tuple[list[str], list[str]]:
    """The distribution's certificates that are selected and there, and those that are deselected."""
    lines = (read(CONFIGURATION) or b"").decode(errors="surrogateescape").split("\n")
    selected = [f"{DISTRIBUTION}/{line}" for line in lines if line and line[0] not in "#!"]
    return [one for one in selected if os.path.isfile(one)], [
        f"{DISTRIBUTION}/{one[1:]}" for one in lines if one[:1] == "!"
    ]


def _local() -> list[str]:
    """All local source files, in the order of update-ca-certificates."""
    found = [os.path.join(top, name) for top, _more, names in os.walk(SOURCE, followlinks=True) for name in names]
    return sorted(path for path in found if path.endswith(".crt") and os.path.isfile(path))


def _is_ours(source: str) -> bool:
    return os.path.basename(source).startswith(PREFIX)


def _link(source: str) -> str:
    """Where update-ca-certificates puts the link to a source file."""
    name = os.path.basename(source).removesuffix(".crt").translate(str.maketrans(" (),", "_==_"))
    return os.path.join(DIRECTORY, f"{name}.pem")


def _target(link: str) -> str:
    return os.readlink(link) if os.path.islink(link) else ""


@contextlib.contextmanager
def _hooks() -> Iterator[str]:
    """The hooks to run: all but Java's, which rewrites the store in place. That store is converged by a copy.

    Where certificates of others wait to be taken up, all of them: nothing else would bring those to Java.
    """
    if _others_wait():
        yield HOOKS
        return
    with tempfile.TemporaryDirectory(prefix="ca-certificates-hooks-") as own:
        for name in sorted(os.listdir(HOOKS) if os.path.isdir(HOOKS) else []):
            if name != _JAVA_HOOK:
                os.symlink(os.path.join(HOOKS, name), os.path.join(own, name))
        yield own


def _others_wait() -> bool:
    """Whether a source file that is not ours has no link yet."""
    return any(not os.path.exists(_link(source)) for source in _local() if not _is_ours(source))


KIND = StoreKind(
    name="system",
    of_host=lambda _cache: [SystemStore()],
    # With what the hooks of update-ca-certificates write.
    always_writable=lambda: (DIRECTORY, SOURCE, "/var/lib/ca-certificates-java", "/var/lib/dpkg"),
)
