# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of certificates, whoever made them: what they hold, and how what must not be there is taken out.

Standard library only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from ...errors import TrustAnchorError
from ...host import pem
from ...host.files import read, replace
from .base import PREFIX, Certificates

MORE = (
    "it holds more than certificates of CAs, a server's chain or key perhaps: move it to another directory, or take "
    "out by hand what must not be trusted"
)
# Links lead to the distribution's files and to ours: each file is read once, by whatever name. With why it cannot be.
_read_already: dict[tuple[int, ...], tuple[Certificates, str]] = {}


def certificates(path: str) -> Certificates:
    """The certificates in a file; none where there is none, or none that can be read (`fault`)."""
    return _read(path)[0]


def fault(path: str) -> str:
    """Why a file cannot be read; empty where it can, and where there is none."""
    return _read(path)[1]


def all_in(paths: Iterable[str]) -> Certificates:
    """The certificates in files."""
    found: dict[str, str] = {}
    for path in paths:
        found.update(certificates(path))
    return found


def text(path: str) -> str:
    """Of a file, as far as it is text; empty where there is none.

    Raises:
        TrustAnchorError: it cannot be read.
    """
    return (read(path) or b"").decode(errors="replace")


def holds_more(path: str) -> bool:
    """Whether a file holds something beside certificates of CAs, comments, and what openssl prints before each.

    A private key, a server's chain, a program's configuration with a certificate in it: nothing to be rewritten.
    A link holds nothing itself.
    """
    if os.path.islink(path):
        return False
    content = text(path)
    if any(not label.endswith("CERTIFICATE") for label in pem.labels(content)) or not pem.all_of_authorities(content):
        return True
    for block in pem.blocks(content):
        content = content.replace(block.rstrip("\n"), "")
    return any(line.lstrip().startswith(("<", "[")) for line in content.splitlines())


def take_out(path: str, unwanted: Callable[[Certificates], set[str]]) -> None:
    """Remove a file, or from a file of somebody else that holds several certificates what must not be there.

    What holds more than certificates is left as it is: whoever measures the store next finds it, and says why.

    Args:
        path: of the file; of a link, the link goes and what it leads to stays.
        unwanted: which of some certificates must not be there.
    """
    if holds_more(path):
        return
    blocks = [block for block in pem.blocks(text(path)) if not unwanted(pem.issuers(block))]
    if os.path.basename(path).startswith(PREFIX) or os.path.islink(path) or not blocks:
        os.unlink(path)
    else:
        state = os.stat(path)
        replace(path, "".join(blocks).encode(), stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid)


def _read(path: str) -> tuple[Certificates, str]:
    try:
        state = os.stat(path)
    except OSError:
        return {}, ""
    identity = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if identity not in _read_already:
        try:
            _read_already[identity] = (pem.issuers(text(path)), "")
        except TrustAnchorError as error:
            _read_already[identity] = ({}, str(error))
    return _read_already[identity]
