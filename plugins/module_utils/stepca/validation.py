# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ca.json against the table of its keys.

step-ca ignores an unknown key silently (authority/config/config.go of v0.30.2: a plain json.Decoder), so a typing error
would have no effect and no message. Here it is an error that names the nearest known key. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import TrustAnchorError
from ..schema import check_keys
from ..text import durations
from .settings import CONFIG, PROVISIONERS, Required, Secrecy, Setting, Type

_PYTHON: dict[Type, tuple[type, ...]] = {Type.STRING: (str,), Type.BOOLEAN: (bool,), Type.NUMBER: (int, float)}
# What the items of a list are; those of the provisioners are checked by their type.
_LISTS = {Type.STRINGS: Type.STRING, Type.STRING_OR_STRINGS: Type.STRING, Type.PROVISIONERS: Type.ANY}


def check(config: Mapping[str, Any]) -> None:
    """Check a whole ca.json.

    Raises:
        TrustAnchorError: unknown key (with the nearest known one), wrong type, missing key, password or private key in
            the file, a provisioner that step-ca would not load.
    """
    check_declared(config)
    for key in required_of(CONFIG):
        if not config.get(key):
            raise TrustAnchorError(f"ca.json: '{key}' is missing or empty", "step-ca does not start without it")


def check_declared(config: Any) -> None:
    """Check the part of ca.json that is there; what is required may still be missing.

    Raises:
        TrustAnchorError: as `check`.
    """
    _check_refused(config)
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
    for required in required_of(PROVISIONERS[kind]):
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


def _check_refused(config: Any) -> None:
    """The keys that step-ca knows and that are not for a file."""
    refused = [key for key, node in CONFIG.items() if isinstance(node, Setting) and node.refused]
    for key in refused:
        if isinstance(config, Mapping) and key in config:
            raise TrustAnchorError(
                f"ca.json: '{key}' holds a secret in clear text",
                f"the {key} reaches step-ca as a systemd credential",
                "Remove the key",
            )


def _known(keys: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that may be set."""
    return tuple(key for key, node in keys.items() if not (isinstance(node, Setting) and node.refused))


def required_of(keys: Mapping[str, Any]) -> list[str]:
    """The keys of an object without which step-ca does not start, or does not load the provisioner."""
    return [
        key for key, node in keys.items() if isinstance(node, Required) or (isinstance(node, Setting) and node.required)
    ]


def _check_value(value: Any, node: Any, where: str) -> None:
    """Check a value against a piece of the table; ``where`` is its path for messages."""
    if isinstance(node, dict):
        _check_object(value, node, where)
    elif isinstance(node, list):
        _check_list(value, node[0], where)
    else:
        _check_setting(value, node, where)


def _check_object(value: Any, keys: Mapping[str, Any], where: str) -> None:
    if not isinstance(value, Mapping):
        raise _wrong(where, "a mapping", value, Secrecy.SECRET)  # it may have any of the keys in it
    check_keys(value, _known(keys), where)
    for key, item in value.items():
        _check_value(item, keys[key], f"{where}: {key}" if where == "ca.json" else f"{where}.{key}")


def _check_list(value: Any, item: Any, where: str, secrecy: Secrecy = Secrecy.PUBLIC) -> None:
    if not isinstance(value, (list, tuple)):
        raise _wrong(where, "a list", value, secrecy)
    for index, one in enumerate(value):
        _check_value(one, item, f"{where}[{index}]")


def _check_setting(value: Any, setting: Setting, where: str) -> None:
    if setting.type in _LISTS and not (setting.type is Type.STRING_OR_STRINGS and isinstance(value, str)):
        _check_list(value, Setting(_LISTS[setting.type], setting.secrecy), where, setting.secrecy)
    elif setting.type is Type.DURATION:
        durations.go_nanoseconds(value, where)
    elif setting.type in _PYTHON and not _is_a(value, setting.type):
        raise _wrong(where, setting.type.value, value, setting.secrecy)


def _is_a(value: Any, wanted: Type) -> bool:
    """Python takes true for a number."""
    return isinstance(value, _PYTHON[wanted]) and not (wanted is Type.NUMBER and isinstance(value, bool))


def _wrong(where: str, expected: str, value: Any, secrecy: Secrecy = Secrecy.PUBLIC) -> TrustAnchorError:
    shown = f": {value!r}" if secrecy is Secrecy.PUBLIC else ""
    return TrustAnchorError(f"{where} must be {expected}, found {type(value).__name__}{shown}")
