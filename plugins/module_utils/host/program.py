# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack a part of this collection's own code as one program file (zipapp), to run on hosts without Ansible.

The same inputs give the same bytes, so the program converges like any other file. Standard library only.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import marshal
import pkgutil
import zipfile
from collections.abc import Iterator, Sequence
from types import ModuleType

from ..errors import TrustAnchorError

_PACKAGE = __name__.removesuffix(".host.program")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's own zero: no time of build in the file
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")  # where a statement holds others


def name_of(module: ModuleType) -> str:
    """Name of a module below module_utils, as `pack` takes it."""
    return module.__name__.removeprefix(f"{_PACKAGE}.")


def pack(entry: str) -> bytes:
    """A zipapp (PEP 441) of a module and all that it imports, as source and compiled for the Python that runs this.

    Recompiling would be a third of what a short program costs at each start. Another Python takes the sources.

    Args:
        entry: name below module_utils of the module whose ``main()`` is run, for example ``trust.agent.program``; its
            result is the exit code. It may import the standard library and, relatively, what is below module_utils.

    Raises:
        TrustAnchorError: a module's source cannot be read.
    """
    names = closure(entry)
    packages = sorted({package for name in names for package in _packages(name)})
    content = io.BytesIO()
    content.write(b"#!/usr/bin/python3\n")
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        _add(
            archive,
            "__main__.py",
            f"import sys\nfrom trustanchor.{entry} import main\nsys.exit(main())\n".encode(),
        )
        for package in ["", *packages]:
            _add(archive, "/".join(["trustanchor", *filter(None, package.split(".")), "__init__.py"]), b"")
        for name in names:
            _add(archive, f"trustanchor/{name.replace('.', '/')}.py", _source(name))
    return content.getvalue()


def closure(entry: str) -> list[str]:
    """A module and all modules below module_utils that it imports, directly or not, in alphabetical order.

    Read from the sources: nothing is run. An import within a function counts, one for type checkers only does not.

    Args:
        entry: name below module_utils, for example ``host.files``.

    Raises:
        TrustAnchorError: a source is missing, or imports something below module_utils that is not there.
    """
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imported(name)
    return sorted(found)


def _imported(name: str) -> Iterator[str]:
    """Names below module_utils that a module imports; all imports within the collection are relative."""
    for node in _running(ast.parse(_source(name)).body):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = name.split(".")[: -node.level]
            if len(name.split(".")) < node.level:
                raise TrustAnchorError(f"{name} imports from above module_utils", "that is never packed")
            base = ".".join([*package, *([node.module] if node.module else [])])
            if base and _exists(base):
                yield base
            else:
                yield from (".".join(filter(None, [base, alias.name])) for alias in node.names)


def _running(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All statements but what only a type checker reads; expressions hold no import."""
    for node in body:
        yield node
        only_typing = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for part in ("orelse",) if only_typing else _BLOCKS:
            yield from _running(getattr(node, part, ()))


def _exists(name: str) -> bool:
    """Whether a name below module_utils is a module with a source, not a package."""
    try:
        _source(name)
    except TrustAnchorError:
        return False
    return True


def _packages(name: str) -> list[str]:
    """All packages that a module is in, the outermost first."""
    parts = name.split(".")[:-1]
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    _store(archive, name, data)
    _store(archive, f"{name}c", _compiled(name, data))


def _compiled(name: str, source: bytes) -> bytes:
    """A .pyc that is never compared with its source (PEP 552).

    Version 2 of marshal's format knows no references, which depend on what else is in memory: the same source gives the
    same bytes.
    """
    code = compile(source, name, "exec", dont_inherit=True)
    unchecked = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(source) + marshal.dumps(code, 2)


def _store(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


def _source(name: str) -> bytes:
    package, _dot, module = name.rpartition(".")
    try:
        data = pkgutil.get_data(f"{_PACKAGE}.{package}" if package else _PACKAGE, f"{module}.py")
    except (ImportError, OSError) as error:  # OSError: also within Ansible's own archive of a module (zipimport)
        raise TrustAnchorError(f"the source of {name} cannot be read", str(error)) from error
    if data is None:
        raise TrustAnchorError(f"the source of {name} cannot be read")
    return data
