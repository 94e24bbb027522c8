# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose ca.json and the files that go with it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from ..text import hostnames
from . import templates
from .layout import Layout
from .settings import Secrecy, secrecy_of

CANARY = "canary"  # name of the provisioner that proves that the CA signs


def compose(settings: Mapping[str, Any], canary_jwk: Mapping[str, str], layout: Layout) -> dict[str, Any]:
    """The whole ca.json.

    Args:
        settings: ca.json as the operator declares it, without the keys that follow from the layout.
        canary_jwk: public key of the canary provisioner.
        layout: paths.

    Returns:
        The settings, plus root, crt, key, the canary provisioner, the leaf template for each provisioner that declares
        none, the CA's own names in an allow policy (the canary is issued for them), and the first of them as common
        name of its server certificate where none is declared: GnuTLS refuses step-ca's default, which is not a name of
        a host, below name constraints.
    """
    config = copy.deepcopy(dict(settings))
    config["root"] = layout.root
    config["crt"] = layout.certificate
    config["key"] = layout.key
    authority = config.setdefault("authority", {})
    own = [_with_template(provisioner, layout) for provisioner in authority.get("provisioners") or []]
    names = [str(name) for name in config.get("dnsNames") or []]
    if common_name := hostnames.common_name(tuple(names)):
        config.setdefault("commonName", common_name)
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
    lifetime = {f"{bound}TLSCertDuration": "5m" for bound in ("min", "max", "default")}
    return {
        "type": "JWK",
        "name": CANARY,
        "key": dict(jwk),
        "claims": {**lifetime, "disableRenewal": True},
        "options": {"x509": {"template": templates.canary(name)}},
    }


def _allow_own_names(authority: dict[str, Any], names: list[str]) -> None:
    """An allow list shuts out what it does not name, so the CA's own names join it, each with its kind."""
    allow = ((authority.get("policy") or {}).get("x509") or {}).get("allow")
    if not isinstance(allow, dict) or not any(allow.values()):
        return  # an empty list shuts out nobody, and must not begin to
    for name in names:
        allowed = allow.setdefault("ip" if hostnames.is_address(name) else "dns", [])
        if name not in allowed:
            allowed.append(name)


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
