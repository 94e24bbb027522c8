# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies that tell browsers the roots, for all users of a host. Standard library only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...host.files import File
from . import debian
from .base import PREFIX, Wanted, entry_name
from .cache import Cache
from .certificate_files import certificates
from .json_settings import dumped, json_object, member, parents
from .kind import Declared, StoreKind, texts
from .managed import Items, ManagedFiles

_FIREFOX_LOOKS_IN = "/usr/lib/mozilla/certificates"  # for what its policy names without a directory


@dataclass(frozen=True)
class Browser:
    """One browser.

    Args:
        directory: of its configuration, below /etc.
        path: of the file with its policy.
        store: the store that the file is, by its path.
    """

    directory: str
    path: str
    store: Callable[[str], ManagedFiles]


def firefox_policy(sources: str, path: str) -> ManagedFiles:
    """Firefox imports the certificates that its policy names; what others have in the file stays.

    It keeps what it has imported in each profile's database, where the store of NSS finds it.
    """

    def render(wanted: Wanted) -> Items:
        settings = json_object(path)
        policies = member(settings, "policies", path)
        certificates = member(policies, "Certificates", path)
        given = certificates.get("Install") or []
        if not isinstance(given, list):
            raise TrustAnchorError(
                f"{path}: 'Install' is not a list", "paths of certificates are expected", "Correct it"
            )
        others = [one for one in given if not os.path.basename(str(one)).startswith(PREFIX)]
        listed = [one for one in others if not _is_banned(os.path.join(_FIREFOX_LOOKS_IN, str(one)), wanted)]
        ours = [f"{sources}/{entry_name(sha256)}.crt" for sha256 in sorted(wanted.sha256s)]
        certificates["Install"] = [*listed, *ours]
        return [*parents(path), File(path, dumped(settings))]

    return ManagedFiles("firefox policy", path, render, holds_roots=False)


def _is_banned(path: str, wanted: Wanted) -> bool:
    """Whether a file holds nothing but what must not be trusted."""
    held = certificates(path)
    return bool(held) and wanted.banned(held) == held.keys()


def chromium_policy(program: str, path: str) -> ManagedFiles:
    """Chromium and Chrome trust the certificates that the policy CACertificates holds (DER in base64)."""

    def render(wanted: Wanted) -> Items:
        bodies = ["".join(root.pem.splitlines()[1:-1]) for root in sorted(wanted.roots, key=lambda one: one.sha256)]
        return [*parents(path), File(path, dumped({"CACertificates": bodies}))]

    return ManagedFiles(f"{program} policy", path, render, holds_roots=False, unread=lambda: _set_elsewhere(path))


def _set_elsewhere(path: str) -> str:
    """Each file beside ours is a policy, too, and of two that set the same one counts."""
    folder = os.path.dirname(path)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        other = os.path.join(folder, name)
        with contextlib.suppress(TrustAnchorError):  # one that is not JSON is not read by browsers either
            if other != path and "CACertificates" in json_object(other):
                return f"{other} sets CACertificates, too, and the browser takes one of them: take it out there"
    return ""


BROWSERS = {
    "firefox": Browser(
        "/etc/firefox",
        "/etc/firefox/policies/policies.json",
        lambda path: firefox_policy(debian.SOURCE, path),
    ),
    "chromium": Browser(
        "/etc/chromium",
        "/etc/chromium/policies/managed/trustanchor.json",
        lambda path: chromium_policy("chromium", path),
    ),
    "chrome": Browser(
        "/etc/opt/chrome",
        "/etc/opt/chrome/policies/managed/trustanchor.json",
        lambda path: chromium_policy("chrome", path),
    ),
}


def _open(declared: Declared, _cache: Cache) -> list[ManagedFiles]:
    return [BROWSERS[name].store(BROWSERS[name].path) for name in declared]


KIND = StoreKind(
    name="browsers' policies",
    option="browsers",
    spec=texts(tuple(BROWSERS)),
    open=_open,
    writable=lambda declared: [BROWSERS[name].directory for name in declared],
    example=tuple(BROWSERS),
)
