# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs of the publication, and requests to web servers that do odd things."""

from __future__ import annotations

import os
import socket
import threading

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import url
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.url import PublicationUrl


@pytest.mark.parametrize(
    ("text", "parts", "plain", "authority"),
    [
        ("http://pki.corp.example", PublicationUrl("pki.corp.example"), "http://pki.corp.example", "pki.corp.example"),
        ("http://PKI.corp.example:80/", PublicationUrl("pki.corp.example", 80, ""), None, "pki.corp.example"),
        ("http://10.0.0.5:8080/a/b//", PublicationUrl("10.0.0.5", 8080, "/a/b"), None, "10.0.0.5:8080"),
        ("http://x:81", PublicationUrl("x", 81, ""), None, "x:81"),
        ("http://x/aX", PublicationUrl("x", 80, "/aX"), None, "x"),
    ],
)
def test_its_parts(text: str, parts: PublicationUrl, plain: str | None, authority: str) -> None:
    assert url.parse_url(text, "here") == (parts, plain or text.rstrip("/"))
    assert (parts.authority, parts.path("a.crl")) == (authority, f"{parts.prefix}/a.crl")
    assert PublicationUrl("x") == PublicationUrl("x", 80, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pki.corp.example",
        "https://pki.corp.example",
        "http://",
        "http://:80",
        "http://x:99999",
        "http://x:y",
        "http://ada@x",
        "http://x?a",
        "http://x#a",
        "http://x/a b",
        "http://x;y",
        "http://-x",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(TrustAnchorError, match="here has '.*a plain http URL is expected"):
        url.parse_url(text, "here")


def asked(said: bytes) -> tuple[PublicationUrl, list[bytes]]:
    """A server at 127.0.0.1 that says this to the first request, and nothing more; and what it was asked."""
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as connection:
            heard.append(connection.recv(1 << 16))
            connection.sendall(said)

    threading.Thread(target=serve, daemon=True).start()
    return PublicationUrl("pki.corp.example", server.getsockname()[1], "/x"), heard


def test_a_request_is_a_clients() -> None:
    at, heard = asked(b"HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=x\r\nContent-Length: 2\r\n\r\nab")
    assert url.get(at, "a.crl", "127.0.0.1") == url.Answer(200, "text/plain", b"ab")
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /x/a.crl HTTP/1.1"
    assert [line for line in lines if line.lower().startswith("host:")] == [f"Host: pki.corp.example:{at.port}"]


def test_another_host_is_not_waited_for_as_long() -> None:
    assert (url.patience(own=True), url.patience(own=False)) == (20, 5)


@pytest.mark.parametrize("status", [199, 201, 204, 404, 500])
def test_another_status_than_200(status: int) -> None:
    at, _heard = asked(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
    with pytest.raises(TrustAnchorError, match=f"x/a.crl cannot be fetched from 127.0.0.1. .* answers {status}"):
        url.fetch(at, "a.crl", "127.0.0.1")


def test_how_much_is_taken() -> None:
    """Of a CRL with half a million entries; each has about 40 bytes."""
    assert url.MAX_BYTES == 32 * 1024 * 1024 > 500_000 * 40


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", b"abcd"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", None),
        (b"HTTP/1.0 200 OK\r\n\r\nabcd", b"abcd"),
        (b"HTTP/1.0 200 OK\r\n\r\nabcde", None),
        (CHUNKED + b"4\r\nabcd\r\n0\r\n\r\n", b"abcd"),
        (CHUNKED + b"5\r\nabcde\r\n0\r\n\r\n", None),
        (CHUNKED + b"4\r\nabc", None),
    ],
)
def test_a_part_is_not_the_whole(monkeypatch: pytest.MonkeyPatch, said: bytes, content: bytes | None) -> None:
    """A bundle that was cut off between two certificates would be a good one that lacks a root."""
    monkeypatch.setattr(url, "MAX_BYTES", 4)
    at, _heard = asked(said)
    if content is None:
        with pytest.raises(url.NoAnswer, match=r"IncompleteRead\([0-9]+ bytes read"):
            url.fetch(at, "roots.pem", "127.0.0.1")
    else:
        assert url.fetch(at, "roots.pem", "127.0.0.1") == content


@pytest.mark.parametrize("more", [0, 1])
def test_as_much_as_a_client_takes(more: int) -> None:
    """32 MiB: a CRL with about half a million entries."""
    at, _heard = asked(b"HTTP/1.0 200 OK\r\n\r\n" + bytes((32 << 20) + more))
    if more:
        with pytest.raises(url.NoAnswer, match="IncompleteRead"):
            url.get(at, "a.crl", "127.0.0.1")
    else:
        assert len(url.get(at, "a.crl", "127.0.0.1").content) == 32 << 20


@pytest.mark.parametrize("said", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"])
def test_an_answer_that_is_none_leaves_no_connection(said: bytes) -> None:
    """The watch asks for many files."""
    at, _heard = asked(said)
    with pytest.raises(url.NoAnswer, match=f"nobody answers for /x/a.crl at 127.0.0.1 port {at.port}") as caught:
        url.get(at, "a.crl", "127.0.0.1", timeout=0.5)
    peers = [name for name in map(peer, os.listdir("/proc/self/fd")) if name == ("127.0.0.1", at.port)]
    assert caught.value.__cause__ is not None and peers == []


def peer(descriptor: str) -> object:
    """To whom a descriptor of this process is connected."""
    try:
        with socket.socket(fileno=os.dup(int(descriptor))) as one:
            return one.getpeername()
    except OSError:
        return None


def test_another_host_is_waited_for_less_than_this_one() -> None:
    assert (url.patience(True), url.patience(False)) == (20, 5)
