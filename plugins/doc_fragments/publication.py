# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host publishes, and how it is watched."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of publication that its host's half takes, too."""

    DOCUMENTATION = r"""
options:
  url:
    description: Publication URL, the one that certificates name; plain http.
    type: str
    required: true
  ca_crls:
    description: CRLs that nginx fetches from their CAs.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Published as C(NAME.crl). When the record has an intermediate of that name, the watch wants its signature.
        type: str
        required: true
      url:
        description: Where the CA serves it over plain HTTP.
        type: str
        required: true
  margins:
    description: How long before its end the watch must have seen a successor, such as C(30d) or C(36h), by kind.
    type: dict
    suboptions:
      root:
        description: Certificates of roots.
        type: str
        default: 730d
      intermediate:
        description: Certificates of intermediates.
        type: str
        default: 90d
      root_crl:
        description: CRLs of roots. A ceremony has to be held before.
        type: str
        default: 30d
      ca_crl:
        description: CRLs of CAs.
        type: str
        default: 6h
      manifest:
        description: The signed trust manifest.
        type: str
        default: 7d
      manifest_signer:
        description: The certificate of its signer. A ceremony has to be held before.
        type: str
        default: 60d
  metrics_directory:
    description: Directory of node_exporter's textfile collector; no metrics when empty.
    type: str
    default: /var/lib/prometheus/node-exporter
  calendar:
    description: When the watch looks (systemd calendar event).
    type: str
    default: "*:0/5"
  alert_unit:
    description:
      - A unit of your own that systemd starts when the watch finds something (C(OnFailure=)); none when empty. Of
        systemd's specifiers C(%n), C(%N) and C(%p) may stand in it, for the name of the watch's unit.
    type: str
    default: ""
"""
