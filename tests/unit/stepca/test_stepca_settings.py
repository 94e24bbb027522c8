# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of ca.json's keys is whole: what nobody may forget of a key is checked here for all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import config, settings, validation
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.settings import (
    AppliedBy,
    Secrecy,
    Setting,
    Type,
)

ROOT = Path(__file__).resolve().parents[3]
TABLE = list(settings.each())
# Names that sound like a secret, and why the value is none.
SOUND_SECRET = re.compile(
    r"pass|secret|pin$|pem$|key$|challenge$|encrypted|credential|token|dataSource|config$|issuer", re.IGNORECASE
)
KNOWN_PUBLIC = {
    "authority.credentialsFile": "a path",
    "kms.credentialsFile": "a path",
}
WRONG: dict[Type, Any] = {
    Type.STRING: ["hunter2"],
    Type.STRINGS: "hunter2",
    Type.STRING_OR_STRINGS: {"hunter2": 1},
    Type.BOOLEAN: "hunter2",
    Type.NUMBER: "hunter2",
    Type.DURATION: "hunter2",
    Type.PROVISIONERS: "hunter2",
}


def forgotten(table: list[tuple[str, Setting]]) -> list[str]:
    """The keys of a table whose type, secrecy or application somebody left out or forgot to think of."""
    found = [
        path
        for path, one in table
        if not (
            isinstance(one.type, Type) and isinstance(one.secrecy, Secrecy) and isinstance(one.applied_by, AppliedBy)
        )
    ]
    return found + [
        path
        for path, one in table
        if one.secrecy is Secrecy.PUBLIC and SOUND_SECRET.search(path) and path not in KNOWN_PUBLIC
    ]


def at(path: str, value: Any) -> dict[str, Any]:
    """A ca.json with one value at a path of the table."""
    match = re.fullmatch(r"provisioner (\w+)\.(.*)", path)
    for key in reversed((match[2] if match else path).split(".")):
        value = {key.removesuffix("[]"): [value] if key.endswith("[]") else value}
    found: dict[str, Any] = value
    if match is None:
        return found
    return {"authority": {"provisioners": [{"name": "one", "type": match[1], **found}]}}


def test_each_key_has_a_type_a_secrecy_and_an_application() -> None:
    assert forgotten(TABLE) == []


def test_a_key_that_sounds_secret_must_be_declared() -> None:
    assert forgotten([*TABLE, ("db.replicaPassword", Setting(Type.STRING))]) == ["db.replicaPassword"]


def test_each_key_is_checked_by_its_type() -> None:
    for path, setting in TABLE:
        if setting.type in WRONG and not path.endswith((".type", ".name")):
            with pytest.raises(TrustAnchorError) as caught:
                validation.check_declared(at(path, WRONG[setting.type]))
            assert setting.secrecy is not Secrecy.SECRET or "hunter2" not in str(caught.value.as_dict()), path


def test_each_key_is_shown_as_its_secrecy_says() -> None:
    for path, setting in TABLE:
        shown = json.dumps(config.public(at(path, "pkcs11:token=T?pin-value=hunter2")))
        assert ("hunter2" in shown) == (setting.secrecy is Secrecy.PUBLIC), path
        assert ("token=T" in shown) == (setting.secrecy is not Secrecy.SECRET), path


def test_each_key_is_applied_as_the_table_says() -> None:
    for path, setting in TABLE:
        differs = settings.read_at_start(at(path, "one")) != settings.read_at_start(at(path, "two"))
        assert differs == (setting.applied_by is AppliedBy.RESTART), path


def test_an_object_can_have_keys_of_both_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = {"minVersion": Setting(Type.NUMBER, applied_by=AppliedBy.RESTART), "cipherSuites": Setting(Type.STRINGS)}
    monkeypatch.setitem(settings.CONFIG, "tls", mixed)
    assert settings.read_at_start({"tls": {"minVersion": 1, "cipherSuites": ["a"]}})["tls"] == {"minVersion": 1}


def test_the_part_that_a_restart_applies_is_what_running_hosts_have_on_record() -> None:
    """Another form of the same settings would restart every CA once."""
    found = settings.read_at_start({"address": ":443", "db": {"type": "badgerv2"}, "dnsNames": ["ca"]})
    assert found == {
        "address": ":443",
        "insecureAddress": None,
        "metricsAddress": None,
        "db": {"type": "badgerv2"},
        "kms": None,
        "ssh": None,
    }


def test_what_the_role_sets_and_documents_is_in_the_table() -> None:
    """The keys of the role's own settings, and those that its variables of ca.json's form may hold."""
    variables = yaml.safe_load((ROOT / "roles/step_ca/vars/main.yml").read_text())
    base = variables["step_ca_base_settings"]
    defaults = yaml.safe_load((ROOT / "roles/step_ca/defaults/main.yml").read_text())
    assert set(base) <= set(settings.CONFIG)
    assert set(base["authority"]) <= set(settings.AUTHORITY)
    assert set(defaults["step_ca_db"]) <= set(settings.CONFIG["db"])
    assert set(defaults["step_ca_claims"] or {}) <= set(settings.CLAIMS)
    for name in ("step_ca_policy_settings", "step_ca_crl_settings"):
        keys = re.findall(r"'(\w+)':", variables[name])
        known = {key for path, _setting in TABLE for key in path.split(".")}
        assert keys
        assert set(keys) <= known


@pytest.mark.parametrize("path", ["roles/step_ca/README.md", "roles/step_ca/meta/argument_specs.yml"])
def test_documented_provisioners_are_in_the_table(path: str) -> None:
    kinds = set(re.findall(r"type: ([A-Z]\w+)", (ROOT / path).read_text()))
    assert kinds <= set(settings.PROVISIONERS)


@pytest.mark.parametrize("kms", ["yubikey:pin-value=123456", {"uri": ["yubikey:pin-value=123456"]}])
def test_a_key_uri_in_a_wrong_place_is_not_repeated(kms: Any) -> None:
    with pytest.raises(TrustAnchorError, match="kms") as caught:
        validation.check_declared({"kms": kms})
    assert "123456" not in str(caught.value)


def test_the_table_goes_into_lists_of_objects() -> None:
    """So a key in one is known, and checked."""
    paths = [path for path, _setting in TABLE]
    assert len(paths) == len(set(paths))
    assert "provisioner JWK.options.webhooks[].url" in paths
