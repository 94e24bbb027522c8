# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which trust stores a host has: declared by the operator, or found. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import TrustAnchorError
from ...schema import check_keys, read_bool
from . import bundles
from .base import Store, Unmeasured
from .cache import Cache
from .kind import Declared, Spec, StoreKind
from .registry import DECLARED, KINDS

_WHERE = "trust stores"
# The options of modules about trust stores, in the form of an argument spec.
SPEC: dict[str, Spec] = {"discover": {"type": "bool", "default": True}, **{kind.option: kind.spec for kind in DECLARED}}


def _defaults() -> dict[str, Declared]:
    return {kind.option: kind.default for kind in DECLARED}


@dataclass(frozen=True)
class StoreDeclaration:
    """The stores of a host, beside those that every host has.

    Args:
        discover: also those that are found on the host, wherever they are.
        declared: option of a kind to what is declared of it.
    """

    discover: bool = True
    declared: Mapping[str, Declared] = field(default_factory=_defaults)

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as `parse` reads it."""
        return {"discover": self.discover, **{option: list(values) for option, values in self.declared.items()}}

    def stores(self, cache: Cache) -> list[Store]:
        """All stores of the host: its own first, then those that were found, then those that are declared."""
        opened = {kind.name: list(kind.open(self._of(kind), cache)) for kind in DECLARED}
        # A store that is declared takes the place of one that was found; one that is only looked into, of none.
        paths = {store.path for name, stores in opened.items() if name != bundles.KIND.name for store in stores}
        own = [store for kind in KINDS for store in kind.of_host(cache)]
        found = [store for kind in DECLARED for store in self._found(kind, cache)] if self.discover else []
        return [
            *(store for store in (*own, *found) if store.path not in paths),
            *(store for stores in opened.values() for store in stores),
        ]

    def _found(self, kind: StoreKind, cache: Cache) -> list[Store]:
        """What cannot be looked for is said, and fails no host."""
        try:
            return list(kind.discover(cache, self._of(kind)))
        except TrustAnchorError as error:
            return [Unmeasured(f"{kind.name}s that are found", error)]

    def host_paths(self) -> list[str]:
        """Directories in which stores that nobody declares replace files."""
        return [path for kind in KINDS if not kind.option for path in kind.always_writable()]

    def writable_paths(self) -> list[str]:
        """Directories in which all other stores replace files, or remove them."""
        always = [path for kind in DECLARED for path in kind.always_writable()]
        found = [path for kind in KINDS for path in kind.discovered_writable()] if self.discover else []
        return [*always, *found, *(path for kind in DECLARED for path in kind.writable(self._of(kind)))]

    def _of(self, kind: StoreKind) -> Declared:
        return self.declared[kind.option]


def parse(data: Mapping[str, Any]) -> StoreDeclaration:
    """Read a declaration, strictly.

    Args:
        data: option to value; what is missing or None has its default.

    Raises:
        TrustAnchorError: an unknown key or name, a path that is not absolute, a path that is declared twice.
    """
    given = {key: value for key, value in check_keys(data, SPEC, _WHERE).items() if value is not None}
    declared = {kind.option: kind.parse(given.get(kind.option), _WHERE) for kind in DECLARED}
    _require_distinct(item["path"] for items in declared.values() for item in items if isinstance(item, Mapping))
    return StoreDeclaration(read_bool({"discover": True, **given}, "discover", _WHERE), declared)


def from_options(options: Mapping[str, Any]) -> StoreDeclaration:
    """Read the options of a module, among which are those of `SPEC`.

    Raises:
        TrustAnchorError: as `parse`.
    """
    return parse({key: options[key] for key in SPEC})


def _require_distinct(paths: Iterable[str]) -> None:
    seen: set[str] = set()
    for path in paths:
        if path in seen:
            raise TrustAnchorError(f"{_WHERE}: {path} is declared twice", "each place is declared once")
        seen.add(path)
