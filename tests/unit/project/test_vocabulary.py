# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One word has one meaning, and it is the field's; what users read is a native reader's English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = ("plugins", "roles", "playbooks", "docs", "molecule")
SUFFIXES = {".py", ".yml", ".yaml", ".md", ".rst", ".j2", ".sh", ".toml", ".txt"}
WORD_LISTS = CHECKOUT / "plugins/module_utils/text/words.py"  # PGP's words are as they are

# Word in a name to what says it here.
NAMES = {
    "desk": "preview, or ceremony_prompts",
    "foresight": "check_mode",
    "hopeless": "NotRetryable",
    "neighbour": "previous",
    "performance": "setup",
    "conduct": "runner",
    "place": "directory, path, position or URL",
    "sole": "lock",
    "stage": "CeremonyContext",
    "stand_in": "placeholder_key",
    "throwaway": "ephemeral_key",
    "twin": "rehearsal_root",
    "forgive": "downgrade_discovered",
}
CLASSES = {"Told": "AssignedManifest", "Moment": "Issuance", "Stage": "CeremonyContext"}
# What an old word says in its plain meaning: "in place" is where something was before.
PLAIN = re.compile(r"in_(one_)?place\b|staged\b|has_(a|its)_place")
# An act is a ceremony's; what is called back or handed over anywhere else is a function, a handler or a payload.
ACTS = re.compile(r"ceremony|requests|molecule/yubikey")

PHRASES = {
    r"\b(?<!there )(?<!here )(is|are)\s+no\s+(?!longer\b|more than\b)[a-z]+": "is not a …",
    r"\banew\b": "again",
    r"\bby lot\b": "at random",
    r"\b(let|lets) off\b": "waived",
    r"\bmade up\b(?! for\b)": "forged",
    r"\bmend(s|ed)?\b": "correct, or repair",
}
# The header of a drafted plan: people confirm the digest of these bytes, and plans on record have them.
KEPT = {"plugins/module_utils/ceremony/plan/planning.py": ["draft it anew"]}


def _files() -> list[Path]:
    found = [path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*") if path.suffix in SUFFIXES]
    return sorted(path for path in (*found, CHECKOUT / "README.md") if path.is_file() and path != WORD_LISTS)


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of what a file names itself, and of attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def _private_names(source: str) -> Iterator[str]:
    """Names with a word that is not used here, each with its line and the better word."""
    for line, name in _names(ast.parse(source)):
        words = PLAIN.sub("", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        for old, better in NAMES.items():
            if re.search(rf"(^|_){old}s?(_|$)", words):
                yield f"{line}: {name}: {better}"
        if name in CLASSES:
            yield f"{line}: {name}: {CLASSES[name]}"


def _callbacks_named_act(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg) and node.arg == "act":
            yield f"{node.lineno}: act: function, handler or payload"


def _foreign_phrases(text: str, kept: list[str]) -> Iterator[str]:
    for one in kept:
        text = text.replace(one, "", 1)
    for pattern, better in PHRASES.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{line}: {found[0]}: {better}"


def test_names_are_the_fields() -> None:
    wrong = [
        f"{path.relative_to(CHECKOUT)}:{one}"
        for path in _files()
        if path.suffix == ".py"
        for one in _private_names(path.read_text())
    ]
    assert not wrong


def test_an_act_is_a_ceremonys() -> None:
    wrong = [
        f"{path.relative_to(CHECKOUT)}:{one}"
        for path in _files()
        if path.suffix == ".py" and not ACTS.search(str(path.relative_to(CHECKOUT)))
        for one in _callbacks_named_act(path.read_text())
    ]
    assert not wrong


def test_phrases_are_a_native_readers() -> None:
    wrong = []
    for path in _files():
        name = str(path.relative_to(CHECKOUT))
        wrong += [f"{name}:{one}" for one in _foreign_phrases(path.read_text(), KEPT.get(name, []))]
    assert not wrong


@pytest.mark.parametrize(
    "source",
    [
        "class Stage: ...",
        "def _forgive(): ...",
        "def f(stand_in): ...",
        "x.neighbours",
        "place = 1",
        "rehearsal_twins = []",
    ],
)
def test_a_private_name_is_found(source: str) -> None:
    assert list(_private_names(source))


@pytest.mark.parametrize(
    "source", ["def require_in_place(): ...", "staged = 1", "placeholder = 1", "x.replaced", "console"]
)
def test_a_plain_name_is_left_alone(source: str) -> None:
    assert not list(_private_names(source))


@pytest.mark.parametrize(
    "text", ["it is no list", "they are no\nroots", "draft it anew", "Made up", "Mend it", "drawn by lot"]
)
def test_a_foreign_phrase_is_found(text: str) -> None:
    assert list(_foreign_phrases(text, []))


@pytest.mark.parametrize(
    "text",
    [
        "there is no list",
        "Where there are no roots",
        "it is no longer so",
        "no more than that is",
        "made up for",
        "amended",
    ],
)
def test_a_native_phrase_is_left_alone(text: str) -> None:
    assert not list(_foreign_phrases(text, []))
