# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our roots alone, for programs that add to what they bring themselves, and for containerd. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ...host.files import Directory, File
from .base import Store, Wanted
from .cache import Cache
from .kind import StoreKind
from .managed import Items, ManagedFiles

PATH = "/etc/trustanchor/roots.pem"


def store(path: str) -> ManagedFiles:
    """The file, in a directory of ours."""

    def render(wanted: Wanted) -> Items:
        return [Directory(os.path.dirname(path)), File(path, wanted.pem.encode())]

    return ManagedFiles("roots", path, render)


def _of_host(_cache: Cache) -> Iterable[Store]:
    return [store(PATH)]


KIND = StoreKind(
    name="file with our roots alone",
    of_host=_of_host,
    always_writable=lambda: (os.path.dirname(PATH),),
)
