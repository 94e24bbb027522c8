# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the trust agent of a host is told by its administrators. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import TrustAnchorError
from ...host import versioned
from ...host.files import read
from ...schema import check_keys, read_texts
from ..stores import declaration
from ..stores.declaration import StoreDeclaration
from .fetch import check_url

PATH = "/etc/trustanchor/trust-agent.json"
FILE = versioned.VersionedFile("settings of the trust agent", 1, "Run the role trust_agent again")
_KEYS = ("urls", "stores", "metrics_directory")


@dataclass(frozen=True)
class AgentSettings:
    """The settings of a host's agent.

    Args:
        urls: where the signed manifest is, several for the case that one of them is down or old.
        stores: which trust stores the host has.
        metrics_directory: of node_exporter's textfile collector; empty: no metrics.
    """

    urls: tuple[str, ...]
    stores: StoreDeclaration
    metrics_directory: str = ""

    def dump(self) -> bytes:
        """The file's content; holds nothing secret.

        Raises:
            TrustAnchorError: the file that is there is of a later version.
        """
        content = {
            "urls": list(self.urls),
            "stores": self.stores.as_dict(),
            "metrics_directory": self.metrics_directory,
        }
        return FILE.rewritten(PATH, content)


def parse(data: Mapping[str, Any]) -> AgentSettings:
    """Read settings, strictly.

    Raises:
        TrustAnchorError: what is wrong.
    """
    where = "settings of the trust agent"
    given = check_keys(data, _KEYS, where)
    urls = tuple(check_url(url) for url in read_texts(given, "urls", where))
    if not urls:
        raise TrustAnchorError(f"{where}: no URL", "the agent fetches the trust manifest somewhere", "List one or more")
    return AgentSettings(urls, declaration.parse(given.get("stores") or {}), str(given.get("metrics_directory") or ""))


def load() -> AgentSettings:
    """The settings of this host.

    Raises:
        TrustAnchorError: there are none, or they are damaged.
    """
    content = read(PATH)
    if content is None:
        raise TrustAnchorError(f"{PATH} does not exist", "the role trust_agent writes it", "Run it on this host")
    found = FILE.parse(content, PATH)
    return parse({key: value for key, value in found.items() if key in _KEYS})
