# Copyright: The trustanchor.private_ca authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which trust stores a host has."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that converge or measure the trust stores of a host."""

    DOCUMENTATION = r"""
options:
  manifest:
    description:
      - What the host is to trust, and what not. The lookup P(trustanchor.private_ca.trust_manifest#lookup) gives it
        from a public record; without one, a list of certificates under C(trusted) is enough.
    type: dict
    required: true
    suboptions:
      id:
        description:
          - Names the estate that the sequence belongs to. A host that is moved to another estate gets another one.
        type: str
        default: ""
      sequence:
        description:
          - Sequence of the trust manifest. A host that was told a higher one of the same estate refuses it, so an old
            checkout of the public record undoes nothing. V(0) compares nothing.
        type: int
        default: 0
      trusted:
        description: The roots that every store must trust.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Name of the root, for messages.
            type: str
            default: ""
          sha256:
            description:
              - SHA-256 fingerprint (hex) that the certificate must have. It is compared on the host, before anything is
                changed. Empty compares nothing.
            type: str
            default: ""
          pem:
            description: The root, one PEM certificate.
            type: str
            required: true
      distrusted:
        description:
          - SHA-256 fingerprints (hex) that no store may trust, whoever put them there.
          - A root that the distribution's own package brings is not removed; the module fails and says which one it is.
        type: list
        elements: str
        default: []
      refused_signers:
        description:
          - SHA-256 (hex) of the public keys of manifest signers that the host must not believe any more when it fetches
            signed manifests. It never forgets one but by an overriding push.
        type: list
        elements: str
        default: []
"""

    STORES = r"""
options:
  discover:
    description:
      - Also take the stores that are found on the host. These are C(cacerts) and C(jssecacerts) of JDKs below
        C(/usr/lib/jvm), C(/opt) and C(/usr/local), and the NSS databases of Chromium, Chrome and Firefox in the homes
        of users, as snaps and flatpaks too.
      - Files and directories that C(SSL_CERT_FILE), C(SSL_CERT_DIR), C(NODE_EXTRA_CA_CERTS), C(REQUESTS_CA_BUNDLE),
        C(PIP_CERT), C(CURL_CA_BUNDLE) or C(GIT_SSL_CAINFO) name, in C(/etc/environment), C(/etc/environment.d),
        C(/etc/profile), C(/etc/profile.d) or the configuration of systemd, are looked at for what must not be trusted.
        A file that holds nothing else is removed, unless it belongs to a package; any other is named, and stays.
      - Homes are those of the host's accounts, and the directories below C(/home). All that is done in one is done by a
        process of its user, in a limited time. Nothing is run as a system account, nor where another user could change
        the way to a database.
      - A found store that cannot be measured, because C(certutil) is missing, or its user is a system account or keeps
        us from it, is reported as V(unknown), with the reason. One that stays V(wrong), such as a database with a
        password, is reported as that. Neither fails the host.
    type: bool
    default: true
  keystores:
    description: Trust stores of Java programs such as Kafka. Entries of others in them are left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file, in the form JKS or PKCS#12.
        type: path
        required: true
      password_file:
        description: File on the host with its password in the first line; without one it is Java's public default.
        type: path
      create:
        description: Make one of this form where there is none; otherwise it must be there.
        type: str
        choices: [jks, pkcs12]
      owner:
        description: Owner of a store that is made.
        type: str
        default: root
      group:
        description: Group of a store that is made.
        type: str
        default: root
  nss_databases:
    description: Databases of NSS at other places than those that are found. C(certutil) is needed (libnss3-tools).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The directory with C(cert9.db).
        type: path
        required: true
      password_file:
        description: File with its password; its owner must be able to read it.
        type: path
      owner:
        description: Make it for this user where there is none; otherwise it must be there.
        type: str
  browsers:
    description:
      - Browsers whose policy tells them the roots, for all users. Entries of others in Firefox's C(policies.json) are
        left alone.
      - Firefox keeps in each profile what a policy once brought; with O(discover) it is removed from there, too.
    type: list
    elements: str
    choices: [firefox, chromium, chrome]
    default: []
  environment:
    description:
      - Programs that bring roots of their own and are led to ours by environment variables, in drop-ins for login
        shells (C(/etc/profile.d)), users' services (C(/etc/environment.d)) and the system's services
        (C(/etc/systemd/system.conf.d)).
      - V(python) sets C(REQUESTS_CA_BUNDLE) to the system's bundle, V(node) sets C(NODE_EXTRA_CA_CERTS) to
        C(/etc/trustanchor/roots.pem), which has our roots alone.
    type: list
    elements: str
    choices: [python, node]
    default: [python, node]
  docker_registries:
    description: Registries, C(HOST) or C(HOST:PORT), for which Docker gets the roots in C(/etc/docker/certs.d).
    type: list
    elements: str
    default: []
  containerd_registries:
    description:
      - Registries for which containerd gets a C(hosts.toml) in C(/etc/containerd/certs.d) that leads to the roots. The
        file is ours alone.
      - Where C(containerd) is installed, its C(config_path) must lead there, or the store is wrong.
    type: list
    elements: str
    default: []
  step_paths:
    description: Directories of the C(step) program (C($STEPPATH)), which reads no other store.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The directory.
        type: path
        required: true
      owner:
        description: Owner of what is in it.
        type: str
        default: root
      group:
        description: Group of what is in it.
        type: str
        default: root
      ca_url:
        description: The CA that C(step) talks to; without one, the setting is left alone.
        type: str
  bundles:
    description:
      - Bundles that programs bring with them, such as certifi's in a virtual environment. Nothing is changed there; a
        root that must be absent is looked for, and the store is wrong as long as it is there.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: path
        required: true
  files:
    description:
      - PEM files with our roots and nothing else, for services that are given a file of their own, such as nginx
        (C(ssl_client_certificate)) or PostgreSQL (C(ssl_ca_file)).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file. Its directory must be there.
        type: path
        required: true
      owner:
        description: Owner of the file.
        type: str
        default: root
      group:
        description: Group of the file.
        type: str
        default: root
      mode:
        description: Its permission bits, octal.
        type: str
        default: "0644"
"""
