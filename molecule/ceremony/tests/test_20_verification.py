# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ceremony can be checked by anybody who has the record, and whoever changed the record is found out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.verify import verification
from lab.play import play
from scene import HOST, RECORD, VERIFY, said


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(RECORD, tmp_path / "pki")


def replaced(path: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    """A change of one file."""

    def change(record: Path) -> None:
        content = (record / path).read_bytes()
        assert old in content
        (record / path).write_bytes(content.replace(old, new, 1))

    return change


def another_intermediate(record: Path) -> None:
    shutil.copy(record / "cross/s1-by-r1.crt", record / "intermediates/ca1.crt")


def unknown_root(record: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes"]
    said([*command, "-keyout", "/dev/null", "-subj", "/CN=Unknown Root", "-out", record / "roots/r2.crt"])


def no_crl(record: Path) -> None:
    (record / "crls/s1.crl").unlink()


SPOILT = {
    "report": (
        replaced("ceremonies/0001/report.md", b"Grace Hopper", b"Grace Hoppen"),
        "the report is that of the ceremony",
    ),
    "plan": (replaced("ceremonies/0001/ceremony.yml", b"days: 1826", b"days: 1825"), "the plan is the confirmed one"),
    "transcript": (replaced("ceremonies/0001/transcript.jsonl", b'"by":', b'"By":'), "transcript"),
    "seal": (replaced("ceremonies/0001/transcript.p7s", b"\nMI", b"\nMJ"), "the seal holds"),
    "certificate": (another_intermediate, "outputs are present"),
    "unknown": (unknown_root, "every signed file is known"),
    "missing": (no_crl, "outputs are present"),
}


@pytest.mark.parametrize(("spoil", "check"), SPOILT.values(), ids=SPOILT)
def test_a_change_is_found(record: Path, spoil: Callable[[Path], None], check: str) -> None:
    assert all(one.ok for one in verification.verify(record))
    spoil(record)
    failed = [one.check for one in verification.verify(record) if not one.ok]
    assert any(check in one for one in failed), failed


@pytest.mark.parametrize("check", [False, True], ids=["for real", "check mode"])
def test_the_playbook_says_that_all_holds(check: bool) -> None:
    done = play(VERIFY, limit=HOST, check=check)
    assert done.rc == 0, done.output
    assert "checks, all hold" in done.output
    assert done.changed == 0


def test_the_playbook_names_what_does_not_hold(record: Path) -> None:
    SPOILT["report"][0](record)
    done = play(VERIFY, limit=HOST, variables={"pki_directory": str(record)})
    assert done.rc != 0
    assert "0001: the report is that of the ceremony" in done.failure(HOST)
