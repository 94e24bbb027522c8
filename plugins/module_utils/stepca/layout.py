# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files of step-ca are on a CA host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Paths below the configuration directory, and the account that the daemon runs as.

    Args:
        base: configuration directory (STEPPATH of the daemon).
        state: directory of the database.
        user: user and group of the daemon.
    """

    base: str = "/etc/step-ca"
    state: str = "/var/lib/step-ca"
    user: str = "step"

    @property
    def config(self) -> str:
        """step-ca's configuration."""
        return f"{self.base}/config/ca.json"

    @property
    def defaults(self) -> str:
        """The step CLI's defaults."""
        return f"{self.base}/config/defaults.json"

    @property
    def root(self) -> str:
        """Root certificate, PEM."""
        return f"{self.base}/certs/root_ca.crt"

    @property
    def certificate(self) -> str:
        """Intermediate certificate, PEM, signer first."""
        return f"{self.base}/certs/intermediate_ca.crt"

    @property
    def request(self) -> str:
        """Its request, PEM."""
        return f"{self.base}/certs/intermediate_ca.csr"

    @property
    def leaf_template(self) -> str:
        """Template of leaves."""
        return f"{self.base}/templates/leaf.tpl"

    @property
    def key(self) -> str:
        """The intermediate's key, encrypted PKCS#8."""
        return f"{self.base}/secrets/intermediate_ca_key"

    @property
    def password(self) -> str:
        """The key's password, encrypted for this host by systemd-creds."""
        return f"{self.base}/secrets/password.cred"

    @property
    def canary_key(self) -> str:
        """Private key of the provisioner that is used to prove that the CA signs; root only."""
        return f"{self.base}/secrets/canary.key"

    @property
    def database(self) -> str:
        """Directory of the badger database."""
        return f"{self.state}/db"
