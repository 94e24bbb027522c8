# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import settings, validation
from hypothesis import given
from hypothesis import strategies as st

JWK = {"type": "JWK", "name": "enrolment", "key": {"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}}
ACME = {"type": "ACME", "name": "acme"}
OIDC = {
    "type": "OIDC",
    "name": "people",
    "clientID": "ca",
    "configurationEndpoint": "https://idp.example/.well-known",
}
CONFIG: dict[str, Any] = {
    "root": "/etc/step-ca/certs/root_ca.crt",
    "crt": "/etc/step-ca/certs/intermediate_ca.crt",
    "key": "/etc/step-ca/secrets/intermediate_ca_key",
    "address": ":443",
    "dnsNames": ["ca.corp.example"],
    "db": {"type": "badgerv2", "dataSource": "/var/lib/step-ca/db"},
    "authority": {
        "provisioners": [JWK, ACME, OIDC],
        "claims": {"defaultTLSCertDuration": "24h"},
        "policy": {"x509": {"allow": {"dns": ["*.corp.example"]}}},
    },
}


def config(*provisioners: Any, **changes: Any) -> dict[str, Any]:
    """CONFIG with other provisioners or other top-level keys."""
    found = copy.deepcopy({**CONFIG, **changes})
    if provisioners:
        found["authority"]["provisioners"] = list(provisioners)
    return found


def objects(piece: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Every object of the table, with its path."""
    if isinstance(piece, dict):
        yield path, piece
        for key, inner in piece.items():
            yield from objects(inner, (*path, key))
    elif isinstance(piece, list):
        yield from objects(piece[0], (*path, 0))


def nested(path: tuple[str | int, ...], value: Any) -> Any:
    """A value wrapped so that it is found at a path."""
    for step in reversed(path):
        value = [value] if step == 0 else {step: value}
    return value


CONFIG_OBJECTS = list(objects(settings.CONFIG))
PROVISIONER_OBJECTS = [
    (kind, path, known) for kind, top in settings.PROVISIONERS.items() for path, known in objects(top)
]


def test_a_good_configuration_passes() -> None:
    validation.check(CONFIG)


@pytest.mark.parametrize(
    ("path", "known"), CONFIG_OBJECTS, ids=lambda value: str(value) if isinstance(value, tuple) else ""
)
def test_an_unknown_key_is_refused_everywhere(path: tuple[str | int, ...], known: dict[str, Any]) -> None:
    near = max(known, key=len)
    broken = nested(path, {f"{near}x": None})
    with pytest.raises(TrustAnchorError, match=f"unknown key '{near}x'.*Did you mean '"):
        validation.check({**CONFIG, **broken})


@pytest.mark.parametrize(
    ("kind", "path", "known"),
    PROVISIONER_OBJECTS,
    ids=lambda value: str(value) if not isinstance(value, dict) else "",
)
def test_an_unknown_key_of_a_provisioner_is_refused(
    kind: str, path: tuple[str | int, ...], known: dict[str, Any]
) -> None:
    near = max(known, key=len)
    broken = {"type": kind, "name": "one", **nested(path, {f"{near}x": None})}
    with pytest.raises(TrustAnchorError, match=f"provisioners\\[0\\] \\(one\\).*unknown key '{near}x'.*Did you mean '"):
        validation.check(config(broken))


@pytest.mark.parametrize(
    ("provisioner", "message"),
    [
        (
            {**ACME, "type": ["ACME", "JWK"]},
            r"'type' must be one name, found \['ACME', 'JWK'\].*second provisioner",
        ),
        ({"name": "acme"}, "'type' must be one name, found None"),
        ({**ACME, "type": "ACMEE"}, "unknown key 'ACMEE'.*Did you mean 'ACME'"),
        ({"type": "ACME"}, "'name' is missing"),
        ({"type": "ACME", "name": ""}, "'name' is missing"),
        ({"type": "ACME", "name": 7}, "'name' is missing"),
        ({"type": "JWK", "name": "enrolment"}, r"\(enrolment\): 'key' is missing.*JWK provisioner needs it"),
        ({"type": "OIDC", "name": "people", "clientID": "x"}, "'configurationEndpoint' is missing"),
        ({"type": "X5C", "name": "x5c"}, "'roots' is missing"),
        ({**ACME, "requireEAB": True}, "'requireEAB' is not available"),
        ({**ACME, "forceCN": "yes"}, r"forceCN must be true or false, found str: 'yes'"),
        ({**ACME, "challenges": "http-01"}, "challenges must be a list, found str"),
        ({**ACME, "challenges": ["http-01", 1]}, r"challenges\[1\] must be a string, found int: 1"),
        ({**ACME, "claims": []}, "claims must be a mapping"),
        ("ACME", r"provisioners\[0\] is not a mapping.*found str"),
        (None, "is not a mapping"),
    ],
)
def test_bad_provisioners(provisioner: Any, message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        validation.check(config(provisioner))


def test_a_private_key_is_refused_and_not_repeated() -> None:
    private = {**JWK, "key": {"kty": "EC", "d": "c2VjcmV0"}}
    with pytest.raises(TrustAnchorError, match=r"'key' is a private key.*public_jwk") as caught:
        validation.check(config(private))
    assert "c2VjcmV0" not in str(caught.value)


def test_a_password_in_clear_is_refused_and_not_repeated() -> None:
    with pytest.raises(TrustAnchorError, match="'password' holds a secret in clear text") as caught:
        validation.check(config(password="hunter2"))
    assert "hunter2" not in str(caught.value)


def test_two_provisioners_of_one_name() -> None:
    with pytest.raises(TrustAnchorError, match="two provisioners are called 'acme'"):
        validation.check(config(ACME, {**JWK, "name": "acme"}))


@pytest.mark.parametrize(
    "duration", ["24h", "5m", "1h30m", "1.5h", ".5s", "300ms", "10us", "10µs", "1ns", "-1m", "+2h", "0", "0s"]
)
def test_go_durations(duration: str) -> None:
    validation.check(config({**ACME, "claims": {"maxTLSCertDuration": duration}}))


@pytest.mark.parametrize(
    "duration", ["7305d", "1w", "24", "h", "", " 24h", "24h\n", "24 h", "24H", "٢٤h", "1h-5m", 24, None, True]
)
def test_what_is_not_a_go_duration(duration: Any) -> None:
    with pytest.raises(TrustAnchorError, match=r"maxTLSCertDuration: .* is not a duration.*no unit for days"):
        validation.check(config({**ACME, "claims": {"maxTLSCertDuration": duration}}))


@pytest.mark.parametrize("key", validation.required_of(settings.CONFIG))
@pytest.mark.parametrize("empty", ["absent", "empty"])
def test_what_step_ca_needs(key: str, empty: str) -> None:
    broken = {name: value for name, value in CONFIG.items() if name != key}
    if empty == "empty":
        broken[key] = type(CONFIG[key])()
    with pytest.raises(TrustAnchorError, match=f"'{key}' is missing or empty"):
        validation.check(broken)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"address": 443}, "ca.json: address must be a string, found int: 443"),
        ({"dnsNames": "ca.corp.example"}, "ca.json: dnsNames must be a list"),
        ({"root": {}}, "ca.json: root must be a list"),
        ({"tls": {"minVersion": "1.2"}}, "minVersion must be a number"),
        ({"tls": {"minVersion": True}}, "minVersion must be a number"),
        ({"crl": {"enabled": 1}}, "enabled must be true or false"),
        ({"db": []}, "ca.json: db must be a mapping"),
        ({"authority": {"provisioners": 5}}, "provisioners must be a list, found int"),
        ({"authority": {"provisioners": {"a": ACME}}}, "provisioners must be a list, found dict"),
    ],
)
def test_wrong_types(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrustAnchorError, match=message):
        validation.check(config(**changes))


def test_a_secret_of_a_wrong_type_is_not_repeated() -> None:
    with pytest.raises(TrustAnchorError, match=r"clientSecret must be a string, found list\.$") as caught:
        validation.check(config({**OIDC, "clientSecret": ["hunter2"]}))
    assert "hunter2" not in str(caught.value.as_dict())
    with pytest.raises(TrustAnchorError, match="dataSource must be a string, found dict") as caught:
        validation.check(config(db={"dataSource": {"password": "hunter2"}}))
    assert "hunter2" not in str(caught.value.as_dict())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_any_json_is_accepted_or_refused_in_order(value: Any) -> None:
    with pytest.raises(TrustAnchorError):
        validation.check(value)


@given(st.sampled_from(sorted(settings.CONFIG)), JSON)
def test_any_value_of_a_known_key(key: str, value: Any) -> None:
    refuse_or_accept({**CONFIG, key: value})


@given(st.sampled_from(sorted(settings.AUTHORITY)), JSON)
def test_any_value_in_authority(key: str, value: Any) -> None:
    refuse_or_accept({**CONFIG, "authority": {key: value}})


@given(
    st.sampled_from(sorted(settings.PROVISIONERS)),
    st.dictionaries(st.sampled_from(["name", "key", "claims", "options", "roots"]), JSON),
)
def test_any_provisioner(kind: str, value: dict[str, Any]) -> None:
    refuse_or_accept(config({"name": "one", **value, "type": kind}))


@given(JSON)
def test_any_list_of_provisioners(value: Any) -> None:
    refuse_or_accept({**CONFIG, "authority": {"provisioners": value}})


def refuse_or_accept(value: dict[str, Any]) -> None:
    """No exception other than the domain's."""
    try:
        validation.check(value)
    except TrustAnchorError as error:
        assert error.what
