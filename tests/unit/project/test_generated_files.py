# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file that is rendered to a host, with hostile values: a value changes nothing but itself.

A new template, or a new place that writes files, fails in test_places_that_write.py until it is in a table there.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.trustanchor.private_ca.plugins.filter.config_value import FilterModule
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import nginx, watch
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import units as publication_units
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import PublicationUrl
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import settings as service
from ansible_collections.trustanchor.private_ca.plugins.module_utils.service_certificate import units as service_units
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca import templates, unit
from ansible_collections.trustanchor.private_ca.plugins.module_utils.stepca.layout import Layout
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import configuration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.token.backends import softhsm
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import settings as agent
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.agent import units as agent_units
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import containerd, declaration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import environment as variables
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.declaration import StoreDeclaration
from factories.collection import CHECKOUT

HOSTILE = (
    "a\nExecStartPre=/bin/false",
    "a\r\nb",
    "a\0b",
    "a\x1b[2Jb",
    "a\x85b",
    "a\u2028b",
    "a\u202eb",
    "a\udcffb",
    "a\\",
    "a;b",
    "a}b{",
    'a"b',
    "a'b",
    "a b",
    "a%hb",
    "a$HOME",
    "a${HOME}",
    "a#b",
    "{{ a }}",
    " a",
    "a\tb",
    "-a",
    "~^a",
)
Render = Callable[[str], bytes]


def _contents(made: Any, suffix: str) -> bytes:
    """Of the one file whose path ends so."""
    (found,) = (item.content for item in made if isinstance(item, files.File) and item.path.endswith(suffix))
    return found


def _service(suffix: str, calendar: str = "hourly", **changes: Any) -> bytes:
    values = {"name": "web", "names": ("web",), "ca_url": "x", "root_pem": "x", "lifetime": 2, "renew_before": 1}
    return _contents(service_units.timed(service.Settings(**{**values, **changes}), calendar, 5).files(), suffix)


def _watch(suffix: str, calendar: str = "hourly", alert: str = "", metrics: str = "") -> bytes:
    wanted = watch.Watch(PublicationUrl("pki"), (), metrics)
    return _contents(publication_units.timed(wanted, calendar, alert).files(), suffix)


def _agent(suffix: str, calendar: str = "hourly", metrics: str = "", **declared: Any) -> bytes:
    stores = StoreDeclaration(declared={**declaration.parse({}).declared, **declared})
    return _contents(
        agent_units.timed(agent.AgentSettings(("http://x/y",), stores, metrics), calendar, 5).files(), suffix
    )


def _step_ca(environment: Mapping[str, str] | None = None, networks: tuple[str, ...] = (), **layout: str) -> bytes:
    return unit.render({"address": ":443"}, unit.UnitSettings(networks, environment), Layout(**layout))


def _nginx(**changes: Any) -> bytes:
    values = {"url": PublicationUrl("pki"), "documents": [], "sources": [], "resolvers": [], "ipv6": True}
    return nginx.render(**{**values, **changes})


def _source(**changes: Any) -> bytes:
    return _nginx(sources=[nginx.Source(changes.pop("name", "ca1"), PublicationUrl(**{"host": "ca", **changes}))])


def _containerd(registry: str, roots: str) -> bytes:
    root = Root("", "0" * 64, pem="x")
    return _contents(containerd.store(registry, roots, "/etc/containerd/certs.d").render(Wanted((root,))), "hosts.toml")


def _environment(path: str) -> Render:
    def rendered(value: str) -> bytes:
        return _contents(variables.drop_ins(["node", "python"], value).render(Wanted(())), path)

    return rendered


UNITS: dict[str, Render] = {
    "agent: calendar": lambda value: _agent(".timer", calendar=value),
    "agent: metrics": lambda value: _agent(".service", metrics=f"/{value}"),
    "agent: declared store": lambda value: _agent(".service", nss_databases=({"path": f"/{value}"},)),
    "certificate: name": lambda value: _service(".service", name=value),
    "certificate: name in the timer": lambda value: _service(".timer", name=value),
    "certificate: calendar": lambda value: _service(".timer", calendar=value),
    "certificate: metrics": lambda value: _service(".service", metrics_directory=f"/{value}"),
    "watch: calendar": lambda value: _watch(".timer", calendar=value),
    "watch: metrics": lambda value: _watch(".service", metrics=f"/{value}"),
    "watch: alert": lambda value: _watch(".service", alert=value),
    "step-ca: value of a variable": lambda value: _step_ca({"A": value}),
    "step-ca: name of a variable": lambda value: _step_ca({value: "b"}),
    "step-ca: base": lambda value: _step_ca(base=f"/{value}"),
    "step-ca: state": lambda value: _step_ca(state=f"/var/lib/{value}"),
    "step-ca: user": lambda value: _step_ca(user=value),
    "environment: services": _environment(variables.SERVICES),
}
NGINX: dict[str, Render] = {
    "host": lambda value: _nginx(url=PublicationUrl(value)),
    "prefix": lambda value: _nginx(url=PublicationUrl("pki", prefix=f"/{value}")),
    "document": lambda value: _nginx(documents=[(value, "root")]),
    "source": lambda value: _source(name=value),
    "authority": lambda value: _source(host=value),
    "path of a source": lambda value: _source(prefix=f"/{value}"),
    "name server": lambda value: _nginx(sources=[nginx.Source("a", PublicationUrl("ca"))], resolvers=[value]),
}
OTHERS: dict[str, tuple[Render, Callable[[bytes], Any]]] = {
    "containerd: registry": (lambda value: _containerd(value, "/x"), lambda made: list(tomllib.loads(made.decode()))),
    "containerd: roots": (lambda value: _containerd("r", f"/{value}"), lambda made: list(tomllib.loads(made.decode()))),
    "environment: shells": (_environment(variables.SHELLS), lambda made: _shape(made, "=")),
    "environment: users": (_environment(variables.USERS), lambda made: _shape(made, "=")),
    "step-ca: leaf template": (
        lambda value: templates.leaf(f"http://{value}").encode(),
        lambda made: (_shape(made, ":"), made.count(b"{{")),
    ),
    "step-ca: canary template": (
        lambda value: templates.canary(value).encode(),
        lambda made: (list(json.loads(made)), made.count(b"{{")),
    ),
    "softhsm": (
        lambda value: configuration.fill(softhsm._CONFIG, {"directory": f"/{value}"}).encode(),
        lambda made: _shape(made, "="),
    ),
}


def _shape(made: bytes, mark: str) -> list[str]:
    """What stands before a mark on each line, as any reader of lines finds them."""
    return [line.partition(mark)[0].strip() for line in re.split("[\n\r\0]", made.decode())]


def _unit_shape(made: bytes) -> list[tuple[str, bool]]:
    """Keys, sections, and whether a line takes the next one along."""
    return [(line.partition("=")[0], line.endswith("\\")) for line in re.split("[\n\r\0]", made.decode())]


def _nginx_shape(made: bytes) -> tuple[list[str], int]:
    text = made.decode()
    return re.findall("[{};\n\r\0\"'\\\\]", text), text.count("$")


def _require_harmless(render: Render, shape: Callable[[bytes], Any], value: str) -> bytes:
    """What was made of a hostile value, empty where it was refused."""
    try:
        made = render(value)
    except (TrustAnchorError, AnsibleFilterError):
        return b""
    assert all(one.isprintable() for one in made.decode().split("\n"))
    assert shape(made) == shape(render("a"))
    return made


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("case", UNITS)
def test_units(case: str, value: str) -> None:
    made = _require_harmless(UNITS[case], _unit_shape, value)
    assert "%h" not in made.decode().replace("%%", "")
    if case.startswith("certificate: name"):  # a word of a command line
        assert "$HOME" not in made.decode().partition("ExecStart=")[2].replace("$$", "")


@pytest.mark.parametrize("network", ["fe80::%a\nExecStartPre=/bin/false/64", "10.0.0.0/8\n", "10.0.0.0/8 any", "%h"])
def test_networks_in_a_unit(network: str) -> None:
    with pytest.raises(TrustAnchorError):
        _step_ca(networks=(network,))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("case", NGINX)
def test_nginx(case: str, value: str) -> None:
    render = NGINX[case]
    benign = "10.0.0.1" if case == "name server" else "a"
    _require_harmless(lambda given: render(benign if given == "a" else given), _nginx_shape, value)


@pytest.mark.parametrize("text", ["10.0.0.1;include", "1.1.1.1}", "$x", "a.example", "fe80::1%eth0"])
def test_who_writes_the_hosts_name_servers_writes_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "resolv.conf").write_text(f"nameserver {text}\nnameserver 10.0.0.2\n")
    monkeypatch.setattr(nginx, "_RESOLV_CONF", str(tmp_path / "resolv.conf"))
    assert nginx.resolvers() == ["10.0.0.2"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("case", OTHERS)
def test_other_files(case: str, value: str) -> None:
    _require_harmless(*OTHERS[case], value)


# --- roles


def _environment_of_ansible() -> jinja2.Environment:
    made = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)
    made.filters["trustanchor.private_ca.config_value"] = FilterModule().filters()["config_value"]
    return made


def _role_files() -> dict[str, str]:
    """Templates of roles, and content of files that tasks write; a file that is one value is data."""
    found = {str(path.relative_to(CHECKOUT)): path.read_text() for path in CHECKOUT.glob("roles/*/templates/**/*.*")}
    for path in [*CHECKOUT.glob("roles/*/tasks/**/*.yml"), *CHECKOUT.glob("playbooks/*.yml")]:
        for number, text in enumerate(_texts(yaml.safe_load(path.read_text()))):
            if "{{" in text and not re.fullmatch(r"\{\{[^{}]*\}\}", text.strip()):
                found[f"{path.relative_to(CHECKOUT)}#{number}"] = text
    return found


def _texts(node: Any) -> Iterator[str]:
    """What tasks write into files, wherever they are: also into a part of one."""
    if isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if key in ("content", "block", "line") and isinstance(value, str):
                yield value
            yield from _texts(value)


ROLE_FILES = _role_files()
SCHEDULE: dict[str, Any] = {
    "trust_schedule_alert_command": ["/bin/true"],
    "trust_schedule_alert_credentials": {"name": "/x"},
    "trust_schedule_user": "root",
    "trust_schedule_group": "root",
    "trust_schedule_directory": "/srv",
    "trust_schedule_program": "/bin/true",
    "trust_schedule_playbook": "x.yml",
    "trust_schedule_arguments": ["-v"],
    "trust_schedule_timeout": "6h",
    "trust_schedule_credentials": {"name": "/x"},
    "trust_schedule_environment": {"NAME": "x"},
    "trust_schedule_record": "/srv/pki",
    "trust_schedule_calendar": "hourly",
    "trust_schedule_random_delay": 5,
    "step_ca_apt_uri": "https://x",
    "step_ca_apt_suite": "debs",
    "step_ca_version": "0.30.2-1",
    "step_ca_cli_version": "0.30.6-1",
}
SPECIFIERS = ("trust_schedule_alert_command", "trust_schedule_environment")  # documented to be expanded


@pytest.mark.parametrize("name", ROLE_FILES)
def test_each_value_in_a_roles_file_goes_through_the_writer(name: str) -> None:
    expressions = re.findall(r"\{\{(.*?)\}\}", ROLE_FILES[name])
    assert [one for one in expressions if "| trustanchor.private_ca.config_value(" not in one] == []


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("variable", SCHEDULE)
def test_files_of_roles(variable: str, value: str) -> None:
    benign = SCHEDULE[variable]
    hostile: Any = f"/{value}" if str(benign).startswith("/") else value
    if isinstance(benign, list):
        hostile = [hostile]
    names = [name for name in ROLE_FILES if re.search(rf"\b{variable}\b", ROLE_FILES[name])]
    assert names
    for name in names:
        template = _environment_of_ansible().from_string(ROLE_FILES[name])
        for given in [{key: value, "name": "x"} for key in benign] if isinstance(benign, Mapping) else [hostile]:

            def render(text: str, template: jinja2.Template = template, given: Any = given) -> bytes:
                return template.render({**SCHEDULE, **({} if text == "a" else {variable: given})}).encode()

            made = _require_harmless(render, _shape_of_values, value)
            assert variable in SPECIFIERS or "%h" not in made.decode().replace("%%", "")


def _shape_of_values(made: bytes) -> list[tuple[str, bool]]:
    """Sections and keys, each once, however many entries a mapping has."""
    return list(dict.fromkeys((re.split("[=:]", line)[0], line.endswith("\\")) for line in made.decode().split("\n")))
