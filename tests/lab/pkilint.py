# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkilint's programs, as somebody else runs them on what a ceremony signed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.pkilint import ACCEPTED_SUBTREES


def require_nothing_said(program: str, severity: str, *arguments: str | Path) -> None:
    """Run one, and see that it finds nothing.

    pkilint wants two labels in subtrees of mailboxes and URIs, though any host is right there (RFC 5280, section
    4.2.1.10): that alone is passed over.

    Args:
        program: such as ``lint_pkix_cert``.
        severity: findings below it do not count, such as ``NOTICE``.
        arguments: of its ``lint``.
    """
    command = [program, "lint", "--severity", severity, "--format", "JSON", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("{"), f"{command}: {done.stdout}{done.stderr}"
    said = [
        (result["node_path"], finding["code"], finding.get("message"))
        for result in json.loads(done.stdout)["results"]
        for finding in result["finding_descriptions"]
    ]
    assert _others(said) == [], command


def _others(said: Sequence[tuple[str, str, str | None]]) -> list[tuple[str, str, str | None]]:
    return [one for one in said if not (one[1] in ACCEPTED_SUBTREES and ".nameConstraints." in one[0])]
