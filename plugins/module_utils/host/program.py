# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack a part of this collection's own code as one program file (zipapp), to run on hosts without Ansible.

The same inputs give the same bytes, so the program converges like any other file.
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import pkgutil
import zipfile
from collections.abc import Sequence
from types import ModuleType

from ..errors import TrustAnchorError

_PACKAGE = __name__.removesuffix(".host.program")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's own zero: no time of build in the file


def name_of(module: ModuleType) -> str:
    """Name of a module below module_utils, as `pack` takes it."""
    return module.__name__.removeprefix(f"{_PACKAGE}.")


def pack(modules: Sequence[str], entry: str) -> bytes:
    """A zipapp (PEP 441), with each module as source and compiled for the Python that runs this.

    Recompiling would be a third of what a short program costs at each start. Another Python takes the sources.

    Args:
        modules: names below module_utils, for example ``host.files``; standard library only.
        entry: the module whose ``main()`` is run; its result is the exit code.

    Raises:
        TrustAnchorError: a module's source cannot be read.
    """
    names = sorted({*modules, entry})
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
    data = pkgutil.get_data(f"{_PACKAGE}.{package}" if package else _PACKAGE, f"{module}.py")
    if data is None:
        raise TrustAnchorError(f"the source of {name} cannot be read")
    return data
