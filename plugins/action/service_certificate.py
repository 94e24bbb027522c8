# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of service_certificate: it mints the one-time token between the host's two steps."""

from __future__ import annotations

import base64
import time
from typing import Any

from ansible.module_utils.common.validation import check_type_list
from ansible.plugins.action import ActionBase
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import tokens
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import certificates

_MODULE = "trustanchor.private_ca.service_certificate"


class ActionModule(ActionBase):
    """Prepare on the host, mint here, enrol on the host."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result = super().run(tmp, task_vars)
        key_pem = str(self._task.args.get("provisioner_key") or "")
        try:
            key = tokens.load_key(key_pem)
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}
        # The provisioner's key stays here; the module only checks that the option was given.
        args = {
            **self._task.args,
            "provisioner_key": "(kept on the controller)",
            "controller_time": time.time(),
        }
        prepared = self._execute_module(_MODULE, args, task_vars=task_vars)
        digest = prepared.pop("request_sha256", "")
        if prepared.get("failed") or not digest:
            return {**result, **prepared}
        try:
            token = self._mint(key, base64.b64decode(digest))
        except TrustAnchorError as error:
            return {**result, "failed": True, "msg": str(error), "error": error.as_dict()}
        enrolled = self._execute_module(_MODULE, {**args, "phase": "enrol", "token": token}, task_vars=task_vars)
        return {**result, **prepared, **enrolled}

    def _mint(self, key: tokens.ec.EllipticCurvePrivateKey, request_sha256: bytes) -> str:
        """A token for the one request."""
        options = self._task.args
        root = certificates.load_certificate(str(options["root"]).encode(), "root")
        audience = f"{str(options['ca_url']).rstrip('/')}/1.0/sign"
        names = [str(name) for name in check_type_list(options["names"])]
        return tokens.mint(
            key, str(options["provisioner"]), audience, names, certificates.fingerprint(root), request_sha256
        )
