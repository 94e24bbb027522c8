# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that step-ca 0.30 understands in ca.json: one table of type, secrecy, and what applies a change.

Everything that has to know a key reads it here: `validation` (types and unknown keys), `config` (what the public record
and diffs show) and `daemon` (reload or restart). A new key is one line.
Sources: authority/config/{config,ssh,tls_options}.go, authority/provisioner/*.go, authority/policy/options.go,
db/db.go, cas/apiv1/options.go of v0.30.2. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Type(Enum):
    """What a value must be; the value is how a message calls it."""

    STRING = "a string"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    STRINGS = "a list"  # of strings
    STRING_OR_STRINGS = "a string or a list"
    DURATION = "a duration"  # of Go
    ANY = "anything"
    PROVISIONERS = "a list of provisioners"  # each by its type in `PROVISIONERS`


class Secrecy(Enum):
    """What of a value may be shown, from everything to nothing."""

    PUBLIC = 0
    QUERY = 1  # a key URI (RFC 7512): what follows the question mark can hold a PIN
    SECRET = 2


class AppliedBy(Enum):
    """What makes the running process use a change (ca/ca.go Reload)."""

    RELOAD = "reload"
    RESTART = "restart"


STRING, NUMBER, BOOLEAN, ANY, DURATION = Type.STRING, Type.NUMBER, Type.BOOLEAN, Type.ANY, Type.DURATION
STRINGS = Type.STRINGS
QUERY, SECRET = Secrecy.QUERY, Secrecy.SECRET
RESTART = AppliedBy.RESTART


@dataclass(frozen=True)
class Setting:
    """One key.

    Args:
        type: of its value.
        secrecy: what may be shown of it.
        applied_by: what applies a change.
        required: step-ca does not start, or does not load the provisioner, without it.
        refused: step-ca knows it and this collection does not allow it.
    """

    type: Type
    secrecy: Secrecy = Secrecy.PUBLIC
    applied_by: AppliedBy = AppliedBy.RELOAD
    required: bool = False
    refused: bool = False


# An object is a mapping of its keys, an array of objects a list of one mapping.
Object = dict[str, Any]


class Required(Object):
    """An object that must be there and not empty."""


CLAIMS: Object = {
    **{
        f"{bound}{kind}CertDuration": Setting(DURATION)
        for bound in ("min", "max", "default")
        for kind in ("TLS", "UserSSH", "HostSSH")
    },
    "enableSSHCA": Setting(BOOLEAN),
    "disableRenewal": Setting(BOOLEAN),
    "allowRenewalAfterExpiry": Setting(BOOLEAN),
    "disableSmallstepExtensions": Setting(BOOLEAN),
}
_TEMPLATE: Object = {"template": Setting(STRING), "templateFile": Setting(STRING), "templateData": Setting(ANY)}
_WEBHOOK: Object = {
    "id": Setting(STRING),
    "name": Setting(STRING),
    "url": Setting(STRING),
    "kind": Setting(STRING),
    "disableTLSClientAuth": Setting(BOOLEAN),
    "certType": Setting(STRING),
}
OPTIONS: Object = {"x509": _TEMPLATE, "ssh": _TEMPLATE, "webhooks": [_WEBHOOK], "wire": Setting(ANY)}
_COMMON: Object = {
    "type": Setting(STRING, required=True),
    "name": Setting(STRING, required=True),
    "claims": CLAIMS,
    "options": OPTIONS,
}
_JWK_KEY: Object = {
    "kty": Setting(STRING),
    "crv": Setting(STRING),
    "x": Setting(STRING),
    "y": Setting(STRING),
    "n": Setting(STRING),
    "e": Setting(STRING),
    "kid": Setting(STRING),
    "use": Setting(STRING),
    "alg": Setting(STRING),
}

PROVISIONERS: dict[str, Object] = {
    "JWK": {**_COMMON, "key": Required(_JWK_KEY), "encryptedKey": Setting(STRING, SECRET)},
    "ACME": {
        **_COMMON,
        "forceCN": Setting(BOOLEAN),
        "termsOfService": Setting(STRING),
        "website": Setting(STRING),
        "caaIdentities": Setting(STRINGS),
        "requireEAB": Setting(BOOLEAN),
        "challenges": Setting(STRINGS),
        "attestationFormats": Setting(STRINGS),
        "attestationRoots": Setting(STRING),
    },
    "OIDC": {
        **_COMMON,
        "clientID": Setting(STRING, required=True),
        "clientSecret": Setting(STRING, SECRET),
        "configurationEndpoint": Setting(STRING, required=True),
        "tenantID": Setting(STRING),
        "admins": Setting(STRINGS),
        "domains": Setting(STRINGS),
        "groups": Setting(STRINGS),
        "listenAddress": Setting(STRING),
        "scopes": Setting(STRINGS),
        "authParams": Setting(STRINGS),
    },
    "X5C": {**_COMMON, "roots": Setting(STRING, required=True)},
    "SSHPOP": {"type": Setting(STRING, required=True), "name": Setting(STRING, required=True), "claims": CLAIMS},
    "K8sSA": {**_COMMON, "publicKeys": Setting(STRING)},
    "Nebula": {**_COMMON, "roots": Setting(STRING, required=True)},
    "SCEP": {
        **_COMMON,
        "forceCN": Setting(BOOLEAN),
        "challenge": Setting(STRING, SECRET),
        "capabilities": Setting(STRINGS),
        "includeRoot": Setting(BOOLEAN),
        "excludeIntermediate": Setting(BOOLEAN),
        "minimumPublicKeyLength": Setting(NUMBER),
        "decrypterCertificate": Setting(STRING),
        "decrypterKeyPEM": Setting(STRING, SECRET),
        "decrypterKey": Setting(STRING, QUERY),
        "decrypterKeyPassword": Setting(STRING, SECRET),
        "encryptionAlgorithmIdentifier": Setting(NUMBER),
    },
    "AWS": {
        **_COMMON,
        "accounts": Setting(STRINGS),
        "disableCustomSANs": Setting(BOOLEAN),
        "disableTrustOnFirstUse": Setting(BOOLEAN),
        "imdsVersions": Setting(STRINGS),
        "instanceAge": Setting(DURATION),
        "iidRoots": Setting(STRING),
    },
    "GCP": {
        **_COMMON,
        "serviceAccounts": Setting(STRINGS),
        "projectIDs": Setting(STRINGS),
        "organizationID": Setting(STRING),
        "disableCustomSANs": Setting(BOOLEAN),
        "disableTrustOnFirstUse": Setting(BOOLEAN),
        "disableSSHCAUser": Setting(BOOLEAN),
        "disableSSHCAHost": Setting(BOOLEAN),
        "instanceAge": Setting(DURATION),
    },
    "Azure": {
        **_COMMON,
        "tenantID": Setting(STRING),
        "resourceGroups": Setting(STRINGS),
        "subscriptionIDs": Setting(STRINGS),
        "objectIDs": Setting(STRINGS),
        "audience": Setting(STRING),
        "disableCustomSANs": Setting(BOOLEAN),
        "disableTrustOnFirstUse": Setting(BOOLEAN),
    },
}
_NAMES: Object = {
    "cn": Setting(STRINGS),
    "dns": Setting(STRINGS),
    "ip": Setting(STRINGS),
    "email": Setting(STRINGS),
    "uri": Setting(STRINGS),
}
_SSH_NAMES: Object = {
    "dns": Setting(STRINGS),
    "ip": Setting(STRINGS),
    "email": Setting(STRINGS),
    "principal": Setting(STRINGS),
}
_SSH_POLICY: Object = {"allow": _SSH_NAMES, "deny": _SSH_NAMES}
POLICY: Object = {
    "x509": {"allow": _NAMES, "deny": _NAMES, "allowWildcardNames": Setting(BOOLEAN)},
    "ssh": {"user": _SSH_POLICY, "host": _SSH_POLICY},
}
_DN: Object = {
    "country": Setting(STRING),
    "organization": Setting(STRING),
    "organizationalUnit": Setting(STRING),
    "locality": Setting(STRING),
    "province": Setting(STRING),
    "streetAddress": Setting(STRING),
    "serialNumber": Setting(STRING),
    "commonName": Setting(STRING),
}
AUTHORITY: Object = {
    "type": Setting(STRING),
    "certificateAuthority": Setting(STRING),
    "certificateAuthorityFingerprint": Setting(STRING),
    "certificateIssuer": Setting(ANY, SECRET),  # free-form: credentials of another CA
    "credentialsFile": Setting(STRING),
    "config": Setting(ANY, SECRET),  # likewise
    "authorityId": Setting(STRING),
    "deploymentType": Setting(STRING),
    "provisioners": Setting(Type.PROVISIONERS),
    "template": _DN,
    "claims": CLAIMS,
    "policy": POLICY,
    "disableIssuedAtCheck": Setting(BOOLEAN),
    "backdate": Setting(DURATION),
    "enableAdmin": Setting(BOOLEAN),
    "disableGetSSHHosts": Setting(BOOLEAN),
}
CONFIG: Object = {
    "root": Setting(Type.STRING_OR_STRINGS, required=True),
    "federatedRoots": Setting(STRINGS),
    "crt": Setting(STRING, required=True),
    "key": Setting(STRING, QUERY, required=True),
    "password": Setting(STRING, SECRET, refused=True),  # reaches step-ca as a systemd credential
    "address": Setting(STRING, applied_by=RESTART, required=True),
    "insecureAddress": Setting(STRING, applied_by=RESTART),
    "dnsNames": Setting(STRINGS, required=True),
    "kms": {
        "type": Setting(STRING, applied_by=RESTART),
        "uri": Setting(STRING, QUERY, RESTART),
        "credentialsFile": Setting(STRING, applied_by=RESTART),
        "pin": Setting(STRING, SECRET, RESTART),
        "managementKey": Setting(STRING, SECRET, RESTART),
        "region": Setting(STRING, applied_by=RESTART),
        "profile": Setting(STRING, applied_by=RESTART),
    },
    "ssh": {
        "hostKey": Setting(STRING, QUERY, RESTART),
        "userKey": Setting(STRING, QUERY, RESTART),
        "keys": Setting(ANY, applied_by=RESTART),
        "addUserPrincipal": Setting(STRING, applied_by=RESTART),
        "addUserCommand": Setting(STRING, applied_by=RESTART),
        "bastion": Setting(ANY, applied_by=RESTART),
    },
    "logger": {"format": Setting(STRING), "traceHeader": Setting(STRING)},
    "db": {
        "type": Setting(STRING, applied_by=RESTART),
        "dataSource": Setting(STRING, SECRET, RESTART),
        "valueDir": Setting(STRING, applied_by=RESTART),
        "database": Setting(STRING, applied_by=RESTART),
        "badgerFileLoadingMode": Setting(STRING, applied_by=RESTART),
    },
    "monitoring": {"type": Setting(STRING), "name": Setting(STRING), "key": Setting(STRING, SECRET)},
    "authority": Required(AUTHORITY),
    "tls": {
        "cipherSuites": Setting(STRINGS),
        "minVersion": Setting(NUMBER),
        "maxVersion": Setting(NUMBER),
        "renegotiation": Setting(BOOLEAN),
    },
    "templates": Setting(ANY),
    "commonName": Setting(STRING),
    "crl": {
        "enabled": Setting(BOOLEAN),
        "generateOnRevoke": Setting(BOOLEAN),
        "cacheDuration": Setting(DURATION),
        "renewPeriod": Setting(DURATION),
        "idpURL": Setting(STRING),
    },
    "metricsAddress": Setting(STRING, applied_by=RESTART),
}


def each() -> Iterator[tuple[str, Setting]]:
    """Every key with its path, such as ``authority.claims.minTLSCertDuration`` or ``provisioner JWK.key.kty``."""
    yield from _below(CONFIG, "")
    for kind, keys in PROVISIONERS.items():
        yield from _below(keys, f"provisioner {kind}")


def _below(node: Any, path: str) -> Iterator[tuple[str, Setting]]:
    if isinstance(node, Setting):
        yield path, node
    elif isinstance(node, list):
        yield from _below(node[0], f"{path}[]")
    else:
        for key, inner in node.items():
            yield from _below(inner, f"{path}.{key}" if path else key)


def _by_name() -> dict[str, Secrecy]:
    """The secrecy of a name wherever it stands.

    A file that somebody edited has keys where the table has none, and free-form values have their own keys: they are
    recognised by their name. A name that is a secret in one object and not in another (``key``) has the milder secrecy
    here; where the table has it, its path decides.
    """
    found: dict[str, Secrecy] = {}
    for path, setting in each():
        name = path.rpartition(".")[2]
        if setting.secrecy is not Secrecy.PUBLIC:
            found[name] = min(setting.secrecy, found.get(name, setting.secrecy), key=lambda one: one.value)
    return found


_BY_NAME = _by_name()
SECRET_NAMES = frozenset(name for name, secrecy in _BY_NAME.items() if secrecy is Secrecy.SECRET)


def secrecy_of(path: tuple[str, ...]) -> Secrecy:
    """What of the value at a path of ca.json may be shown.

    Args:
        path: keys from the top; indexes of lists are left out.
    """
    node: Any = CONFIG
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    if isinstance(node, Setting):
        return node.secrecy
    return _BY_NAME.get(path[-1], Secrecy.PUBLIC) if path else Secrecy.PUBLIC


def read_at_start(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of ca.json that a reload does not apply, or that crashes it when it is removed (ca/ca.go of v0.30.2).

    Returns:
        Each top-level key that has such a part, with None where ca.json has not got it.
    """
    return {key: _started(config.get(key), node) for key, node in CONFIG.items() if RESTART in _applications(node)}


def _started(value: Any, node: Any) -> Any:
    if not isinstance(value, Mapping) or _applications(node) == {RESTART}:
        return value
    return {key: _started(value.get(key), inner) for key, inner in node.items() if RESTART in _applications(inner)}


def _applications(node: Any) -> set[AppliedBy]:
    return {setting.applied_by for _path, setting in _below(node, "")}
