# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of service_certificate: it mints the one-time token between the host's two steps."""

from __future__ import annotations

import time

from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import options, settings
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates, name_constraints
from ansible_collections.trustanchor.private_ca.plugins.modules.service_certificate import SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.modules.service_certificate_host import SPECIFICATION as HOST
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, edge


class ActionModule(edge.EdgeAction):
    """Prepare on the host, mint here, enrol on the host."""

    module = "service_certificate"
    specification = SPECIFICATION

    def handle(self) -> edge.Result:
        """The provisioner's key stays here: the host's half has no option for it."""
        key = tokens.load_key(self.options["provisioner_key"])
        settings.check(options.read(self.options))
        root = certificates.load_certificate(self.options["root"].encode(), "root")
        name_constraints.require_permitted(root, self.options["names"])
        asked = {**self.given(HOST), "controller_time": time.time()}
        prepared = self.on_host("service_certificate_host", asked)
        request = prepared.pop("request_sha256", "")
        if prepared.get("failed") or not request:
            return prepared
        digest = answers.digest(request, "request_sha256")
        audience = f"{self.options['ca_url'].rstrip('/')}/1.0/sign"
        sha256 = certificates.fingerprint(root)
        token = tokens.mint(key, self.options["provisioner"], audience, self.options["names"], sha256, digest)
        return {**prepared, **self.on_host("service_certificate_host", {**asked, "token": token})}
