# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of intermediate: it keeps the request in the public record."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony import requests
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.intermediate import Subject
from ansible_collections.trustanchor.private_ca.plugins.modules.intermediate import REQUIRED_IF, SPECIFICATION
from ansible_collections.trustanchor.private_ca.plugins.plugin_utils import answers, edge

_CORRECTED = answers.table(answers.each(answers.text))


class ActionModule(edge.EdgeAction):
    """Converge on the host, then keep the request here."""

    module = "intermediate"
    specification = SPECIFICATION
    required_if = REQUIRED_IF

    def handle(self) -> edge.Result:
        """A request is what somebody else asks for: it is read as strictly here as by the ceremony that signs it."""
        found = self.on_host("intermediate", self.given(SPECIFICATION))
        if found.get("failed"):
            return found
        request = answers.part(found, "request", answers.text)
        corrected = answers.part(found, "corrected", _CORRECTED)
        if not self.options["record"] or not request:
            return found
        try:
            pem = self._checked(request)
            kept = self.keep(Path(self.options["record"]).expanduser(), pem)
        except TrustAnchorError as error:  # the host was converged all the same, and the result says so
            return {**found, "request": "", **edge.failure(error)}
        return {**found, "corrected": {**corrected, **kept}, "changed": bool(found.get("changed") or kept)}

    def _checked(self, request: str) -> bytes:
        """The request, when it may be signed.

        Raises:
            TrustAnchorError: it is not one request, for another subject, or asks for more than a CA needs.
        """
        pem, source = request.encode(), "the request of this host"
        found = requests.load_request(pem, source)
        wanted = Subject(self.options["common_name"], self.options["organization"])
        requests.require_own_signature(found, source)
        requests.require_subject(found.subject, wanted.name(), source)
        requests.require_no_attributes(found, source)
        return pem
