# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A constant stream of verified TLS connections from a host, and clients that must refuse.

with streams.stream("client1", ["web1.corp.example:443"]) as running:
    ...                                    # what must not disturb anybody
    running.add("web2.corp.example:443")   # trusted by now
    running.await_rounds(3)
assert not streams.failures(running.results)
"""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev import tools

from . import hosts

CLIENTS = ("curl", "python", "java", "node", "go")
Results = dict[str, dict[str, dict[str, Any]]]  # client, target: count, gap, failures

_JAVA = Path(__file__).parent / "programs/TlsStream.java"

# How a client says that it knows no root above a certificate; not that it is expired, nor that nobody answers.
_UNTRUSTED = {
    "curl": r"^curl: \(60\) .*(unable to get local issuer certificate|self-signed certificate)",
    "python": r"^SSLCertVerificationError: .*(unable to get local issuer certificate|self-signed certificate)",
    "java": r"SSLHandshakeException: .*PKIX path building failed: .*unable to find valid certification path",
    "node": r"^(UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN) ",
    "go": r"x509: certificate signed by unknown authority",
}


class Stream:
    """A stream under way; its results so far, and at the end all of them."""

    def __init__(self, running: subprocess.Popen[str], targets: Sequence[str]) -> None:
        self._running = running
        self._targets = set(targets)
        self.results: Results = {}
        self._read()

    def add(self, target: str) -> None:
        """Let all clients ask ``host:port``, too."""
        self._targets.add(target)
        self._tell({"add": target})

    def remove(self, target: str) -> None:
        """Let no client ask ``host:port`` any more; no request to it is under way then."""
        self._targets.discard(target)
        self._tell({"remove": target})

    def report(self) -> Results:
        """The results so far."""
        self._tell({})
        return self.results

    def await_rounds(self, rounds: int, seconds: float = 60) -> None:
        """Wait until every client has asked every target this many times more; a request that failed counts, too."""
        before = self._attempts()

        def passed() -> bool:
            now = self._attempts()
            return all(now[key] >= before[key] + rounds for key in before)

        hosts.await_true(passed, seconds, f"not every client asked {rounds} times more since {before}")

    def _attempts(self) -> dict[tuple[str, str], int]:
        return {
            (client, target): result["count"] + len(result["failures"])
            for client, targets in self.report().items()
            for target, result in targets.items()
            if target in self._targets
        }

    def stop(self) -> Results:
        """End the stream."""
        text, _nothing = self._running.communicate()
        assert self._running.returncode == 0, text
        self.results = json.loads(text)
        return self.results

    def _tell(self, command: dict[str, str]) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(json.dumps(command) + "\n")
        self._running.stdin.flush()
        self._read()

    def _read(self) -> None:
        assert self._running.stdout is not None
        line = self._running.stdout.readline()
        assert line, f"the stream ended with {self._running.wait()}"
        self.results = json.loads(line)


@contextmanager
def stream(host: str, targets: Sequence[str], clients: Sequence[str] = CLIENTS, pause: float = 0.4) -> Iterator[Stream]:
    """Let clients of a host open new connections to targets all the time.

    Args:
        host: where the clients run.
        targets: ``host:port``.
        clients: of `CLIENTS`.
        pause: seconds between two requests of one client, which asks one target after the other.
    """
    question = {**_question(host, targets, clients), "pause": pause}
    running = Stream(hosts.start(host, "tls_stream", question), targets)
    try:
        yield running
    finally:
        running.stop()


def once(host: str, target: str, client: str) -> str:
    """What a client says about a target: ``ok`` or its error."""
    answer = hosts.ask(host, "tls_stream", {**_question(host, [target], [client]), "once": True})
    return str(answer[client][target])


def refused(host: str, target: str, client: str) -> str:
    """How a client refuses a target because it knows no root above its certificate.

    Raises:
        AssertionError: it accepts the target, or cannot tell (nobody answers, the certificate is expired, ...).
    """
    said = once(host, target, client)
    assert untrusted(client, said), f"{client} on {host} does not refuse the root of {target}, it says: {said}"
    return said


def untrusted(client: str, said: str) -> bool:
    """Whether a client's error is that it knows no root above the certificate."""
    return bool(re.search(_UNTRUSTED[client], said))


def failures(results: Results) -> list[str]:
    """One line for each request that failed, in the order of time."""
    found = sorted(
        (failure["time"], client, target, failure["message"])
        for client, targets in results.items()
        for target, result in targets.items()
        for failure in result["failures"]
    )
    return [f"{_clock(time)} {client} {target}: {' '.join(message.split())}" for time, client, target, message in found]


def fewest(results: Results) -> int:
    """The number of answered requests of the client and target that have the fewest."""
    return min(_all(results, "count"), default=0)


def longest_gap(results: Results) -> float:
    """The longest time that any client was without an answer of any target."""
    return max(_all(results, "gap"), default=0.0)


def _all(results: Results, key: str) -> Iterator[Any]:
    return (result[key] for targets in results.values() for result in targets.values())


def _clock(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%H:%M:%S.%f")[:-3]


def _question(host: str, targets: Sequence[str], clients: Sequence[str]) -> dict[str, Any]:
    go = _install_go(host) if "go" in clients else ""
    return {"targets": list(targets), "clients": list(clients), "go": go, "java": _JAVA.read_text()}


def _install_go(host: str) -> str:
    """The path of our Go client on a host, where a test that looks for what was written leaves it alone."""
    path = f"/var/tmp/handshake-{tools.home().name}"  # noqa: S108 on a host of the lab
    if hosts.run(host, f"test -x {path}", check=False).returncode:
        command = f"cat > {path}.new && chmod 755 {path}.new && mv {path}.new {path}"
        subprocess.run([*hosts.SSH, host, command], input=tools.handshake().read_bytes(), check=True)
    return path
