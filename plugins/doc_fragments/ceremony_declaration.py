# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an estate declares about its roots and what they sign."""

from __future__ import annotations


class ModuleDocFragment:
    """Roots, and what they sign and revoke."""

    DOCUMENTATION = r"""
options:
  roots:
    description: The roots of the estate. One that is in the record is left as it is, and must be as declared.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name in the record, in the plan and in published file names.
        type: str
        required: true
      standby:
        description: Whether it is a standby root, in every trust store and used when the primary one is lost.
        type: bool
        default: false
      subject:
        description: Subject in the form of RFC 4514, such as V(CN=Example Root R1,O=Example).
        type: str
        required: true
      token:
        description: The token of its key, by its name in V(tokens.yml) of the ceremony machine.
        type: str
      tokens:
        description: Several tokens that hold the same imported key.
        type: list
        elements: str
      algorithm:
        description: Algorithm of the key.
        type: str
        choices: [ec-p384, ec-p256, rsa-3072, rsa-4096]
        default: ec-p384
      origin:
        description:
          - V(generated) makes the key on the token, which it never leaves.
          - V(imported) makes it in the memory of the ceremony machine and imports it to each token. It is never
            attested.
        type: str
        choices: [generated, imported]
        default: generated
      pin_policy:
        description: When a YubiKey asks for the PIN.
        type: str
        choices: [always, once]
        default: always
      touch_policy:
        description: When a YubiKey asks for a touch.
        type: str
        choices: [always, cached, never]
        default: always
      attested:
        description:
          - Whether the token must attest that it made the key. By default V(true) where it is generated. No software
            token can; say V(false) for one.
        type: bool
      pin_holders:
        description: People who each know a part of the token's PIN, in the order of the parts.
        type: list
        elements: str
      days:
        description: Validity.
        type: int
        default: 7305
      path_length:
        description:
          - How many CAs may follow below the root. A primary root that cross-certifies a standby root of path
            length 1 needs 2.
        type: int
        default: 1
      name_constraints:
        description:
          - What names certificates below the root may carry. Required unless O(roots[].unconstrained).
          - Has C(permitted_dns), C(permitted_ip), C(permitted_email), C(permitted_uri), C(excluded_dns),
            C(excluded_ip), C(excluded_email), C(excluded_uri).
          - Of these four types of names nothing is permitted but what is declared. The plan says so with names that
            nobody can have, V(invalid) and the unspecified address. A root that is in the record stays as it was
            signed.
          - For e-mail, a mailbox, a host (mailboxes at that very host), or a domain with a leading dot (at hosts below
            it). For URIs a host, or a domain with a leading dot, without scheme and path.
        type: dict
      unconstrained:
        description: Accept a root without name constraints.
        type: bool
        default: false
      allow_weak_root:
        description: Accept a P-256 root.
        type: bool
        default: false
  intermediates:
    description:
      - Intermediates to sign. One whose request has another key than its certificate is renewed, and the old
        certificate goes to the archive.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name in the record.
        type: str
        required: true
      issuer:
        description: Name of the root that signs it; by default the first that is not a standby root.
        type: str
      request:
        description: The request, relative to the record; by default V(requests/NAME.csr).
        type: str
      subject:
        description: Subject that the request must ask for; by default any.
        type: str
      days:
        description: Validity, at most 1826.
        type: int
        default: 1826
      name_constraints:
        description: Narrower ones than O(roots[].name_constraints) of its root, by default the same.
        type: dict
      unconstrained:
        description: Leave name constraints out of it, and accept that its root may have none either.
        type: bool
        default: false
      extended_key_usage:
        description:
          - For what certificates below it are good; by default V(server_auth) and V(client_auth). V(any) alone does not
            limit them.
          - An intermediate that is in the record stays as it was signed.
        type: list
        elements: str
        choices: [server_auth, client_auth, email_protection, code_signing, time_stamping, ocsp_signing, any]
  manifest_signers:
    description: Certificates that sign trust manifests. One is renewed as O(crl_renew_before_days) says.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name in the record.
        type: str
        required: true
      issuer:
        description: Name of the root that signs it; by default the first that is not a standby root.
        type: str
      request:
        description: The request, relative to the record; by default V(requests/NAME.csr).
        type: str
      subject:
        description: Subject that the request must ask for; by default any.
        type: str
      days:
        description: Validity, at most 825.
        type: int
        default: 365
  cross:
    description: Standby roots that are certified under a primary one, for hosts that know only the primary.
    type: list
    elements: dict
    default: []
    suboptions:
      standby:
        description: Name of the standby root.
        type: str
        required: true
      primary:
        description: Name of the primary root.
        type: str
        required: true
      days:
        description: Validity, at most 1826.
        type: int
        default: 1826
  crl_days:
    description: Validity of a root's CRL, at most 365.
    type: int
    default: 365
  crl_renew_before_days:
    description: A CRL or manifest signer is renewed when fewer days are left.
    type: int
    default: 60
  revoked:
    description: Certificates to revoke. What was revoked once stays revoked.
    type: list
    elements: dict
    default: []
    suboptions:
      issuer:
        description: Name of the root that issued it; by default the first that is not a standby root.
        type: str
      certificate:
        description: The certificate, relative to the record. This or the serial is required.
        type: str
      serial:
        description: Serial number in hexadecimal.
        type: str
      reason:
        description: Reason code.
        type: str
        choices:
          - unspecified
          - key_compromise
          - ca_compromise
          - affiliation_changed
          - superseded
          - cessation_of_operation
          - privilege_withdrawn
        default: unspecified
"""
