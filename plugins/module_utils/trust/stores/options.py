# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules about trust stores, in the form of an argument spec, and what they mean.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...x509.fingerprints import normalise_fingerprint
from .. import pem
from ..pem import Root
from . import declaration, environment
from .declaration import Declaration

Spec = dict[str, dict[str, Any]]

_PATH = {"type": "path", "required": True}
_PASSWORD_FILE = {"type": "path", "no_log": False}
_OWNER = {"owner": {"type": "str", "default": "root"}, "group": {"type": "str", "default": "root"}}


def _entries(**options: dict[str, Any]) -> dict[str, Any]:
    return {"type": "list", "elements": "dict", "default": [], "options": {"path": _PATH, **options}}


def _texts(choices: list[str] | None = None, default: list[str] | None = None) -> dict[str, Any]:
    return {"type": "list", "elements": "str", "default": default or [], **({"choices": choices} if choices else {})}


STORES: Spec = {
    "discover": {"type": "bool", "default": True},
    # It names files that hold passwords, and no password.
    "keystores": {
        **_entries(password_file=_PASSWORD_FILE, create={"type": "str", "choices": ["jks", "pkcs12"]}, **_OWNER),
        "no_log": False,
    },
    "nss_databases": _entries(password_file=_PASSWORD_FILE, owner={"type": "str"}),
    "browsers": _texts(list(declaration.BROWSERS)),
    "environment": _texts(list(environment.CHOICES), list(environment.CHOICES)),
    "docker_registries": _texts(),
    "containerd_registries": _texts(),
    "step_paths": _entries(**_OWNER, ca_url={"type": "str"}),
    "files": _entries(**_OWNER, mode={"type": "str", "default": "0644"}),
}
ROOTS: Spec = {
    "roots": {"type": "list", "elements": "str", "required": True},
    "absent": {"type": "list", "elements": "str", "default": []},
}


def read(options: Mapping[str, Any]) -> tuple[list[Root], list[str], Declaration]:
    """Roots, fingerprints that must be absent, and the stores.

    Raises:
        TrustAnchorError: an option is not what it must be.
    """
    roots = [pem.parse_root(text, f"roots[{index}]") for index, text in enumerate(options["roots"])]
    absent = [normalise_fingerprint(text) for text in options["absent"]]
    return roots, absent, declaration.parse(stores(options))


def stores(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that say which stores a host has."""
    return {key: options[key] for key in STORES}
