# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose ca.json and the files that go with it."""

from __future__ import annotations

import copy
import ipaddress
import json
from collections.abc import Mapping
from typing import Any

from ..text.configuration import fill
from .layout import Layout
from .settings import Secrecy, secrecy_of

CANARY = "canary"  # name of the provisioner that proves that the CA signs

# What step-ca uses without a template (authority/provisioner/templates of go.step.sm/crypto x509util), and a CDP.
_LEAF = """{
  "subject": {{ toJson .Subject }},
  "sans": {{ toJson .SANs }},
{{- if typeIs "*rsa.PublicKey" .Insecure.CR.PublicKey }}
  "keyUsage": ["keyEncipherment", "digitalSignature"],
{{- else }}
  "keyUsage": ["digitalSignature"],
{{- end }}
  "extKeyUsage": ["serverAuth", "clientAuth"]%s
}
"""
_CANARY = (
    '{{"subject": {{"commonName": {name:json_in_template}}}, '
    '"sans": [{{"type": {type:json_in_template}, "value": {name:json_in_template}}}], '
    '"keyUsage": ["digitalSignature"], "extKeyUsage": ["clientAuth"]}}'
)
_DISTRIBUTION = ',\n  "crlDistributionPoints": [{url:json_in_template}]'


def leaf_template(crl_url: str) -> str:
    """The certificate template of leaves; names the CRL when there is one (RFC 5280 section 4.2.1.13)."""
    return _LEAF % (fill(_DISTRIBUTION, {"url": crl_url}) if crl_url else "")


def compose(settings: Mapping[str, Any], canary_jwk: Mapping[str, str], layout: Layout) -> dict[str, Any]:
    """The whole ca.json.

    Args:
        settings: ca.json as the operator declares it, without the keys that follow from the layout.
        canary_jwk: public key of the canary provisioner.
        layout: paths.

    Returns:
        The settings, plus root, crt, key, the canary provisioner, the leaf template for each provisioner that declares
        none, and the CA's own names in an allow policy (the canary is issued for them).
    """
    config = copy.deepcopy(dict(settings))
    config["root"] = layout.root
    config["crt"] = layout.certificate
    config["key"] = layout.key
    authority = config.setdefault("authority", {})
    own = [_with_template(provisioner, layout) for provisioner in authority.get("provisioners") or []]
    names = [str(name) for name in config.get("dnsNames") or []]
    authority["provisioners"] = [*own, canary_provisioner(canary_jwk, names[0] if names else "")]
    _allow_own_names(authority, config.get("dnsNames") or [])
    return config


def _with_template(provisioner: Any, layout: Layout) -> Any:
    """The provisioner with the leaf template, unless it has one of its own or takes names another way.

    step-ca uses other default templates for OIDC, cloud instances and Kubernetes: their names come from elsewhere.
    """
    if not isinstance(provisioner, Mapping) or provisioner.get("type") not in ("JWK", "ACME", "X5C"):
        return provisioner
    options = provisioner.get("options") or {}
    if not isinstance(options, Mapping) or options.get("x509"):
        return provisioner
    return {**provisioner, "options": {**options, "x509": {"templateFile": layout.leaf_template}}}


def canary_provisioner(jwk: Mapping[str, str], name: str) -> dict[str, Any]:
    """A provisioner whose certificates live for five minutes, cannot be renewed and are good for no server.

    Args:
        jwk: its public key.
        name: the one name that its certificates carry, whatever is asked for: the CA's own.
    """
    template = fill(_CANARY, {"name": name, "type": "ip" if _is_address(name) else "dns"})
    lifetime = {f"{bound}TLSCertDuration": "5m" for bound in ("min", "max", "default")}
    return {
        "type": "JWK",
        "name": CANARY,
        "key": dict(jwk),
        "claims": {**lifetime, "disableRenewal": True},
        "options": {"x509": {"template": str(template)}},
    }


def _allow_own_names(authority: dict[str, Any], names: list[str]) -> None:
    """An allow list shuts out what it does not name, so the CA's own names join it, each with its kind."""
    allow = ((authority.get("policy") or {}).get("x509") or {}).get("allow")
    if not isinstance(allow, dict) or not any(allow.values()):
        return  # an empty list shuts out nobody, and must not begin to
    for name in names:
        allowed = allow.setdefault("ip" if _is_address(name) else "dns", [])
        if name not in allowed:
            allowed.append(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def render(config: Mapping[str, Any]) -> bytes:
    """ca.json as bytes; the same settings give the same bytes."""
    return (json.dumps(config, indent=2, sort_keys=True) + "\n").encode()


def defaults(url: str, fingerprint: str, layout: Layout) -> bytes:
    """defaults.json of the step CLI; the fingerprint is needed too (smallstep/certificates issue 1852)."""
    return render({"ca-url": url, "ca-config": layout.config, "fingerprint": fingerprint, "root": layout.root})


def public(config: Mapping[str, Any]) -> dict[str, Any]:
    """ca.json without anything secret, for diffs and the public record."""
    return {key: _public((key,), value) for key, value in config.items()}


def _public(path: tuple[str, ...], value: Any) -> Any:
    secrecy = secrecy_of(path)
    if secrecy is Secrecy.SECRET and value:
        return "(not shown)"
    if secrecy is Secrecy.QUERY and isinstance(value, str):
        return value.partition("?")[0]  # pin-value and the like come after it
    if isinstance(value, Mapping):
        return {key: _public((*path, key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_public((*path, "[]"), item) for item in value]
    return value
