# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of nginx, and nginx running by it. Standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..host import commands, files, preflight, systemd
from ..text.configuration import Rendered, fill
from ..text.document import visible
from ..text.hostnames import is_address
from .artifacts import KINDS
from .clients import LOOPBACK
from .servers import rivals
from .url import PublicationUrl, get

UNIT = "nginx.service"
PROGRAM = "/usr/sbin/nginx"
CONFIGURATION = "/etc/nginx/conf.d/trustanchor-publication.conf"
DIRECTORY = "/var/lib/trustanchor/publication"
# Tells this host which configuration nginx has loaded: a reload is not believed.
LOADED = ".configuration"
# Which configuration nginx was made to load. It goes before a configuration is written and comes after the reload, so a
# run that died in between is finished by the next one, even when what nginx has loaded had been edited by hand.
MARK = "/var/lib/trustanchor/publication-loaded"
_LOADED_SECONDS = 20.0
_RESOLV_CONF = "/etc/resolv.conf"

_HEAD = """# Managed by the Ansible collection trustanchor.private_ca; changes are overwritten.

# The last CRL of each CA stays for as long as its CA is away.
proxy_cache_path /var/cache/trustanchor-publication keys_zone=trustanchor_publication:1m max_size=256m
                 inactive=365d use_temp_path=off;

server {{
{listens:block}
    server_name {host:nginx_word};
    server_tokens off;
    autoindex off;
    client_max_body_size 1k;
{resolver:block}
    if ($request_method !~ ^(GET|HEAD)$) {{
        return 405;
    }}
    error_page 405 @method;
    location @method {{
        add_header Allow "GET, HEAD" always;
        return 405;
    }}

    location / {{
        return 404;
    }}

    location = {path:nginx_word} {{
        if ($remote_addr != 127.0.0.1) {{
            return 404;
        }}
        default_type text/plain;
        return 200 "{digest:nginx_word}";
    }}
"""

_RESOLVER = """    resolver {addresses:nginx_addresses} valid=30s;
    resolver_timeout 3s;
"""
_NO_DIGEST = "DIGEST"  # what a configuration has for its own digest while that is computed

_FILE = """
    location = {path:nginx_word} {{
        alias {file:nginx_word};
        types {{ }}
        default_type {media_type:nginx_word};
        add_header Cache-Control "public, max-age={max_age:number}";
        add_header X-Content-Type-Options nosniff;
    }}
"""

# nginx asks for the CA's address at each request, so that it starts without DNS and follows a CA that moved. Without an
# answer of DNS it would not look into its cache; @crlN is a CA that is always away, for which it does.
_CRL = """
    location = {path:nginx_word} {{
        set $trustanchor_authority "{authority:nginx_word}";
        proxy_pass http://$trustanchor_authority{source:nginx_word};
        error_page 500 502 503 504 = @crl{number:number};
{common:block}    }}
    location @crl{number:number} {{
        proxy_pass http://127.0.0.1:1;
{common:block}    }}
"""
_COMMON = """        proxy_pass_request_headers off;
        proxy_pass_request_body off;
        proxy_http_version 1.1;
        proxy_connect_timeout 3s;
        proxy_read_timeout 5s;
        proxy_cache trustanchor_publication;
        proxy_cache_key "{name:nginx_word}";
        proxy_cache_valid 200 {max_age:number}s;
        proxy_cache_lock on;
        proxy_cache_use_stale error timeout invalid_header http_500 http_502 http_503 http_504 http_403 http_404
                              http_429;
        # The CA's Expires is the end of the CRL: a revocation would not be seen before.
        proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset
                             Expires Cache-Control Set-Cookie Vary;
        proxy_hide_header Expires;
        proxy_hide_header Cache-Control;
        proxy_hide_header Set-Cookie;
        proxy_hide_header Content-Disposition;
        proxy_hide_header X-Request-Id;
        add_header Cache-Control "public, max-age={max_age:number}";
        add_header X-Content-Type-Options nosniff;
        add_header X-Cache-Status $upstream_cache_status;
"""


@dataclass(frozen=True)
class Source:
    """The CRL of a step-ca.

    Args:
        name: it is published as ``NAME.crl``.
        url: the CA's plain-HTTP listener; the prefix is the whole path.
    """

    name: str
    url: PublicationUrl

    @property
    def file(self) -> str:
        """Name under which it is published."""
        return f"{self.name}.crl"


def render(
    url: PublicationUrl,
    documents: Sequence[tuple[str, str]],
    sources: Sequence[Source],
    resolvers: Sequence[str],
    ipv6: bool,
) -> bytes:
    """The configuration; the same arguments give the same bytes.

    Args:
        url: where everything is published.
        documents: name and kind of each file.
        sources: CRLs that are fetched from their CAs.
        resolvers: addresses of name servers.
        ipv6: whether the host has IPv6.
    """
    parts = [_document(url, *document) for document in documents]
    parts += [_source(url, source, number) for number, source in enumerate(sources)]
    rest = "".join([*parts, "}\n"])
    resolver = [fill(_RESOLVER, {"addresses": resolvers})] if resolvers and sources else []
    unsealed = _head(url, resolver, ipv6, _NO_DIGEST) + rest
    return (_head(url, resolver, ipv6, hashlib.sha256(unsealed.encode()).hexdigest()) + rest).encode()


def _head(url: PublicationUrl, resolver: list[Rendered], ipv6: bool, digest: str) -> str:
    """Everything before the files: the server, and where this host asks which configuration is loaded."""
    listens = fill(
        "    listen {port:number};" + ("\n    listen [::]:{port:number};" if ipv6 else ""), {"port": url.port}
    )
    values = {"listens": listens, "host": url.host, "resolver": resolver, "path": url.path(LOADED), "digest": digest}
    return fill(_HEAD, values)


def _document(url: PublicationUrl, name: str, kind: str) -> str:
    served = KINDS[kind]
    values = {"media_type": served.media_type, "max_age": served.max_age}
    return fill(_FILE, {"path": url.path(name), "file": f"{DIRECTORY}/{name}", **values})


def _source(url: PublicationUrl, source: Source, number: int) -> str:
    values = {
        "path": url.path(source.file),
        "authority": source.url.authority,
        "source": source.url.prefix or "/",
        "number": number,
        "common": fill(_COMMON, {"name": source.file, "max_age": KINDS["ca_crl"].max_age}),
    }
    return fill(_CRL, values)


def digest_in(configuration: bytes) -> str:
    """The digest that a configuration tells."""
    found = re.search(rb'return 200 "([0-9a-f]{64})";', configuration)
    return found.group(1).decode() if found else ""


def resolvers() -> list[str]:
    """The host's name servers (resolv.conf(5)) as nginx writes them; link-local ones with a zone it does not know."""
    lines = (files.read(_RESOLV_CONF) or b"").decode(errors="replace").split("\n")
    found = [fields[1] for fields in map(str.split, lines) if fields[:1] == ["nameserver"] and len(fields) > 1]
    plain = [address for address in found if is_address(address)]
    return [f"[{address}]" if ":" in address else address for address in plain]


def has_ipv6() -> bool:
    """Whether the kernel has IPv6; nginx does not start with an address that it cannot listen at."""
    return os.path.exists("/proc/net/if_inet6")


def require_port(port: int) -> None:
    """Nobody but nginx may listen at the port.

    Raises:
        TrustAnchorError: another program does.
    """
    asked = ["ss", "--no-header", "--listening", "--tcp", "--numeric", "--processes", f"sport = :{port}"]
    listed = commands.run(asked).stdout.decode(errors="replace")
    # The name that stands beside a number was chosen by the process; a number in a name makes one more to look at.
    programs = {preflight.program_of(int(pid)) for pid in re.findall("pid=([0-9]{1,10})", listed)}
    if others := programs - {os.path.realpath(PROGRAM)}:
        raise TrustAnchorError(
            f"port {port} is in use by {visible(min(others)) or 'another program'}",
            "nginx has to listen there",
            "Stop that program, or publish under a URL with another port",
        )


def faults(url: PublicationUrl, configuration: bytes, replaced: bool) -> list[str]:
    """What is wrong with the running nginx: any of not enabled, not running, not loaded.

    Args:
        url: where it serves.
        configuration: what it must have loaded.
        replaced: the file was, or in check mode would be, written by this run.
    """
    unit = systemd.show(UNIT)
    found = [] if unit.enabled else ["not enabled"]
    if not unit.active:
        return [*found, "not running"]
    return found if not replaced and is_loaded(url, configuration) else [*found, "not loaded"]


def is_loaded(url: PublicationUrl, configuration: bytes) -> bool:
    """Whether nginx was made to load this configuration, and serves by it."""
    return files.read(MARK) == digest_in(configuration).encode() and _serves(url, configuration)


def _serves(url: PublicationUrl, configuration: bytes) -> bool:
    with contextlib.suppress(TrustAnchorError):
        return get(url, LOADED, LOOPBACK).content.decode(errors="replace") == digest_in(configuration)
    return False


def write_configuration(wanted: files.File) -> None:
    """Replace the configuration by one that nginx accepts together with all others of the host.

    Raises:
        TrustAnchorError: it does not; what was there before is there again.
    """
    before = files.read(wanted.path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(MARK)
    wanted.write()
    try:
        test()
    except TrustAnchorError:
        if before is None:
            os.unlink(wanted.path)
        else:
            files.write_atomically(wanted.path, before, wanted.mode, wanted.owner, wanted.group)
        raise


def test() -> None:
    """Have nginx read all of its configuration.

    Raises:
        TrustAnchorError: it refuses it.
    """
    try:
        commands.run([PROGRAM, "-t", "-q"])
    except TrustAnchorError as error:
        raise TrustAnchorError(
            "nginx refuses its configuration", error.why, "nginx goes on as it was; correct what it names"
        ) from error


def explain(url: PublicationUrl, address: str) -> str:
    """Which other servers of this nginx may answer for the publication at an address; empty where none is found."""
    try:
        printed = commands.run([PROGRAM, "-T", "-q"]).stdout.decode(errors="replace")
    except TrustAnchorError:
        return ""
    found = rivals(printed, url.host, address, url.port, CONFIGURATION)
    return f"nginx prefers another server there: {'; '.join(found)}" if found else ""


def run(url: PublicationUrl, configuration: bytes, found: Sequence[str]) -> None:
    """Correct what `faults` found, and wait until nginx serves by this configuration.

    Raises:
        TrustAnchorError: it does not.
    """
    began = time.time()
    test()  # even when a run before this one died after it had written the configuration
    if "not enabled" in found:
        systemd.act("enable", UNIT)
    if "not running" in found:
        systemd.act("start", UNIT)
    elif "not loaded" in found:
        systemd.act("reload", UNIT)
    deadline = time.monotonic() + _LOADED_SECONDS
    while not _serves(url, configuration):
        if time.monotonic() > deadline:
            raise TrustAnchorError(
                f"nginx does not serve {url.authority} by {CONFIGURATION}",
                explain(url, LOOPBACK) or systemd.journal(UNIT, since=began),
                "Look for the name in 'nginx -T' and in /var/log/nginx/error.log",
            )
        time.sleep(0.05)
    files.write_atomically(MARK, digest_in(configuration).encode(), 0o644, "root", "root")
