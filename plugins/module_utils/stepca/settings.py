# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that step-ca 0.30 understands in ca.json.

step-ca ignores an unknown key silently (authority/config/config.go: a plain json.Decoder), so a typing error would
have no effect and no message. Here it is an error that names the nearest known key.
Sources: authority/config/{config,ssh,tls_options}.go, authority/provisioner/*.go, authority/policy/options.go,
db/db.go, cas/apiv1/options.go of v0.30.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import TrustAnchorError
from ..schema import check_keys
from ..text import durations

# Leaves of the schema. A dict is an object with those keys, a one-element list an array of that element.
STRING, NUMBER, BOOLEAN, ANY, DURATION = "string", "number", "boolean", "anything", "duration"
STRINGS = [STRING]
STRING_OR_STRINGS = "string or array of strings"

# Go's time.ParseDuration: no unit for days; a zero needs no unit.
# Keys whose values are never shown, not even when they are wrong.
SECRETS = {
    *("password", "clientSecret", "encryptedKey", "challenge", "decrypterKeyPEM", "decrypterKeyPassword"),
    *("pin", "managementKey", "dataSource"),
}

CLAIMS = {
    **{
        f"{bound}{kind}CertDuration": DURATION
        for bound in ("min", "max", "default")
        for kind in ("TLS", "UserSSH", "HostSSH")
    },
    "enableSSHCA": BOOLEAN,
    "disableRenewal": BOOLEAN,
    "allowRenewalAfterExpiry": BOOLEAN,
    "disableSmallstepExtensions": BOOLEAN,
}
_TEMPLATE = {"template": STRING, "templateFile": STRING, "templateData": ANY}
_WEBHOOK = {
    "id": STRING,
    "name": STRING,
    "url": STRING,
    "kind": STRING,
    "disableTLSClientAuth": BOOLEAN,
    "certType": STRING,
}
OPTIONS = {"x509": _TEMPLATE, "ssh": _TEMPLATE, "webhooks": [_WEBHOOK], "wire": ANY}
_COMMON = {"type": STRING, "name": STRING, "claims": CLAIMS, "options": OPTIONS}
_JWK_KEY = {
    "kty": STRING,
    "crv": STRING,
    "x": STRING,
    "y": STRING,
    "n": STRING,
    "e": STRING,
    "kid": STRING,
    "use": STRING,
    "alg": STRING,
}

PROVISIONERS: dict[str, dict[str, Any]] = {
    "JWK": {**_COMMON, "key": _JWK_KEY, "encryptedKey": STRING},
    "ACME": {
        **_COMMON,
        "forceCN": BOOLEAN,
        "termsOfService": STRING,
        "website": STRING,
        "caaIdentities": STRINGS,
        "requireEAB": BOOLEAN,
        "challenges": STRINGS,
        "attestationFormats": STRINGS,
        "attestationRoots": STRING,
    },
    "OIDC": {
        **_COMMON,
        "clientID": STRING,
        "clientSecret": STRING,
        "configurationEndpoint": STRING,
        "tenantID": STRING,
        "admins": STRINGS,
        "domains": STRINGS,
        "groups": STRINGS,
        "listenAddress": STRING,
        "scopes": STRINGS,
        "authParams": STRINGS,
    },
    "X5C": {**_COMMON, "roots": STRING},
    "SSHPOP": {"type": STRING, "name": STRING, "claims": CLAIMS},
    "K8sSA": {**_COMMON, "publicKeys": STRING},
    "Nebula": {**_COMMON, "roots": STRING},
    "SCEP": {
        **_COMMON,
        "forceCN": BOOLEAN,
        "challenge": STRING,
        "capabilities": STRINGS,
        "includeRoot": BOOLEAN,
        "excludeIntermediate": BOOLEAN,
        "minimumPublicKeyLength": NUMBER,
        "decrypterCertificate": STRING,
        "decrypterKeyPEM": STRING,
        "decrypterKey": STRING,
        "decrypterKeyPassword": STRING,
        "encryptionAlgorithmIdentifier": NUMBER,
    },
    "AWS": {
        **_COMMON,
        "accounts": STRINGS,
        "disableCustomSANs": BOOLEAN,
        "disableTrustOnFirstUse": BOOLEAN,
        "imdsVersions": STRINGS,
        "instanceAge": DURATION,
        "iidRoots": STRING,
    },
    "GCP": {
        **_COMMON,
        "serviceAccounts": STRINGS,
        "projectIDs": STRINGS,
        "organizationID": STRING,
        "disableCustomSANs": BOOLEAN,
        "disableTrustOnFirstUse": BOOLEAN,
        "disableSSHCAUser": BOOLEAN,
        "disableSSHCAHost": BOOLEAN,
        "instanceAge": DURATION,
    },
    "Azure": {
        **_COMMON,
        "tenantID": STRING,
        "resourceGroups": STRINGS,
        "subscriptionIDs": STRINGS,
        "objectIDs": STRINGS,
        "audience": STRING,
        "disableCustomSANs": BOOLEAN,
        "disableTrustOnFirstUse": BOOLEAN,
    },
}
_REQUIRED = {
    "JWK": ("key",),
    "OIDC": ("clientID", "configurationEndpoint"),
    "X5C": ("roots",),
    "Nebula": ("roots",),
}

_NAMES = {"cn": STRINGS, "dns": STRINGS, "ip": STRINGS, "email": STRINGS, "uri": STRINGS}
_SSH_NAMES = {"dns": STRINGS, "ip": STRINGS, "email": STRINGS, "principal": STRINGS}
_SSH_POLICY = {"allow": _SSH_NAMES, "deny": _SSH_NAMES}
POLICY = {
    "x509": {"allow": _NAMES, "deny": _NAMES, "allowWildcardNames": BOOLEAN},
    "ssh": {"user": _SSH_POLICY, "host": _SSH_POLICY},
}
_DN = {
    "country": STRING,
    "organization": STRING,
    "organizationalUnit": STRING,
    "locality": STRING,
    "province": STRING,
    "streetAddress": STRING,
    "serialNumber": STRING,
    "commonName": STRING,
}
AUTHORITY = {
    "type": STRING,
    "certificateAuthority": STRING,
    "certificateAuthorityFingerprint": STRING,
    "certificateIssuer": ANY,
    "credentialsFile": STRING,
    "config": ANY,
    "authorityId": STRING,
    "deploymentType": STRING,
    "provisioners": [ANY],  # checked by type, see check_declared()
    "template": _DN,
    "claims": CLAIMS,
    "policy": POLICY,
    "disableIssuedAtCheck": BOOLEAN,
    "backdate": DURATION,
    "enableAdmin": BOOLEAN,
    "disableGetSSHHosts": BOOLEAN,
}
CONFIG: dict[str, Any] = {
    "root": STRING_OR_STRINGS,
    "federatedRoots": STRINGS,
    "crt": STRING,
    "key": STRING,
    "address": STRING,
    "insecureAddress": STRING,
    "dnsNames": STRINGS,
    "kms": {
        "type": STRING,
        "uri": STRING,
        "credentialsFile": STRING,
        "pin": STRING,
        "managementKey": STRING,
        "region": STRING,
        "profile": STRING,
    },
    "ssh": {
        "hostKey": STRING,
        "userKey": STRING,
        "keys": ANY,
        "addUserPrincipal": STRING,
        "addUserCommand": STRING,
        "bastion": ANY,
    },
    "logger": {"format": STRING, "traceHeader": STRING},
    "db": {
        "type": STRING,
        "dataSource": STRING,
        "valueDir": STRING,
        "database": STRING,
        "badgerFileLoadingMode": STRING,
    },
    "monitoring": {"type": STRING, "name": STRING, "key": STRING},
    "authority": AUTHORITY,
    "tls": {"cipherSuites": STRINGS, "minVersion": NUMBER, "maxVersion": NUMBER, "renegotiation": BOOLEAN},
    "templates": ANY,
    "commonName": STRING,
    "crl": {
        "enabled": BOOLEAN,
        "generateOnRevoke": BOOLEAN,
        "cacheDuration": DURATION,
        "renewPeriod": DURATION,
        "idpURL": STRING,
    },
    "metricsAddress": STRING,
}
REQUIRED = ("root", "crt", "key", "address", "dnsNames", "authority")


def check(config: Mapping[str, Any]) -> None:
    """Check a whole ca.json.

    Raises:
        TrustAnchorError: unknown key (with the nearest known one), wrong type, missing key, password or private key in
            the file, a provisioner that step-ca would not load.
    """
    check_declared(config)
    for key in REQUIRED:
        if not config.get(key):
            raise TrustAnchorError(f"ca.json: '{key}' is missing or empty", "step-ca does not start without it")


def check_declared(config: Any) -> None:
    """Check the part of ca.json that is there; what `REQUIRED` names may still be missing.

    Raises:
        TrustAnchorError: as `check`.
    """
    if isinstance(config, Mapping) and "password" in config:
        raise TrustAnchorError(
            "ca.json: 'password' holds a secret in clear text",
            "the password reaches step-ca as a systemd credential",
            "Remove the key",
        )
    _check_value(config, CONFIG, "ca.json")
    names: set[str] = set()
    for index, provisioner in enumerate(config.get("authority", {}).get("provisioners", [])):
        check_provisioner(provisioner, f"ca.json: authority.provisioners[{index}]")
        if provisioner["name"] in names:
            raise TrustAnchorError(
                f"ca.json: two provisioners are called '{provisioner['name']}'",
                "renewal finds the provisioner by its name",
                "Give each its own name",
            )
        names.add(provisioner["name"])


def check_provisioner(provisioner: Any, where: str) -> None:
    """Check one provisioner in the form of ca.json.

    Raises:
        TrustAnchorError: as `check`.
    """
    kind, name = _kind_and_name(provisioner, where)
    where = f"{where} ({name})"
    _check_jwk(provisioner.get("key"), where)
    _check_value(provisioner, PROVISIONERS[kind], where)
    for required in _REQUIRED.get(kind, ()):
        if not provisioner.get(required):
            raise TrustAnchorError(f"{where}: '{required}' is missing", f"a {kind} provisioner needs it")
    if kind == "ACME" and provisioner.get("requireEAB"):
        raise TrustAnchorError(
            f"{where}: 'requireEAB' is not available in the open-source step-ca",
            "its admin endpoints answer 'only available in Certificate Manager' (authority/admin/api/acme.go)",
            "Remove the key",
        )


def _kind_and_name(provisioner: Any, where: str) -> tuple[str, str]:
    """The two keys that every provisioner has."""
    if not isinstance(provisioner, Mapping):
        raise TrustAnchorError(f"{where} is not a mapping", f"found {type(provisioner).__name__}")
    kind, name = provisioner.get("type"), provisioner.get("name")
    if not isinstance(kind, str):
        raise TrustAnchorError(
            f"{where}: 'type' must be one name, found {kind!r}",
            "a provisioner has exactly one type",
            "Declare a second provisioner for the second type",
        )
    if kind not in PROVISIONERS:
        check_keys({kind: None}, tuple(PROVISIONERS), f"{where}.type")
    if not isinstance(name, str) or not name:
        raise TrustAnchorError(f"{where}: 'name' is missing", "step-ca finds a provisioner by its name")
    return kind, name


def _check_jwk(key: Any, where: str) -> None:
    if isinstance(key, Mapping) and "d" in key:
        raise TrustAnchorError(
            f"{where}: 'key' is a private key",
            "step-ca publishes ca.json's provisioners at /provisioners",
            "Give the public part; the filter trustanchor.private_ca.public_jwk makes it",
        )


def _check_value(value: Any, schema: Any, where: str) -> None:
    """Check a value against a piece of the schema; ``where`` is its path for messages."""
    if isinstance(schema, dict):
        _check_object(value, schema, where)
    elif isinstance(schema, list):
        if not isinstance(value, (list, tuple)):
            _wrong(where, "a list", value)
        for index, item in enumerate(value):
            _check_value(item, schema[0], f"{where}[{index}]")
    elif schema == STRING_OR_STRINGS:
        _check_value(value, STRING if isinstance(value, str) else STRINGS, where)
    else:
        _check_leaf(value, schema, where)


def _check_object(value: Any, schema: Mapping[str, Any], where: str) -> None:
    if not isinstance(value, Mapping):
        _wrong(where, "a mapping", value)
    check_keys(value, tuple(schema), where)
    for key, item in value.items():
        _check_value(item, schema[key], f"{where}: {key}" if where == "ca.json" else f"{where}.{key}")


def _check_leaf(value: Any, schema: str, where: str) -> None:
    if schema == DURATION:
        durations.go_nanoseconds(value, where)
    kinds: dict[str, tuple[type, ...]] = {STRING: (str,), BOOLEAN: (bool,), NUMBER: (int, float)}
    expected = kinds.get(schema)
    if expected and (not isinstance(value, expected) or (schema == NUMBER and isinstance(value, bool))):
        _wrong(where, {STRING: "a string", BOOLEAN: "true or false", NUMBER: "a number"}[schema], value)


def _wrong(where: str, expected: str, value: Any) -> None:
    shown = "" if where.replace(": ", ".").rpartition(".")[2] in SECRETS else f": {value!r}"
    raise TrustAnchorError(f"{where} must be {expected}, found {type(value).__name__}{shown}")
