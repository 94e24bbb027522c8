# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server sends: its certificate, and of each issuer's name one certificate. Standard library only.

Of two certificates of one issuer OpenSSL and GnuTLS take the first and do not go back; a root is the client's to have,
and what has expired leads nobody anywhere.
"""

from __future__ import annotations

from ..host import openssl, pem


def served(chain: str, now: float) -> str:
    """The chain without what a server should not send.

    Args:
        chain: PEM, leaf first.
        now: seconds since the epoch.

    Raises:
        TrustAnchorError: a block is not a certificate.
    """
    surplus = _surplus(chain, now)
    if not surplus:
        return chain
    return "".join(block for index, block in enumerate(pem.blocks(chain)) if index not in surplus)


def fault(chain: str, now: float) -> str:
    """What a server should not send; empty: nothing. Arguments and errors as `served`."""
    said = ", ".join(_surplus(chain, now).values())
    return f"the chain holds {said}" if said else ""


def _surplus(chain: str, now: float) -> dict[int, str]:
    """Index in the chain of each certificate that should not be there, and why."""
    facts = [openssl.read_certificate(block.encode()) for block in pem.blocks(chain)]
    issuers = {one.issuer for one in facts if one.subject != one.issuer}
    lasting = {one.subject for one in facts if one.not_after >= now}
    found: dict[int, str] = {}
    seen: set[str] = set()
    for index, one in enumerate(facts[1:], start=1):
        if one.subject == one.issuer:
            found[index] = f"the root {one.subject}, which clients have themselves"
        elif one.subject not in issuers:
            found[index] = f"{one.subject}, which issued nothing in it"
        elif one.subject in seen:
            found[index] = f"{one.subject} twice, of which some clients try the first one only"
        elif one.not_after < now and one.subject in lasting:
            found[index] = f"{one.subject} of former times, which has expired"
        else:
            seen.add(one.subject)
    return found
