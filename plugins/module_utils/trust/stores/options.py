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
from . import declaration
from .declaration import SPEC, StoreDeclaration

Spec = dict[str, dict[str, Any]]

ROOTS: Spec = {
    "roots": {"type": "list", "elements": "str", "required": True},
    "absent": {"type": "list", "elements": "str", "default": []},
}


def read(options: Mapping[str, Any]) -> tuple[list[Root], list[str], StoreDeclaration]:
    """Roots, fingerprints that must be absent, and the stores.

    Raises:
        TrustAnchorError: an option is not what it must be.
    """
    roots = [pem.parse_root(text, f"roots[{index}]") for index, text in enumerate(options["roots"])]
    absent = [normalise_fingerprint(text) for text in options["absent"]]
    return roots, absent, declaration.parse(stores(options))


def stores(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that say which stores a host has."""
    return {key: options[key] for key in SPEC}
