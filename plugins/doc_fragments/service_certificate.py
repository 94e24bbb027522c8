# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service's certificate must be."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of service_certificate that its host's half takes, too."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of the certificate; part of its directory and of its units.
    type: str
    required: true
  names:
    description:
      - DNS names and IP addresses in the certificate.
      - The first DNS name of up to 64 characters is the common name, too. Where there is none, the subject is empty,
        since OpenSSL and GnuTLS refuse an address there below name constraints.
      - Names that some client does not read are refused, such as those with an underscore.
    type: list
    elements: str
    required: true
  ca_url:
    description: URL of the CA, as the host reaches it.
    type: str
    required: true
  root:
    description: The root that the chain must lead to, PEM.
    type: str
    required: true
  lifetime:
    description: Lifetime of the certificate, such as V(24h) or V(7d).
    type: str
    default: 24h
  renew_before:
    description: How long before its end it is renewed; an outage of the CA of that length is survived.
    type: str
    default: 16h
  key_type:
    description: Type of the service's key.
    type: str
    choices: [P-256, P-384, RSA-3072]
    default: P-256
  owner:
    description: User that may read key and certificate.
    type: str
    default: root
  group:
    description: Group that may read key and certificate.
    type: str
    default: root
  reload:
    description:
      - Systemd units that are reloaded (or restarted, where they cannot reload) when the certificate changed.
      - After an enrolment, a unit that is enabled and does not run is started, since most cannot without a certificate.
    type: list
    elements: str
    default: []
  calendar:
    description: When the timer looks (systemd calendar event).
    type: str
    default: "*:0/15"
  random_delay:
    description: Seconds by which the hosts are spread.
    type: int
    default: 300
  metrics_directory:
    description: Directory of node_exporter's textfile collector; no metrics when empty.
    type: str
    default: /var/lib/prometheus/node-exporter
"""
