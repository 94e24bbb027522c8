# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal performs the same plan elsewhere, and nobody can take it for the ceremony."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import hosts
from lab.play import Play, converge
from scene import CEREMONY, FULL, HOST, RECORD, VERIFY, said

REHEARSALS = RECORD / "rehearsals"


def real() -> dict[Path, bytes]:
    """All files of the record but those of rehearsals."""
    files = [path for path in RECORD.rglob("*") if path.is_file() and not path.is_relative_to(REHEARSALS)]
    return {path: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def rehearsal() -> Play:
    """Held when the ceremony itself is over: it takes its plan again."""
    before = real()
    done = converge(CEREMONY, limit=HOST, variables={**FULL, "ceremony_rehearsal": True})
    assert real() == before
    return done


@pytest.fixture(scope="module")
def directory(rehearsal: Play) -> Path:
    """Its part of the record, named after the ceremony and the plan's digest."""
    (only,) = REHEARSALS.iterdir()
    assert only.name == f"0001-{rehearsal.result('Hold the ceremony', HOST)['plan_sha256'][:8]}"
    return only


@pytest.mark.parametrize(
    "name", ["roots/r1", "roots/s1", "cross/s1-by-r1", "intermediates/ca1", "signers/manifest1"], ids=lambda name: name
)
def test_every_certificate_is_marked(directory: Path, name: str) -> None:
    shown = said(["openssl", "x509", "-in", directory / f"{name}.crt", "-noout", "-subject", "-nameopt", "RFC2253"])
    assert "CN=REHEARSAL " in shown


def test_report_and_end_are_marked(rehearsal: Play, directory: Path) -> None:
    assert "REHEARSAL of the ceremony 0001" in rehearsal.output
    for name in ("report.md", "report.html"):
        assert "REHEARSAL" in (directory / "ceremonies/0001" / name).read_text()
        assert "REHEARSAL" not in (RECORD / "ceremonies/0001" / name).read_text()


def test_it_has_tokens_of_its_own(directory: Path) -> None:
    both = f"softhsm/tokens/* rehearsals/{directory.name}/softhsm/tokens/*"
    tokens = hosts.output(HOST, f"cd /var/lib/root-ceremony && ls -d {both}")
    assert len(tokens.split()) == 4


def test_it_can_be_verified(directory: Path) -> None:
    converge(VERIFY, limit=HOST, variables={"pki_directory": str(directory)})


@pytest.mark.usefixtures("rehearsal")
def test_another_run_has_nothing_to_do() -> None:
    again = converge(CEREMONY, limit=HOST, variables={**FULL, "ceremony_rehearsal": True})
    assert again.changed == 0, again.output
