# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A publication host below a temporary directory, for tests: files are real, nginx and systemd are replaced."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import commands, systemd, timed_program
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import (
    clients,
    nginx,
    proof,
    record_state,
    site,
    units,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.artifacts import KINDS, Artifact
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import Answer, PublicationUrl

from factories import accounts, pki
from factories.publication_record import crl, der

RUN = commands.run
ROOT = pki.root()
TIMER = "trustanchor-publication-watch.timer"
MARGINS = dict.fromkeys([*KINDS, "manifest_signer"], 60)


@dataclass
class Host:
    """nginx and systemd, as far as the code knows them."""

    active: bool = False
    enabled: bool = False
    loaded: bytes = b""
    refused: str = ""
    served: dict[str, bytes] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)
    timer: bool = False
    printed: str = ""
    elsewhere: dict[str, Callable[[str], Answer]] = field(default_factory=dict)

    def show(self, unit: str) -> systemd.Unit:
        """As `systemd.show`."""
        if unit == nginx.UNIT:
            return systemd.Unit(True, self.active, self.enabled, False, 1, 1.0)
        return systemd.Unit(True, self.timer, self.timer, False, 1, 1.0)

    def act(self, verb: str, unit: str) -> None:
        """As `systemd.act`."""
        self.acts.append(f"{verb} {unit}")
        if unit == TIMER:
            self.timer = True
        elif verb == "enable":
            self.enabled = True
        else:
            self.active, self.loaded = True, Path(nginx.CONFIGURATION).read_bytes()

    def run(self, arguments: list[str], *more: Any, **options: Any) -> Any:
        """As `commands.run`."""
        if arguments[0] == "openssl":
            return RUN(arguments, *more, **options)
        self.acts.append(" ".join(arguments))
        if arguments[0] == nginx.PROGRAM and self.refused:
            raise TrustAnchorError("'nginx -t' failed", self.refused)
        return type("Done", (), {"stdout": self.printed.encode() if "-T" in arguments else b""})

    def get(self, _url: PublicationUrl, name: str, address: str, _timeout: float = 0) -> Answer:
        """As `url.get`."""
        if address in self.elsewhere:
            return self.elsewhere[address](name)
        if not self.active:
            raise TrustAnchorError("nobody answers")
        if name == nginx.LOADED:
            return Answer(200, "text/plain", nginx.digest_in(self.loaded).encode())
        return Answer(200, KINDS[DOCUMENTS[name]].media_type, Path(nginx.DIRECTORY, name).read_bytes())


DOCUMENTS = {
    "root-r1.crt": "root",
    "root-r1.crl": "root_crl",
    "ca1.crt": "intermediate",
    "roots.pem": "bundle",
    "trust.p7m": "manifest",
}


def reached_at(monkeypatch: pytest.MonkeyPatch, *ways: clients.Way) -> None:
    """By which addresses clients come."""
    monkeypatch.setattr(clients, "ways", lambda _host, _ipv6: list(ways))


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host below a temporary directory."""
    found = Host()
    accounts.as_current_user(monkeypatch)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr(nginx, "CONFIGURATION", str(tmp_path / "conf.d/publication.conf"))
    monkeypatch.setattr(nginx, "DIRECTORY", str(tmp_path / "lib/publication"))
    monkeypatch.setattr(nginx, "MARK", str(tmp_path / "lib/loaded"))
    monkeypatch.setattr(nginx, "get", found.get)
    monkeypatch.setattr(proof, "get", found.get)
    monkeypatch.setattr(record_state, "PATH", str(tmp_path / "lib/record.json"))
    reached_at(monkeypatch, clients.Way("10.0.0.5", own=True, named=True))
    monkeypatch.setattr(site, "_LIBRARY", str(tmp_path / "lib"))
    monkeypatch.setattr(systemd, "show", found.show)
    monkeypatch.setattr(systemd, "act", found.act)
    monkeypatch.setattr(systemd, "daemon_reload", lambda: found.acts.append("daemon-reload"))
    monkeypatch.setattr(commands, "run", found.run)
    monkeypatch.setattr(timed_program.TimedProgram, "files", lambda _self: [])
    monkeypatch.setattr(units, "settings_files", lambda _watched: [])
    return found


@functools.cache
def root_crl(number: int) -> bytes:
    """The same number gives the same bytes."""
    return crl(ROOT, number)


def wanted(number: int = 1, **changes: Any) -> site.Site:
    """A site with a root and its CRL of a number."""
    artifacts = (
        Artifact("root-r1.crt", "root", der(ROOT.certificate)),
        Artifact("root-r1.crl", "root_crl", root_crl(number), ROOT.pem),
    )
    arguments = {
        "url": PublicationUrl("pki.corp.example"),
        "artifacts": artifacts,
        "kept": (),
        "record": record_state.RecordState("", 0),
        "sources": (),
        "issuers": {},
        "margins": MARGINS,
        "metrics_directory": "",
        "calendar": "hourly",
        "alert_unit": "",
    }
    return site.Site(**{**arguments, **changes})
