# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The publication host: URLs, nginx's configuration, and converging; nginx and systemd are replaced."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import files
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import nginx, proof, site, watch
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import (
    Answer,
    PublicationUrl,
    parse_url,
)
from factories import pki, publication_host
from factories.publication_host import MARGINS, ROOT, Host, wanted
from factories.publication_record import crl

SOURCE = nginx.Source("ca1", parse_url("http://ca.corp.example:8080/1.0/crl", "x")[0])


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return publication_host.make(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://pki.corp.example", PublicationUrl("pki.corp.example")),
        ("http://pki.corp.example/", PublicationUrl("pki.corp.example")),
        ("http://pki.corp.example:8080/ca/v1/", PublicationUrl("pki.corp.example", 8080, "/ca/v1")),
        ("http://10.0.0.7", PublicationUrl("10.0.0.7")),
    ],
)
def test_url(url: str, found: PublicationUrl) -> None:
    assert parse_url(url, "url") == (found, url.rstrip("/"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pki.corp.example",
        "https://pki.corp.example",
        "http://",
        "http://user@pki.corp.example",
        "http://pki.corp.example?x",
        "http://pki.corp.example#x",
        "http://pki.corp.example:99999",
        "http://pki.corp.example/a b",
        "http://pki.corp.example/a;b",
        "http://pki.corp.example/../x",
        "http://pki.corp.example//x",
        "http://pki_corp.example{",
        "http://pki.corp.example/x\n}",
    ],
)
def test_a_url_that_cannot_be(url: str) -> None:
    with pytest.raises(TrustAnchorError, match="a plain http URL is expected"):
        parse_url(url, "url")


def rendered(**changes: Any) -> str:
    arguments = {
        "url": PublicationUrl("pki.corp.example", 8080, "/ca"),
        "documents": [("root-r1.crl", "root_crl"), ("root-r1.crt", "root")],
        "sources": [SOURCE],
        "resolvers": ["10.0.0.1", "[fd00::1]"],
        "ipv6": True,
    }
    return nginx.render(**{**arguments, **changes}).decode()


def test_configuration() -> None:
    text = rendered()
    assert text == rendered()
    assert "location = /ca/root-r1.crl {" in text
    assert "listen 8080;" in text
    assert "listen [::]:8080;" in text
    assert "resolver 10.0.0.1 [fd00::1] valid=30s;" in text
    assert 'set $trustanchor_authority "ca.corp.example:8080";' in text
    assert "proxy_pass http://$trustanchor_authority/1.0/crl;" in text
    assert text.count("{") == text.count("}")
    assert text.endswith("    }\n}\n")
    assert text.startswith("# Managed by the Ansible collection")


def test_a_ca_whose_list_has_no_path_of_its_own() -> None:
    text = rendered(sources=[nginx.Source("ca1", PublicationUrl("ca.corp.example"))])
    assert "proxy_pass http://$trustanchor_authority/;" in text


def test_configuration_without_what_a_host_has_not() -> None:
    text = rendered(ipv6=False, resolvers=[], sources=[])
    assert "[::]" not in text
    assert "resolver" not in text
    assert "proxy_pass" not in text
    assert "resolver" not in rendered(sources=[])
    assert "resolver" not in rendered(resolvers=[])


def test_a_name_is_served_under_its_own_url_whatever_words_are_in_it() -> None:
    text = rendered(documents=[("root-DIGEST.crl", "root_crl")], sources=[])
    assert "location = /ca/root-DIGEST.crl {" in text
    assert "/root-DIGEST.crl;" in text


def test_the_digest_is_the_one_that_running_hosts_have_loaded() -> None:
    """Another digest of the same configuration would write and reload every web server once."""
    text = rendered()
    found = nginx.digest_in(text.encode())
    assert found == hashlib.sha256(text.replace(found, "DIGEST").encode()).hexdigest()


def test_each_configuration_has_a_digest_of_its_own() -> None:
    texts = [rendered(), rendered(ipv6=False), rendered(documents=[]), rendered(resolvers=["10.0.0.2"])]
    digests = {nginx.digest_in(text.encode()) for text in texts}
    assert len(digests) == len(texts)
    assert all(len(digest) == 64 for digest in digests)
    assert nginx.digest_in(b"") == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", []),
        (b"search x\nnameserver 10.0.0.1\nnameserver fd00::1\n", ["10.0.0.1", "[fd00::1]"]),
        (b"nameserver fe80::1%eth0\nnameserver\n# nameserver 1.1.1.1\n", []),
    ],
)
def test_name_servers(monkeypatch: pytest.MonkeyPatch, text: bytes, found: list[str]) -> None:
    monkeypatch.setattr(files, "read", lambda _path: text)
    assert nginx.resolvers() == found


def test_the_second_run_changes_nothing(host: Host) -> None:
    planned = site.converge(wanted(), check=True)
    assert host.acts == [host.acts[0]]  # it asked who listens
    assert not Path(nginx.DIRECTORY).exists()
    done = site.converge(wanted(), check=False)
    assert done.corrected.keys() == planned.corrected.keys()
    assert done.after["root-r1.crl"]["crl_number"] == "1"
    assert site.converge(wanted(), check=False).corrected == {}
    assert site.converge(wanted(), check=True).corrected == {}


def test_a_check_announces_the_reload_of_a_new_configuration(host: Host) -> None:
    site.converge(wanted(), check=False)
    Path(nginx.CONFIGURATION).write_bytes(host.loaded + b"# edited\n")
    planned = site.converge(wanted(), check=True).corrected
    assert planned == {nginx.CONFIGURATION: ["content"], nginx.UNIT: ["not loaded"]}
    assert site.converge(wanted(), check=False).corrected == planned


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("damaged", [b"", b"garbage", crl(ROOT, 9)[:-1], crl(pki.root(), 9)])
def test_what_is_damaged_or_foreign_is_replaced(damaged: bytes) -> None:
    site.converge(wanted(7), check=False)
    path = Path(nginx.DIRECTORY, "root-r1.crl")
    path.write_bytes(damaged)
    site.converge(wanted(7), check=False)
    assert path.read_bytes() != damaged


def test_what_nginx_refuses_leaves_the_configuration_as_it_was(host: Host) -> None:
    host.refused = "unknown directive"
    with pytest.raises(TrustAnchorError, match="unknown directive"):
        site.converge(wanted(), check=False)
    assert not Path(nginx.CONFIGURATION).exists()
    host.refused = ""
    site.converge(wanted(), check=False)
    before = Path(nginx.CONFIGURATION).read_bytes()
    host.refused = "unknown directive"
    with pytest.raises(TrustAnchorError, match="unknown directive"):
        site.converge(wanted(sources=(SOURCE,)), check=False)
    assert Path(nginx.CONFIGURATION).read_bytes() == before


def test_a_run_that_died_before_the_reload_is_finished(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    site.converge(wanted(), check=False)
    edited = Path(nginx.CONFIGURATION).read_bytes().replace(b"autoindex off", b"autoindex on")
    Path(nginx.CONFIGURATION).write_bytes(edited)
    host.loaded = edited  # and the digest in it is still the right one

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(nginx, "run", die)
        with pytest.raises(KeyboardInterrupt):
            site.converge(wanted(), check=False)
    assert b"autoindex on" not in Path(nginx.CONFIGURATION).read_bytes()
    assert site.converge(wanted(), check=False).corrected == {nginx.UNIT: ["not loaded"]}
    assert host.loaded == Path(nginx.CONFIGURATION).read_bytes()


def test_a_worker_by_the_old_configuration_may_answer_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    site.converge(wanted(), check=False)
    old = [Answer(404, "text/html", b"")] * 3

    def get(where: PublicationUrl, name: str, address: str, _timeout: float) -> Answer:
        return old.pop() if old else host.get(where, name, address)

    monkeypatch.setattr(proof, "get", get)
    (fault,) = site.converge(wanted(), check=False).faults  # nothing was reloaded, so nothing is waited for
    assert "is not served as it should be" in str(fault)
    host.active = False
    assert site.converge(wanted(), check=False).faults == ()
    assert old == []


def test_names_are_taken_once(host: Host) -> None:
    with pytest.raises(TrustAnchorError, match=r"two things would be published as root-r1\.crl"):
        site.converge(wanted(sources=(nginx.Source("root-r1", SOURCE.url),)), check=True)
    for name in ("", "a/b", "a;b", ".hidden", "a b"):
        with pytest.raises(TrustAnchorError, match="cannot be published under that name"):
            site.converge(wanted(sources=(nginx.Source(name, SOURCE.url),)), check=True)
    assert host.acts == []


def test_what_is_watched() -> None:
    found = wanted(sources=(SOURCE,), issuers={"ca1": "PEM"}, margins={**MARGINS, "ca_crl": 7}).watched()
    assert watch.Watched("ca1.crl", "ca_crl", 7, "PEM") in found.watched
    assert watch.Watched("root-r1.crl", "root_crl", 60, ROOT.pem) in found.watched


def test_the_watch_looks_at_once_when_something_changed(host: Host) -> None:
    now = "systemctl --no-block start trustanchor-publication-watch.service"
    site.converge(wanted(), check=True)
    assert now not in host.acts
    site.converge(wanted(), check=False)
    assert host.acts.count(now) == 1
    site.converge(wanted(), check=False)
    assert host.acts.count(now) == 1


def test_a_published_file_that_cannot_be_removed_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(TrustAnchorError, match=f"{tmp_path} cannot be removed"):
        site._unlink(str(tmp_path))
