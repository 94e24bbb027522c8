# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends, and how long before that somebody must know: as long as its remedy takes. Standard library only.

A service's certificate has no line: it says for itself when it is renewed (``renew_before``). Who looks at what is in
docs/guides/publication.md.
"""

from __future__ import annotations

from . import durations

NOTICE = {
    "root": "730d",  # a ceremony, and then its successor has to reach every host while both are trusted
    "intermediate": "90d",  # a request, a ceremony, site; and what it issues should not end with it
    "manifest_signer": "60d",  # a ceremony
    "root_crl": "30d",  # a ceremony, whose plan takes it in when 60 days are left
    "manifest": "7d",  # a scheduled play signs it again
    "ca_crl": "6h",  # step-ca makes one every 16 hours that lives for 24; somebody has to look at step-ca
}


def seconds(kind: str) -> int:
    """The notice for one kind of thing, seconds.

    Raises:
        KeyError: no such kind.
    """
    return durations.seconds(NOTICE[kind], kind)
