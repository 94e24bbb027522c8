# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as a reviewer reads it: what is on the page is all there is.

Refused are duplicate keys (the last would win), anchors and aliases (a text far away, or a "billion laughs"),
merge keys, tags, several documents and deep nesting. A date stays the text that was written.
"""

from __future__ import annotations

from typing import Any

import yaml

from .errors import TrustAnchorError

MAX_BYTES = 1 << 20
_MAX_DEPTH = 20
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """A safe loader for one plain document."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node; called for each, before it is built."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._refused("an anchor or alias", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise self._refused("a tag", event.start_mark)
        if self.depth >= _MAX_DEPTH:
            raise self._refused(f"more than {_MAX_DEPTH} levels", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are texts and occur once."""
        seen = set()
        for key, _value in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise self._refused("a key that is not text", key.start_mark)
            if key.value in seen:
                raise self._refused(f"the key '{key.value}' twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    @staticmethod
    def _refused(what: str, mark: yaml.Mark) -> yaml.YAMLError:
        return yaml.YAMLError(f"{what} in line {mark.line + 1}, column {mark.column + 1}")


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text: bytes, source: str) -> Any:
    """The one document of a YAML text: mappings with text keys, lists, texts, numbers, truth values, null.

    Args:
        text: UTF-8, at most 1 MiB.
        source: where the text comes from, for messages.

    Raises:
        TrustAnchorError: no YAML, or YAML that a reviewer could misread.
    """
    if len(text) > MAX_BYTES:
        raise TrustAnchorError(f"{source} has {len(text)} bytes", f"at most {MAX_BYTES} are read")
    try:
        # The safe loader of PyYAML constructs plain values only.
        return yaml.load(text.decode("utf-8"), Loader=_Loader)  # noqa: S506
    except UnicodeDecodeError as error:
        raise TrustAnchorError(f"{source} is not UTF-8", str(error)) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number that Python refuses
        raise TrustAnchorError(f"{source} is not the plain YAML that is expected", str(error)) from error


class _Dumper(yaml.SafeDumper):
    """Writes what `load` reads."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value that occurs twice twice."""
        return True


def dump(data: Any) -> bytes:
    """Plain values as YAML, mappings in their order."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text.encode()
