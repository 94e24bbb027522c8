# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service's certificate must be, as it is kept on the host for the renewer. Standard library only."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import asdict, dataclass

from ..errors import TrustAnchorError
from ..host import versioned
from ..host.files import read
from ..text import hostnames

BASE = "/etc/service-certificates"
FILE = versioned.VersionedFile("settings of a service's certificate", 1, "Run the play that made it again")


@dataclass(frozen=True)
class Settings:
    """One certificate of one service.

    Args:
        name: of the certificate; part of paths and of the unit's instance name.
        names: subject alternative names (DNS names and IP addresses).
        ca_url: of the CA.
        root_pem: the root that the chain must lead to.
        lifetime: seconds.
        renew_before: seconds before the end at which it is renewed: the outage of the CA that is survived.
        key_type: P-256, P-384 or RSA-3072.
        owner: user that may read key and certificate.
        group: group that may read them.
        reload: systemd units that are reloaded when the certificate changed.
        metrics_directory: of node_exporter's textfile collector; empty: no metrics.
    """

    name: str
    names: tuple[str, ...]
    ca_url: str
    root_pem: str
    lifetime: int
    renew_before: int
    key_type: str = "P-256"
    owner: str = "root"
    group: str = "root"
    reload: tuple[str, ...] = ()
    metrics_directory: str = ""

    @property
    def directory(self) -> str:
        """Where everything about this certificate is."""
        return f"{BASE}/{self.name}"

    @property
    def common_name(self) -> str:
        """The subject's common name; empty for an empty subject."""
        return hostnames.common_name(self.names)

    @property
    def path(self) -> str:
        """The file that the renewer reads."""
        return f"{self.directory}/settings.json"

    def dump(self) -> bytes:
        """The file's content; holds nothing secret.

        Raises:
            TrustAnchorError: the file that is there is of a later version.
        """
        return FILE.rewritten(self.path, asdict(self), indent=2)


def load(name: str) -> Settings:
    """The settings that are on the host.

    Raises:
        TrustAnchorError: there are none of that name, or they are damaged.
    """
    content = read(f"{BASE}/{name}/settings.json")
    if content is None:
        raise TrustAnchorError(f"no certificate is called {name}", f"{BASE}/{name}/settings.json is missing")
    path = f"{BASE}/{name}/settings.json"
    values = versioned.known(Settings, FILE.parse(content, path))
    try:
        values["names"], values["reload"] = tuple(values["names"]), tuple(values["reload"])
        return Settings(**values)
    except (TypeError, KeyError) as error:
        raise FILE.damaged(path, str(error)) from error


def check(settings: Settings) -> None:
    """Refuse settings that cannot work.

    Raises:
        TrustAnchorError: what is wrong.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", settings.name):
        raise TrustAnchorError(
            f"'{settings.name}' is not a name for a certificate", "letters, digits, '-', '_' and '.' are allowed"
        )
    if not settings.names:
        raise TrustAnchorError(
            f"certificate {settings.name} has no names", "clients check the name", "List at least one"
        )
    for name in settings.names:
        if why := hostnames.why_unreadable(name):
            raise TrustAnchorError(f"'{name}' is neither a DNS name nor an IP address that all clients read", why)
    if not settings.lifetime // 10 <= settings.renew_before <= settings.lifetime * 9 // 10:
        raise TrustAnchorError(
            f"certificate {settings.name}: renewal {settings.renew_before} seconds before the end does not fit "
            f"a lifetime of {settings.lifetime} seconds",
            "less than a tenth leaves no time for a CA that is down, more than nine tenths renews without end",
            "Choose two thirds of the lifetime (24h and 16h)",
        )


def canonical(name: str) -> str:
    """The name in the one form in which it can be compared: an IPv6 address has many (RFC 5952)."""
    return str(ipaddress.ip_address(name)) if hostnames.is_address(name) else name
