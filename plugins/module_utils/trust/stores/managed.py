# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores that are files of ours alone: each is exactly what it must be. Standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...host.accounts import run_as, writer_of
from ...host.files import Directory, File, read, wrong
from ...host.files import converge as converge_files
from ..pem import fingerprints
from .base import PREFIX, Finding, Wanted, entry_name, found

Items = Sequence[File | Directory]


@dataclass
class ManagedFiles:
    """Files that hold roots, or the settings that lead programs to them.

    Args:
        name: for people.
        path: the file, or their directory.
        render: the files that must be there; may raise `TrustAnchorError`.
        stale: paths of ours that must not be there.
        holds_roots: the files hold the roots themselves, so fingerprints can be compared.
        after: what makes a change known, such as a reload of systemd.
        declared: by the operator.
    """

    name: str
    path: str
    render: Callable[[Wanted], Items]
    stale: Callable[[Wanted], list[str]] = field(default=lambda _wanted: [])
    holds_roots: bool = True
    after: Callable[[], None] | None = None
    declared: bool = True

    def find(self, wanted: Wanted) -> list[Finding]:
        """Compare byte by byte, and say what that means in fingerprints."""
        items, stale = self.render(wanted), self.stale(wanted)
        differences = [f"{path}: {', '.join(what)}" for path, what in wrong(items).items()]
        differences += [f"{path}: must not be there" for path in stale]
        if not differences or not self.holds_roots:
            return [found(self.name, self.path, (), (), "; ".join(differences))]
        paths = [*(item.path for item in items if isinstance(item, File)), *stale]
        present = _roots_in(paths)
        missing, unwanted = sorted(wanted.sha256s - present), sorted(present - wanted.sha256s)
        return [found(self.name, self.path, missing, unwanted, "; ".join(differences))]

    def converge(self, wanted: Wanted) -> list[str]:
        """New files before old ones go. In a directory of a user, the user's own process does it."""
        run_as(*writer_of(self.path), lambda: self._write(wanted))
        if self.after:
            self.after()
        return []

    def _write(self, wanted: Wanted) -> None:
        converge_files(self.render(wanted), check=False)
        for path in self.stale(wanted):
            os.unlink(path)


def _roots_in(paths: Iterable[str]) -> set[str]:
    present: set[str] = set()
    for path in paths:
        present |= fingerprints((read(path) or b"").decode(errors="replace"))
    return present


def bundle(path: str, name: str = "", owner: str = "root", group: str = "root", mode: int = 0o644) -> ManagedFiles:
    """One PEM file with exactly our roots."""

    def render(wanted: Wanted) -> Items:
        return [File(path, wanted.pem.encode(), mode, owner, group)]

    return ManagedFiles(name or f"file {path}", path, render)


def private_roots(path: str) -> ManagedFiles:
    """Our roots alone, for programs that add to what they bring themselves."""

    def render(wanted: Wanted) -> Items:
        return [Directory(os.path.dirname(path)), File(path, wanted.pem.encode())]

    return ManagedFiles("roots", path, render)


def docker_registry(registry: str, base: str = "/etc/docker/certs.d") -> ManagedFiles:
    """Docker reads every .crt in the registry's directory, at each connection (docs: "Verify repository client")."""
    directory = os.path.join(base, registry)

    def render(wanted: Wanted) -> Items:
        names = [(root, f"{directory}/{entry_name(root.sha256)}.crt") for root in wanted.roots]
        return [Directory(base), Directory(directory), *(File(path, root.pem.encode()) for root, path in names)]

    def stale(wanted: Wanted) -> list[str]:
        keep = {f"{entry_name(sha256)}.crt" for sha256 in wanted.sha256s}
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        return [f"{directory}/{name}" for name in names if name.startswith(PREFIX) and name not in keep]

    return ManagedFiles(f"docker {registry}", directory, render, stale)


def containerd_registry(registry: str, roots: str, base: str = "/etc/containerd/certs.d") -> ManagedFiles:
    """containerd reads hosts.toml at each pull (docs/hosts.md); it leads to the file with our roots."""
    directory = os.path.join(base, registry)
    text = f'server = "https://{registry}"\n\n[host."https://{registry}"]\n  ca = "{roots}"\n'

    def render(_wanted: Wanted) -> Items:
        return [Directory(base), Directory(directory), File(f"{directory}/hosts.toml", text.encode())]

    return ManagedFiles(f"containerd {registry}", directory, render, holds_roots=False)


def firefox_policy(sources: str, path: str = "/etc/firefox/policies/policies.json") -> ManagedFiles:
    """Firefox imports the certificates that its policy names; what others have in the file stays.

    It keeps what it has imported in each profile's database, where the store of NSS finds it.
    """

    def render(wanted: Wanted) -> Items:
        settings = _json_object(path)
        policies = _member(settings, "policies", path)
        certificates = _member(policies, "Certificates", path)
        given = certificates.get("Install") or []
        if not isinstance(given, list):
            raise TrustAnchorError(
                f"{path}: 'Install' is not a list", "paths of certificates are expected", "Correct it"
            )
        listed = [one for one in given if not os.path.basename(str(one)).startswith(PREFIX)]
        ours = [f"{sources}/{entry_name(sha256)}.crt" for sha256 in sorted(wanted.sha256s)]
        certificates["Install"] = [*listed, *ours]
        return [*_directories(path), File(path, _dumped(settings))]

    return ManagedFiles("firefox policy", path, render, holds_roots=False)


def chromium_policy(program: str, directory: str) -> ManagedFiles:
    """Chromium and Chrome trust the certificates that the policy CACertificates holds (DER in base64)."""
    path = f"{directory}/trustanchor.json"

    def render(wanted: Wanted) -> Items:
        bodies = ["".join(root.pem.splitlines()[1:-1]) for root in sorted(wanted.roots, key=lambda one: one.sha256)]
        return [*_directories(path), File(path, _dumped({"CACertificates": bodies}))]

    return ManagedFiles(f"{program} policy", path, render, holds_roots=False)


def step_path(path: str, owner: str, group: str, ca_url: str) -> ManagedFiles:
    """What the step program reads, and nothing else: certs/root_ca.crt and defaults.json below $STEPPATH."""
    defaults, roots = f"{path}/config/defaults.json", f"{path}/certs/root_ca.crt"

    def render(wanted: Wanted) -> Items:
        settings = {**_json_object(defaults), "root": roots, "fingerprint": wanted.roots[0].sha256}
        if ca_url:
            settings["ca-url"] = ca_url
        folders = [Directory(one, 0o755, owner, group) for one in (path, f"{path}/certs", f"{path}/config")]
        files = [File(roots, wanted.pem.encode(), 0o644, owner, group)]
        return [*folders, *files, File(defaults, _dumped(settings), 0o644, owner, group)]

    return ManagedFiles(f"step {path}", path, render)


def _directories(path: str) -> list[Directory]:
    """The directories of a file that are below /etc and may be missing, outermost first."""
    parts = os.path.dirname(path).split("/")
    return [Directory("/".join(parts[:end])) for end in range(3, len(parts) + 1)]


def _json_object(path: str) -> dict[str, Any]:
    content = read(path)
    if content is None:
        return {}
    try:
        settings = json.loads(content)
    except ValueError as error:
        raise TrustAnchorError(f"{path} is not JSON", str(error), "Correct it, or move it away") from error
    if not isinstance(settings, dict):
        raise TrustAnchorError(
            f"{path} is not a JSON object", "settings by name are expected", "Correct it, or move it away"
        )
    return settings


def _member(settings: dict[str, Any], key: str, path: str) -> dict[str, Any]:
    found_there = settings.setdefault(key, {})
    if not isinstance(found_there, dict):
        raise TrustAnchorError(f"{path}: '{key}' is not a JSON object", "settings by name are expected", "Correct it")
    return found_there


def _dumped(settings: dict[str, Any]) -> bytes:
    return (json.dumps(settings, indent=2) + "\n").encode()
