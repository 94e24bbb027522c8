# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published is proved as clients come, by real requests to several addresses of this machine."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import addresses
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import (
    clients,
    nginx,
    proof,
    servers,
    site,
    watch,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.artifacts import KINDS, Artifact
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.clients import Way
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import Answer, PublicationUrl
from factories import pki, publication_host
from factories.publication_host import ROOT, wanted
from factories.publication_record import crl, der

ARTIFACTS = wanted(2).artifacts
RIGHT = {one.name: (200, KINDS[one.kind].media_type, one.content) for one in ARTIFACTS}
HOST = "pki.corp.example"
OTHER_SITE = dict.fromkeys(RIGHT, (200, "text/plain", b"the other site"))
FORMER = {**RIGHT, "root-r1.crl": (200, "application/pkix-crl", crl(ROOT, 1))}
STRANGERS = {**RIGHT, "root-r1.crl": (200, "application/pkix-crl", crl(pki.root("Other"), 2))}


@contextmanager
def serving(address: str, port: int, answers: Mapping[str, tuple[int, str, bytes]]) -> Iterator[int]:
    """A web server at one address; 404 for what it has no answer for. Its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Host"].partition(":")[0] == HOST
            status, media_type, content = answers.get(self.path.removeprefix("/"), (404, "text/html", b""))
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer((address, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


HERE, SECOND, ELSEWHERE = "127.0.0.2", "127.0.0.3", "127.0.0.4"


def proved(
    monkeypatch: pytest.MonkeyPatch, ways: list[Way], *answers: Mapping[str, tuple[int, str, bytes]] | None
) -> proof.Proof:
    """The proof where each address answers like this; None: nobody is there."""
    monkeypatch.setattr(clients, "ways", lambda _host, _ipv6: ways)
    with ExitStack() as stack:
        port = stack.enter_context(serving("127.0.0.9", 0, {}))  # one that is free at all of them
        for way, said in zip(ways, answers, strict=True):
            if said is not None:
                stack.enter_context(serving(way.address, port, said))
        return proof.prove(PublicationUrl(HOST, port), ARTIFACTS, ())


OWN, OWN_TOO, FOREIGN = Way(HERE, True, True), Way(SECOND, True, True), Way(ELSEWHERE, False, True)


def test_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proved(monkeypatch, [OWN, OWN_TOO, FOREIGN], RIGHT, RIGHT, RIGHT) == proof.Proof()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (OTHER_SITE, "root-r1.crt is not served as it should be at 127.0.0.3: the answer is 200 text/plain"),
        (FORMER, "root-r1.crl is not served as it should be at 127.0.0.3: the answer is 200 application/pkix-crl"),
        ({}, "the answer is 404 text/html"),
        (None, "nobody answers for /root-r1.crt at 127.0.0.3"),
    ],
)
def test_one_of_our_own_addresses_is_taken(
    monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, tuple[int, str, bytes]] | None, words: str
) -> None:
    found = proved(monkeypatch, [OWN, OWN_TOO], RIGHT, answers)
    (fault,) = found.faults
    assert words in str(fault)
    assert found.warnings == ()
    unnamed = proved(monkeypatch, [OWN, replace(OWN_TOO, named=False)], RIGHT, answers)
    assert unnamed.faults == ()
    assert words in unnamed.warnings[0]


@pytest.mark.parametrize(
    ("answers", "is_fault", "words"),
    [
        (OTHER_SITE, True, "127.0.0.4, to which the published name leads, serves something else as root-r1.crt"),
        (STRANGERS, True, "127.0.0.4, to which the published name leads, serves something else as root-r1.crl"),
        (FORMER, False, "127.0.0.4, another host behind the published name, does not serve this root-r1.crl"),
        ({}, False, "127.0.0.4, another host behind the published name, does not serve this root-r1.crt"),
        (None, False, "nobody answers for /root-r1.crt at 127.0.0.4"),
    ],
)
def test_another_host_behind_the_name(
    monkeypatch: pytest.MonkeyPatch,
    answers: Mapping[str, tuple[int, str, bytes]] | None,
    is_fault: bool,
    words: str,
) -> None:
    """One that is behind, or a proxy's old copy, is told; what is not ours is a fault."""
    found = proved(monkeypatch, [OWN, FOREIGN], RIGHT, answers)
    assert words in (str(found.faults[0]) if is_fault else found.warnings[0])
    assert (len(found.faults), len(found.warnings)) == ((1, 0) if is_fault else (0, 1))


def test_the_watch_sees_what_the_unluckiest_client_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = watch.Watched("root-r1.crl", "root_crl", 60, ROOT.pem)
    soon = {**RIGHT, "root-r1.crl": (200, "application/pkix-crl", crl(ROOT, 1, end=pki.NOW + pki.HOUR))}
    for ways, answers, expected in (
        ([OWN, FOREIGN], [RIGHT, None], (pki.NOW + 300 * pki.DAY).timestamp()),
        ([OWN, FOREIGN], [RIGHT, soon], (pki.NOW + pki.HOUR).timestamp()),
        ([OWN, FOREIGN], [RIGHT, {}], "answers 404"),
        ([OWN, OWN_TOO], [RIGHT, OTHER_SITE], "It came from 127.0.0.3"),
        ([OWN, OWN_TOO], [RIGHT, None], "nobody answers"),
    ):
        monkeypatch.setattr(clients, "ways", lambda _host, _ipv6, ways=ways: ways)
        with ExitStack() as stack:
            port = stack.enter_context(serving("127.0.0.9", 0, {}))
            for way, said in zip(ways, answers, strict=True):
                if said is not None:
                    stack.enter_context(serving(way.address, port, said))
            (found,) = watch.look(watch.Watch(PublicationUrl(HOST, port), (watched,)))
        if isinstance(expected, str):
            assert expected in found.fault
        else:
            assert (found.end, found.fault) == (watch.End(expected, "root_crl", 60), "")


def test_the_fault_names_the_other_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = publication_host.make(tmp_path, monkeypatch)
    host.elsewhere["10.0.0.6"] = lambda _name: Answer(200, "text/plain", b"other")
    host.printed = PRINTED.replace("10.0.0.5", "10.0.0.6")
    publication_host.reached_at(monkeypatch, Way("10.0.0.5", True, True), Way("10.0.0.6", True, True))
    done = site.converge(wanted(), check=False)
    (fault,) = done.faults
    assert "root-r1.crt is not served as it should be at 10.0.0.6" in str(fault)
    assert "/etc/nginx/sites-enabled/shop (listen 10.0.0.6:80; server_name shop.corp.example)" in str(fault)
    assert done.corrected  # all that is right was done


PRINTED = """# configuration file /etc/nginx/nginx.conf:
http {
    # server { listen 10.0.0.5:80; }
    log_format main '$remote_addr { listen 10.0.0.5:80; }';
    include /etc/nginx/conf.d/*.conf;
}
# configuration file /etc/nginx/conf.d/trustanchor-publication.conf:
server {
    listen 80;
    server_name pki.corp.example;
    location / { return 404; }
}
# configuration file /etc/nginx/conf.d/00-other.conf:
server { listen 80; server_name a.corp.example pki.corp.example; return 200 "other"; }
server { server_name pki.corp.example; }
server { listen 8080; server_name pki.corp.example; }
# configuration file /etc/nginx/sites-enabled/shop:
server {
    listen 10.0.0.5:80 default_server;
    server_name shop.corp.example;
    location /x { proxy_pass http://$host$request_uri; }
}
server { listen [fd00::5]:80; listen 10.0.0.7; listen unix:/run/x; }
"""


@pytest.mark.parametrize(
    ("address", "port", "found"),
    [
        ("10.0.0.5", 80, ["conf.d/00-other.conf (listen 80;", "00-other.conf (listen ;", "shop (listen 10.0.0.5:80;"]),
        (
            "10.0.0.7",
            80,
            ["00-other.conf (listen 80;", "00-other.conf (listen ;", "shop (listen [fd00::5]:80 10.0.0.7"],
        ),
        ("fd00::5", 80, ["00-other.conf (listen 80;", "00-other.conf (listen ;", "shop (listen [fd00::5]:80 10.0.0.7"]),
        ("10.0.0.5", 8080, ["00-other.conf (listen 8080;"]),
        ("10.0.0.5", 81, []),
    ],
)
def test_which_servers_nginx_may_prefer(address: str, port: int, found: list[str]) -> None:
    ours = "/etc/nginx/conf.d/trustanchor-publication.conf"
    rivals = servers.rivals(PRINTED, HOST, address, port, ours)
    assert len(rivals) == len(found)
    assert all(expected in one for one, expected in zip(rivals, found, strict=True))


def ways_of(monkeypatch: pytest.MonkeyPatch, named: list[str], own: list[str], ipv6: bool = True) -> list[Way]:
    def resolve(_host: str, _port: None, **_options: object) -> list[object]:
        if not named:
            raise socket.gaierror("no such name")
        return [(None, None, None, "", (one, 0)) for one in (*named, *named)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(addresses, "own", lambda: own)
    monkeypatch.setattr(addresses, "is_own", lambda one: one in own or one.startswith("127."))
    return clients.ways(HOST, ipv6)


def test_by_which_ways_clients_come(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = "10.0.0.1", "10.0.0.2", "192.0.2.3"
    both = [one, two]
    assert ways_of(monkeypatch, [two, three], both) == [
        Way(two, own=True, named=True),
        Way(one, own=True, named=False),
        Way(three, own=False, named=True),
    ]
    anywhere = [Way(one, own=True, named=True), Way(two, own=True, named=True)]
    assert ways_of(monkeypatch, [three], both) == [*anywhere, Way(three, own=False, named=True)]  # a proxy in front
    assert ways_of(monkeypatch, [], both) == anywhere  # no DNS yet
    assert ways_of(monkeypatch, ["127.0.1.1"], both) == anywhere  # /etc/hosts of Debian
    assert ways_of(monkeypatch, [], []) == [Way("127.0.0.1", own=True, named=True)]
    assert ways_of(monkeypatch, [one, "fd00::9"], [one, "fd00::1"], ipv6=False) == [Way(one, own=True, named=True)]


def test_what_may_be_another_version() -> None:
    certificate, list_ = ARTIFACTS
    bundle = Artifact("roots.pem", "bundle", ROOT.pem.encode())
    assert certificate.is_kindred(der(pki.root().certificate))
    assert list_.is_kindred(crl(ROOT, 1))
    assert bundle.is_kindred(pki.root().pem.encode())
    for one in (certificate, list_, bundle):
        assert not one.is_kindred(b"<html>")
    assert not list_.is_kindred(crl(pki.root("Other"), 1))


def crl_faults(monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, tuple[int, str, bytes]]) -> list[str]:
    """What is said of the CRL of a CA, ca1, that is behind ours."""
    monkeypatch.setattr(clients, "ways", lambda _host, _ipv6: [OWN])
    ca = nginx.Source("ca1", PublicationUrl("ca.corp.example", 8080, "/1.0/crl"))
    with serving(HERE, 0, answers) as port:
        found = proof.prove(PublicationUrl(HOST, port), (), (ca,))
    assert found.warnings == ()
    return [str(one) for one in found.faults]


def test_the_list_of_a_ca(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose signature is on it is asked where the certificates are known."""
    assert crl_faults(monkeypatch, {"ca1.crl": (200, "application/pkix-crl", crl(ROOT, 1))}) == []
    spoiled: list[dict[str, tuple[int, str, bytes]]] = [{}, {"ca1.crl": (200, "application/pkix-crl", b"<html>")}]
    for answers in spoiled:
        (fault,) = crl_faults(monkeypatch, answers)
        assert "the CRL of ca1 cannot be fetched from http://ca.corp.example:8080/1.0/crl" in fault
