# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of ca.json's keys against the source of step-ca, and what of it is secret, wanted or needs a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import settings
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.settings import (
    AppliedBy,
    Secrecy,
    Setting,
    Type,
)

# Objects of the table, and the structs into which step-ca reads them.
CONFIG = settings.CONFIG
OBJECTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "": (CONFIG, ("Config",)),
    "kms": (CONFIG["kms"], ("KmsOptions",)),
    "ssh": (CONFIG["ssh"], ("SSHConfig",)),
    "logger": (CONFIG["logger"], ("Logger",)),
    "db": (CONFIG["db"], ("DbConfig",)),
    "monitoring": (CONFIG["monitoring"], ("Monitoring",)),
    "tls": (CONFIG["tls"], ("TLSOptions",)),
    "crl": (CONFIG["crl"], ("CRLConfig",)),
    "authority": (CONFIG["authority"], ("AuthConfig", "CasOptions")),
    "authority.template": (settings.AUTHORITY["template"], ("ASN1DN",)),
    "authority.claims": (settings.AUTHORITY["claims"], ("Claims",)),
    "authority.policy": (settings.POLICY, ("Policy",)),
    "authority.policy.x509": (settings.POLICY["x509"], ("X509PolicyOptions",)),
    "authority.policy.x509.allow": (settings.POLICY["x509"]["allow"], ("X509NameOptions",)),
    "authority.policy.x509.deny": (settings.POLICY["x509"]["deny"], ("X509NameOptions",)),
    "authority.policy.ssh": (settings.POLICY["ssh"], ("SSHPolicyOptions",)),
    **{
        f"authority.policy.ssh.{who}.{what}": (settings.POLICY["ssh"][who][what], ("SSHNameOptions",))
        for who in ("user", "host")
        for what in ("allow", "deny")
    },
    **{f"provisioner {kind}": (keys, (kind,)) for kind, keys in settings.PROVISIONERS.items()},
    "options": (settings.OPTIONS, ("ProvisionerOptions",)),
    "options.x509": (settings.OPTIONS["x509"], ("X509Options",)),
    "options.ssh": (settings.OPTIONS["ssh"], ("SSHOptions",)),
    "options.webhooks": (settings.OPTIONS["webhooks"][0], ("Webhook",)),
    "JWK.key": (settings.PROVISIONERS["JWK"]["key"], ("JSONWebKey",)),
}
TYPES = {
    "string": Type.STRING,
    "[]byte": Type.STRING,  # Base64 in JSON
    "bool": Type.BOOLEAN,
    "int": Type.NUMBER,
    "TLSVersion": Type.NUMBER,
    "Duration": Type.DURATION,
    "[]string": Type.STRINGS,
    "[]ACMEChallenge": Type.STRINGS,
    "[]ACMEAttestationFormat": Type.STRINGS,
    "CipherSuites": Type.STRINGS,
    "multiString": Type.STRING_OR_STRINGS,
    "List": Type.PROVISIONERS,
}
# What an operator may put there freely: the table does not look into it.
FREE = {"keys", "bastion", "templates", "templateData", "wire", "certificateIssuer", "config"}


def tags() -> dict[str, dict[str, str]]:
    """Struct to key to type, as step-ca has them."""
    found: dict[str, dict[str, str]] = {}
    for line in (Path(__file__).parent / "ca_json_keys.txt").read_text().splitlines():
        if not line.startswith("#"):
            struct, key, kind = line.split(maxsplit=2)
            found.setdefault(struct, {})[key] = kind.removeprefix("*")
    return found


TAGS = tags()


@pytest.mark.parametrize("place", OBJECTS)
def test_the_keys_are_those_of_step_ca(place: str) -> None:
    table, structs = OBJECTS[place]
    known = {key: kind for struct in structs for key, kind in TAGS[struct].items()}
    assert set(table) == set(known)
    for key, node in table.items():
        if isinstance(node, Setting):
            assert node.type == (Type.ANY if key in FREE else TYPES[known[key]]), key
        else:  # an object, or a list of one
            assert known[key] not in TYPES, key
            assert isinstance(node, list) == known[key].startswith("[]"), key


def test_the_kinds_of_provisioners_are_those_of_step_ca() -> None:
    """authority/provisioner/provisioner.go, UnmarshalJSON of List."""
    kinds = {"JWK", "OIDC", "GCP", "AWS", "Azure", "ACME", "X5C", "K8sSA", "SSHPOP", "SCEP", "Nebula"}
    assert set(settings.PROVISIONERS) == kinds


def paths(wanted: Any) -> set[str]:
    return {path for path, one in settings.each() if wanted(one)}


def test_what_is_never_shown() -> None:
    assert paths(lambda one: one.secrecy is Secrecy.SECRET) == {
        "password",
        "kms.pin",
        "kms.managementKey",
        "db.dataSource",
        "monitoring.key",
        "authority.certificateIssuer",
        "authority.config",
        "provisioner JWK.encryptedKey",
        "provisioner OIDC.clientSecret",
        "provisioner SCEP.challenge",
        "provisioner SCEP.decrypterKeyPEM",
        "provisioner SCEP.decrypterKeyPassword",
    }
    assert paths(lambda one: one.secrecy is Secrecy.QUERY) == {
        "key",
        "kms.uri",
        "ssh.hostKey",
        "ssh.userKey",
        "provisioner SCEP.decrypterKey",
    }


def test_what_step_ca_does_not_start_without() -> None:
    provisioners = {f"provisioner {kind}.{key}" for kind in settings.PROVISIONERS for key in ("type", "name")}
    assert paths(lambda one: one.required) == provisioners | {
        "root",
        "crt",
        "key",
        "address",
        "dnsNames",
        "provisioner OIDC.clientID",
        "provisioner OIDC.configurationEndpoint",
        "provisioner X5C.roots",
        "provisioner Nebula.roots",
    }
    assert paths(lambda one: one.refused) == {"password"}


def test_what_only_a_start_reads() -> None:
    started = paths(lambda one: one.applied_by is AppliedBy.RESTART)
    assert {path for path in started if "." not in path} == {"address", "insecureAddress", "metricsAddress"}
    assert {path.partition(".")[0] for path in started if "." in path} == {"kms", "ssh", "db"}
    for top in ("kms", "ssh", "db"):
        assert {path for path in paths(lambda _one: True) if path.startswith(f"{top}.")} <= started


@pytest.mark.parametrize(
    ("path", "secrecy"),
    [
        ((), Secrecy.PUBLIC),
        (("address",), Secrecy.PUBLIC),
        (("password",), Secrecy.SECRET),
        (("key",), Secrecy.QUERY),
        (("monitoring", "key"), Secrecy.SECRET),
        (("db", "dataSource"), Secrecy.SECRET),
        # Where the table has nothing, the name decides, the milder way: a secret in one object, a URI in another.
        (("somewhere", "key"), Secrecy.QUERY),
        (("somewhere", "pin"), Secrecy.SECRET),
        (("address", "pin"), Secrecy.SECRET),
        (("somewhere", "dnsNames"), Secrecy.PUBLIC),
        (("authority", "config", "anything"), Secrecy.PUBLIC),
    ],
)
def test_secrecy_of_a_path(path: tuple[str, ...], secrecy: Secrecy) -> None:
    assert settings.secrecy_of(path) is secrecy


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ({}, None),
        ({"kms": {"type": "softkms"}}, {"type": "softkms"}),
        ({"kms": {}}, {}),
        ({"kms": "yubikey:"}, "yubikey:"),
    ],
)
def test_an_object_that_only_a_start_reads_counts_as_it_is(declared: dict[str, Any], found: Any) -> None:
    assert settings.read_at_start(declared)["kms"] == found
