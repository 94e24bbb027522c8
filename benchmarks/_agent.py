# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check by the trust agent costs a host when there is nothing to do."""

from __future__ import annotations

import http.server
import json
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from _measure import Lab, Measure
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import (
    SignedManifest,
)
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from factories import pki
from factories.manifests import sign, signer

CHECKS = 9
# Prints CPU seconds and the largest resident set (KiB) of the program and the programs that it started.
CHECK = """python3 -c "
import resource, subprocess
said = subprocess.run(['/usr/local/lib/trustanchor/trust-agent'], check=True, capture_output=True).stdout
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(said.split(b',')[0].decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
" """


def signed_manifest(root: pki.Authority, name: str) -> bytes:
    """A signed manifest of sequence 1 that trusts one root."""
    roots = (Root(name, root.sha256, "trusted", root.pem),)
    return sign(SignedManifest(root.sha256[:32], 1, pki.NOW, pki.NOW + 30 * pki.DAY, roots), signer(root))


@contextmanager
def publication(address: str, content: bytes) -> Iterator[str]:
    """A publication host with one file; its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((address, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{address}:{server.server_port}/trust.p7m"
        server.shutdown()


def measure(lab: Lab, host: str, root: pki.Authority) -> list[Measure]:
    """Install the agent on a host whose record trusts the root r1 alone, let it take up a manifest, and measure."""
    with publication(f"10.77.{lab.index}.1", signed_manifest(root, "r1")) as url:
        arguments = ("--extra-vars", json.dumps({"trust_agent_urls": [url]}))
        lab.play("benchmarks/trust_agent.yml", limit=host, arguments=arguments)
        lab.ssh(host, CHECK)
        checks = [lab.ssh(host, CHECK).split() for _number in range(CHECKS)]
    if {check[0] for check in checks} != {"unchanged"}:
        raise SystemExit(f"the agent found something to do: {checks}")
    return [
        Measure("agent_check_cpu_milliseconds", statistics.median(float(check[1]) for check in checks) * 1000, "ms"),
        Measure("agent_check_peak_memory", max(int(check[2]) for check in checks) / 1024, "MiB"),
    ]
