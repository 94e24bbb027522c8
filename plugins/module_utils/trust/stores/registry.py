# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All kinds of trust stores. Standard library only.

A kind is one file with its `StoreKind`; a line here makes it known to the modules, to the agent and its sandbox.
"""

from __future__ import annotations

from . import browsers, bundles, containerd, debian, docker, environment, java, nss, pem_file, private_roots, step
from .kind import StoreKind

# In this order stores are converged and reported. The host's own come first: others are led to their files.
KINDS: tuple[StoreKind, ...] = (
    debian.KIND,
    private_roots.KIND,
    java.KIND,
    pem_file.KIND,
    bundles.KIND,
    nss.KIND,
    step.KIND,
    docker.KIND,
    containerd.KIND,
    browsers.KIND,
    environment.KIND,
)
DECLARED: tuple[StoreKind, ...] = tuple(kind for kind in KINDS if kind.option)
