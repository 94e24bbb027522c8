# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates of what step-ca issues, so that all clients read it alike.

They are Go templates with the functions of sprig, of which step-ca makes JSON (go.step.sm/crypto x509util).
"""

from __future__ import annotations

from ..text import hostnames
from ..text.configuration import fill

# What step-ca uses without a template (authority/provisioner/templates of go.step.sm/crypto x509util), and a CDP. A
# common name stands only where it is one of the alternative names, too, and neither too long nor an address: OpenSSL
# and GnuTLS take an address there for a DNS name, which name constraints do not permit. step-ca makes the alternative
# names critical where the subject is empty (RFC 5280 section 4.1.2.6).
_LEAF = """\
{{- $wanted := .Subject.CommonName -}}
{{- $common := "" -}}
{{- range .SANs -}}
  {{- if and (has .Type (list "dns" "email")) (eq .Value $wanted) (le (len .Value) COMMON) -}}
    {{- $common = .Value -}}
  {{- end -}}
  {{- if and (eq .Type "dns") (not (regexMatch "^NAME$" .Value)) -}}
    {{- fail (printf "%s is not a name of a host that all clients read (letters, digits, - and .)" .Value) -}}
  {{- end -}}
{{- end -}}
{
  "subject": {{ if $common }}{"commonName": {{ toJson $common }}}{{ else }}{}{{ end }},
  "sans": {{ toJson .SANs }},
{{- if typeIs "*rsa.PublicKey" .Insecure.CR.PublicKey }}
  "keyUsage": ["keyEncipherment", "digitalSignature"],
{{- else }}
  "keyUsage": ["digitalSignature"],
{{- end }}
  "extKeyUsage": ["serverAuth", "clientAuth"]""".replace("COMMON", str(hostnames.COMMON_NAME_LENGTH)).replace(
    "NAME", hostnames.NAME_PATTERN
)
_DISTRIBUTION = ',\n  "crlDistributionPoints": [{url:json_in_template}]'
_CANARY_HOST = (
    '{{"subject": {{"commonName": {name:json_in_template}}}, '
    '"sans": [{{"type": "dns", "value": {name:json_in_template}}}], '
    '"keyUsage": ["digitalSignature"], "extKeyUsage": ["clientAuth"]}}'
)
_CANARY_ADDRESS = (
    '{{"subject": {{}}, "sans": [{{"type": "ip", "value": {name:json_in_template}}}], '
    '"keyUsage": ["digitalSignature"], "extKeyUsage": ["clientAuth"]}}'
)


def leaf(crl_url: str) -> str:
    """The template of leaves; names the CRL when there is one (RFC 5280 section 4.2.1.13)."""
    distribution = str(fill(_DISTRIBUTION, {"url": crl_url})) if crl_url else ""
    return f"{_LEAF}{distribution}\n}}\n"


def canary(name: str) -> str:
    """The template of canaries, whatever is asked for.

    Args:
        name: the one name that they carry, a DNS name or an address.
    """
    template = _CANARY_ADDRESS if hostnames.is_address(name) else _CANARY_HOST
    return str(fill(template, {"name": name}))
