# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kind of trust store says about itself: options, opening, discovery, and where it writes.

All that differs between kinds is in one file for each; `registry` lists them. Standard library only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...schema import check_keys, read_text, read_texts
from ...text.configuration import write
from .base import Store
from .cache import Cache

Spec = dict[str, Any]
Declared = tuple[Any, ...]  # texts, or mappings of texts that have a path
PATH: Spec = {"type": "path", "required": True}
PASSWORD_FILE: Spec = {"type": "path", "no_log": False}  # the name of a file, no password
OWNER: dict[str, Spec] = {"owner": {"type": "str", "default": "root"}, "group": {"type": "str", "default": "root"}}


def texts(choices: Sequence[str] = (), default: Sequence[str] = ()) -> Spec:
    """The argument spec of a list of names."""
    return {
        "type": "list",
        "elements": "str",
        "default": list(default),
        **({"choices": list(choices)} if choices else {}),
    }


def entries(**options: Spec) -> Spec:
    """The argument spec of a list of mappings, each with a path."""
    return {"type": "list", "elements": "dict", "default": [], "options": {"path": PATH, **options}}


def accept(_item: Any, _where: str) -> None:
    """Nothing more to check."""


def no_stores(_cache: Cache) -> Iterable[Store]:
    """Nothing is found."""
    return ()


def no_paths() -> Iterable[str]:
    """Nothing is written."""
    return ()


def no_declared_paths(_declared: Declared) -> Iterable[str]:
    """Nothing is written."""
    return ()


def paths(declared: Declared) -> list[str]:
    """The paths of entries: stores that are directories are written in themselves."""
    return [str(entry["path"]) for entry in declared]


def directories(declared: Declared) -> list[str]:
    """The directories of entries: a file is replaced by a new one beside it."""
    return [os.path.dirname(path) for path in paths(declared)]


@dataclass(frozen=True)
class StoreKind:
    """One kind of trust store.

    Args:
        name: for people.
        open: the stores of what is declared; of kinds without option it is not called.
        option: of modules, of the agent's settings, and behind ``trust_store_`` of the role; empty: nobody declares it.
        spec: argument spec of the option, a list of texts or of mappings with a path.
        check: what the spec cannot say about one item; raises `TrustAnchorError`.
        of_host: stores that belong to the host itself, whatever is declared.
        discover: further ones that are found.
        always_writable: directories in which it may replace or remove files whatever is declared.
        writable: those in which declared stores replace files.
        discovered_writable: those in which discovered ones do.
        example: a value of the option.
    """

    name: str
    open: Callable[[Declared, Cache], Sequence[Store]] = field(default=lambda _declared, _cache: ())
    option: str = ""
    spec: Spec = field(default_factory=dict)
    check: Callable[[Any, str], None] = accept
    of_host: Callable[[Cache], Iterable[Store]] = no_stores
    discover: Callable[[Cache], Iterable[Store]] = no_stores
    always_writable: Callable[[], Iterable[str]] = no_paths
    writable: Callable[[Declared], Iterable[str]] = no_declared_paths
    discovered_writable: Callable[[], Iterable[str]] = no_paths
    example: Declared = ()

    @property
    def default(self) -> Declared:
        """What is declared where nobody says."""
        return tuple(self.spec.get("default", ()))

    @property
    def module(self) -> str:
        """Name of the module that it is made in."""
        return (self.open if self.option else self.of_host).__module__

    def parse(self, value: Any, where: str) -> Declared:
        """Read a value of the option, strictly. Defaults of entries are filled in when they are opened.

        Args:
            value: as given; None for the default.
            where: for messages.

        Raises:
            TrustAnchorError: it is not as the spec says.
        """
        if value is None:
            return self.default
        read = self._entries if self.spec["elements"] == "dict" else self._texts
        found = read(value, where)
        for item in found:
            self.check(item, f"{where}: {self.option}")
        return found

    def _texts(self, value: Any, where: str) -> Declared:
        names = read_texts({self.option: value}, self.option, where)
        choices = self.spec.get("choices")
        for name in names:
            if choices and name not in choices:
                raise TrustAnchorError(f"{where}: {self.option} has '{name}'", f"known: {', '.join(choices)}")
        return names

    def _entries(self, value: Any, where: str) -> Declared:
        if not isinstance(value, (list, tuple)):
            raise TrustAnchorError(
                f"{where}: {self.option} is {type(value).__name__}, not a list", "each entry is a mapping"
            )
        return tuple(self._entry(entry, f"{where}: {self.option}") for entry in value)

    def _entry(self, entry: Any, where: str) -> Mapping[str, str]:
        options = self.spec["options"]
        values = {key: value for key, value in check_keys(entry, options, where).items() if value not in (None, "")}
        for key in ("path", *values):
            text = read_text(values, key, where)
            choices = options[key].get("choices")
            if choices and text not in choices:
                raise TrustAnchorError(f"{where}: {key} is '{text}'", f"known: {', '.join(choices)}")
        _check_path(values["path"], where)
        return values

    def filled(self, entry: Mapping[str, str]) -> dict[str, str]:
        """An entry with the defaults of the spec; options without one are the empty text."""
        defaults = {key: str(option.get("default", "")) for key, option in self.spec["options"].items()}
        return {**defaults, **entry}


def _check_path(path: str, where: str) -> None:
    if not path.startswith("/") or re.search(r"/\.\.(/|$)", path):
        raise TrustAnchorError(f"{where}: '{path}' is not an absolute path", "the place must be clear")
    write("line_path", path, where)
