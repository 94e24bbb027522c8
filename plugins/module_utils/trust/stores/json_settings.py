# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of other programs in JSON, of which a part is ours. Standard library only."""

from __future__ import annotations

import json
import os
from typing import Any

from ...errors import TrustAnchorError
from ...host.files import Directory, read


def parents(path: str) -> list[Directory]:
    """The directories of a file that are below /etc and may be missing, outermost first."""
    parts = os.path.dirname(path).split("/")
    return [Directory("/".join(parts[:end])) for end in range(3, len(parts) + 1)]


def json_object(path: str) -> dict[str, Any]:
    """The settings in a file; none where there is no file.

    Raises:
        TrustAnchorError: it is not a JSON object.
    """
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


def member(settings: dict[str, Any], key: str, path: str) -> dict[str, Any]:
    """An object in an object, made where it is missing.

    Raises:
        TrustAnchorError: it is something else.
    """
    found_there = settings.setdefault(key, {})
    if not isinstance(found_there, dict):
        raise TrustAnchorError(f"{path}: '{key}' is not a JSON object", "settings by name are expected", "Correct it")
    return found_there


def dumped(settings: dict[str, Any]) -> bytes:
    """Settings as they are written."""
    return (json.dumps(settings, indent=2) + "\n").encode()
