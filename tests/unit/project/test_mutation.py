# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which mutants ./dev mutants makes of a file, and that its table and its list of equivalent ones are true."""

from __future__ import annotations

import pytest
from dev.mutation import operators, table
from dev.mutation.command import candidates, known_equivalents
from dev.settings import CHECKOUT


def made(source: str) -> list[str]:
    """The first changed line of each mutant."""
    text = source.encode()
    return [one.lines(text)[1] for one in operators.mutants("file.py", text)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("if a < b:\n    raise E('x')\n", ["if a <= b:", "if (not (a < b)):", "pass"]),
        ("if a == b:\n    f()\n", ["if a != b:", "pass"]),
        ("x = a is not b\n", ["x = a is b"]),
        ("x = a not in b\n", ["x = a in b"]),
        ("x = 1 <= a < 3\n", ["x = 2 <= a < 3", "x = 1 < a < 3", "x = 1 <= a <= 3", "x = 1 <= a < 4"]),
        ("x = a and b and c\n", ["x = a or b and c", "x = a and b or c"]),
        ("x = not a\n", ["x = bool(a)"]),
        ("x = a if b else c\n", ["x = a if (not (b)) else c"]),
        ("x = [a for a in b if c]\n", ["x = [a for a in b if True]"]),
        ("x = any(a)\n", ["x = all(a)"]),
        ("x = a - 1\n", ["x = a + 1", "x = a - 2"]),
        ("x = a | b\n", ["x = a & b"]),
        ("x += 1\n", ["pass", "x += 2"]),
        ("x = {'word': True}\n", ["x = {'XXword': True}", "x = {'word': False}"]),
        ("def f():\n    return a\n", ["return None"]),
        ("def f(a=1):\n    return None\n", ["def f(a=2):"]),
        ("for a in b:\n    break\n", ["continue"]),
        ("try:\n    pass\nexcept E:\n    pass\n", ["except ():"]),
    ],
)
def test_what_is_changed(source: str, expected: list[str]) -> None:
    assert sorted(made(source)) == sorted(expected)


@pytest.mark.parametrize(
    "source",
    [
        "'''A docstring.'''\n",
        "x: 'Type'\n",
        "x = 'a text for people'\n",
        "x = f'{a[1]}'\n",
        "@decorated(frozen=True)\nclass A:\n    pass\n",
        "x = TrustAnchorError('word', 1)\n",
        "SPECIFICATION = {'type': 'str'}\n",
        "from a import b\n",
        "x = ''\n",
    ],
)
def test_what_nobody_decides_by(source: str) -> None:
    assert made(source) == []


def test_each_mutant_is_python_and_another_text() -> None:
    for file in table.subjects():
        source = (CHECKOUT / file).read_bytes()
        texts = {one.apply(source) for one in operators.mutants(file, source)}
        assert texts and source not in texts


def test_each_file_of_the_table_exists() -> None:
    for file, tests in table.subjects().items():
        assert (CHECKOUT / file).is_file()
        assert tests and [test for test in tests if not (CHECKOUT / test).is_file()] == []


def test_each_equivalent_mutant_is_one_that_is_made_and_has_a_reason() -> None:
    known = known_equivalents()
    assert len({(one.file, one.before, one.after) for one in known}) == len(known)
    for one in known:
        source = (CHECKOUT / one.file).read_bytes()
        assert (one.before, one.after) in [found.lines(source) for found in operators.mutants(one.file, source)], one
        assert len(one.why) > 20
        assert (one.before, one.after) not in [found.lines(source) for found in candidates([one.file])]
