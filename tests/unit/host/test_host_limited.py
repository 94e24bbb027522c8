# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that work on what a hostile user has made: what they may print, and for how long."""

from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import children, limited

MOST = 1000


def run(script: str, stdin: bytes = b"", timeout: float = 20.0, environment: dict[str, str] | None = None) -> bytes:
    return limited.run(["/bin/sh", "-c", script], environment or {}, stdin, timeout, MOST)


@pytest.mark.parametrize("length", [0, 1, MOST])
def test_what_is_printed_comes_back(length: int) -> None:
    assert run(f"printf '%{length}s' ''" if length else ":") == b" " * length


def test_it_reads_what_it_is_given_and_has_no_other_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    said = run("/bin/cat; /usr/bin/env >&2", b"given\n", environment={"HOME": "/home/ada"}).decode().splitlines()
    assert said[0] == "given"
    assert {"HOME=/home/ada", "LC_ALL=C.UTF-8"} <= set(said)
    assert not [line for line in said if line.startswith(("SECRET=", "PATH=/work"))]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (f"printf '%{MOST + 1}s' ''", "'/bin/sh -c' prints more than 1000 bytes"),
        # What comes later counts, too.
        (f"printf '%{MOST}s' ''; /bin/sleep 0.3; echo more", "'/bin/sh -c' prints more than 1000 bytes"),
        ("printf 'a\\033b'; exit 1", r"'/bin/sh -c' failed with exit code 1: a\\x1bb\."),
        ("exit 2", "'/bin/sh -c' failed with exit code 2"),
        ("kill -9 $$", "'/bin/sh -c' failed with exit code -9"),
    ],
)
def test_what_is_refused(script: str, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=f"^{message}") as caught:
        run(script)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("script", ["exec /bin/sleep 600", "exec >&- 2>&-; exec /bin/sleep 600", "kill -STOP $$"])
@pytest.mark.parametrize("stdin", [b"", b"x" * (1 << 20)], ids=["nothing", "more than a pipe holds"])
def test_nothing_waits_for_it_longer(script: str, stdin: bytes) -> None:
    """Not even where it prints nothing any more, or does not read."""
    with pytest.raises(TrustAnchorError, match="^'/bin/sh -c' did not end within 0 seconds"):
        children.call(lambda: run(script, stdin, timeout=0.2).decode(), 20)


def test_one_that_closes_its_input_is_heard() -> None:
    assert run("exec <&-; echo said", b"x" * 100) == b"said\n"


@pytest.mark.parametrize(
    ("program", "message"),
    [("/nowhere", "program /nowhere is missing"), ("/etc", "'/etc' cannot be run"), ("/bin/\0", "cannot be run")],
)
def test_what_is_no_program(program: str, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        limited.run([program], {}, b"", 1.0, MOST)
