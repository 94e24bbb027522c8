# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PKI of tests, made fresh each time.

Certificates come in two ways, from the same keys, names and times (`common`):

* `raw`, whose names this package gives, too: short-lived certificates that clients and openssl check against the clock,
  or that are wrong on purpose: ``pki.root().intermediate().leaf("localhost")``.
* `profiled`: certificates and requests by the product's own profiles and builders, at a fixed time:
  ``profiled.intermediate(profiled.root(), key)``.
"""

from __future__ import annotations

from .common import DAY, FIXED_NOW, HOUR, NOW, PrivateKey, bare, general_name, key_pem, load_key, name, new_key, pem
from .raw import Authority, Leaf, authority_certificate, root

__all__ = [
    "DAY",
    "FIXED_NOW",
    "HOUR",
    "NOW",
    "Authority",
    "Leaf",
    "PrivateKey",
    "authority_certificate",
    "bare",
    "general_name",
    "key_pem",
    "load_key",
    "name",
    "new_key",
    "pem",
    "root",
]
