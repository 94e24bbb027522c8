# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All clients of handshakes. Standard library only.

A client is one file with its `Client`; a line here makes it known to the module.
"""

from __future__ import annotations

from . import curl, gnutls, java, node, nss, python, step, uv, wget
from .client import Client

# In this order they are asked and shown in documentation.
CLIENTS: dict[str, Client] = {
    one.name: one
    for one in (
        curl.CLIENT,
        python.CLIENT,
        java.CLIENT,
        node.CLIENT,
        step.CLIENT,
        wget.CLIENT,
        gnutls.CLIENT,
        nss.CLIENT,
        uv.CLIENT,
    )
}
