# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream of new, verified TLS connections from this host, by several clients at once, until standard input ends.

Question: {"targets": ["host:port"], "clients": [names], "pause": seconds between two requests of one client,
    "go": path of the Go client, "java": source of the Java client}; with "once" each client asks each target once.
Each further line ({"add": target}, {"remove": target} or {}) is answered by one line with all results so far, as is
    the beginning, when all clients run, and the end: {client: {target: {"count": requests that were answered,
    "gap": longest time without one, "failures": [{"time": when it began, "message": what the client said}]}}}.
A target that was removed is asked no more when the answer comes.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

TIMEOUT = 10
ROOTS = "/etc/trustanchor/roots.pem"
# Debian's Node.js would read the system store, too: here it is like all others.
NODE = """const [, host, port, timeout] = process.argv;
require("https").get({host, port, agent: false, timeout: Number(timeout)}, () => process.exit(0))
    .on("timeout", () => { throw new Error("no answer in time"); })
    .on("error", (error) => { console.error(error.code + " " + error.message); process.exit(1); });
"""


class Failure(TypedDict):
    """A request that was not answered."""

    time: float
    message: str


class Result(TypedDict):
    """What came of one client's requests to one target."""

    count: int
    gap: float
    failures: list[Failure]


Ask = Callable[[str], str]  # a client: target to ``ok`` or what it said


def execute(command: Sequence[str], **environment: str) -> str:
    """Run a client's process: ``ok`` or what it said."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=2 * TIMEOUT, env={**os.environ, **environment}, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "ok" if done.returncode == 0 else (done.stderr + done.stdout).strip() or f"exit code {done.returncode}"


def curl(target: str) -> str:
    """A process of curl, which reads the bundle file."""
    return execute(["curl", "-sS", "-o", "/dev/null", "--max-time", str(TIMEOUT), f"https://{target}/"])


def python(target: str) -> str:
    """A new default context, which reads the directory of hash links."""
    connection = http.client.HTTPSConnection(target, timeout=TIMEOUT, context=ssl.create_default_context())
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "ok"


def go(target: str) -> str:
    """A process of a program in Go, which reads the bundle file."""
    return execute([question["go"], target])


def node(target: str) -> str:
    """A process of Node.js, which has its own roots and the file that the environment names."""
    host, _colon, port = target.rpartition(":")
    command = ["node", "--use-bundled-ca", "-e", NODE, host, port, str(TIMEOUT * 1000)]
    return execute(command, NODE_EXTRA_CA_CERTS=ROOTS)


class Java:
    """One JVM, which reads Java's store for each request."""

    def __init__(self, directory: str) -> None:
        source = os.path.join(directory, "TlsStream.java")
        with open(source, "w", encoding="utf-8") as handle:
            handle.write(question["java"])
        subprocess.run(["javac", "-d", directory, source], check=True)
        command = ["java", "-XX:TieredStopAtLevel=1", "-Xmx64m", "-cp", directory, "TlsStream"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout

    def __call__(self, target: str) -> str:
        """Let it ask a target."""
        try:
            self.questions.write(f"{target}\n")
            self.questions.flush()
        except BrokenPipeError:
            return "the JVM ended"
        return self.answers.readline().strip() or "the JVM ended"

    def end(self) -> None:
        """Let it end."""
        self.process.communicate()


class Stream:
    """Results, and what is asked at the moment; all of it guarded by one condition."""

    def __init__(self, clients: Sequence[str]) -> None:
        self.changed = threading.Condition()
        self.targets: list[str] = []
        self.asked: dict[str, str | None] = {}  # client to target
        self.results: dict[str, dict[str, Result]] = {name: {} for name in clients}
        self.since: dict[
            tuple[str, str], float
        ] = {}  # (client, target) to the time of the last answer, or of the beginning
        self.stopped = threading.Event()

    def run(self, name: str, ask: Ask, pause: float, delay: float) -> None:
        """Let one client ask one target after the other."""
        self.stopped.wait(delay)
        turn = 0
        while not self.stopped.is_set():
            with self.changed:
                target = self.targets[turn % len(self.targets)] if self.targets else None
                self.asked[name] = target
            if target is not None:
                began = time.time()
                self.note(name, target, began, ask(target))
            turn += 1
            self.stopped.wait(pause)

    def note(self, name: str, target: str, began: float, said: str) -> None:
        """Keep a result."""
        with self.changed:
            result = self.results[name][target]
            if said == "ok":
                result["count"] += 1
                result["gap"] = max(result["gap"], time.time() - self.since[name, target])
                self.since[name, target] = time.time()
            else:
                result["failures"].append({"time": began, "message": said})
            self.asked[name] = None
            self.changed.notify_all()

    def add(self, target: str) -> None:
        """Ask one target more."""
        with self.changed:
            self.targets.append(target)
            for name, found in self.results.items():
                found.setdefault(target, {"count": 0, "gap": 0.0, "failures": []})
                self.since[name, target] = time.time()

    def remove(self, target: str) -> None:
        """Ask one target no more; returns when no request to it is under way."""
        with self.changed:
            self.targets.remove(target)
            self.changed.wait_for(lambda: target not in self.asked.values())

    def report(self) -> None:
        """All results, with the time since the last answer where that is the longest."""
        with self.changed:
            for (name, target), since in self.since.items():
                if target in self.targets:
                    result = self.results[name][target]
                    result["gap"] = max(result["gap"], time.time() - since)
            print(json.dumps(self.results), flush=True)


def stream(clients: Mapping[str, Ask], pause: float) -> None:
    """Let all clients ask until standard input ends."""
    running = Stream(list(clients))
    for target in question["targets"]:
        running.add(target)
    threads = [
        threading.Thread(target=running.run, args=(name, ask, pause, pause * number / len(clients)))
        for number, (name, ask) in enumerate(clients.items())
    ]
    for thread in threads:
        thread.start()
    running.report()
    for line in sys.stdin:
        command = json.loads(line)
        if "add" in command:
            running.add(command["add"])
        if "remove" in command:
            running.remove(command["remove"])
        running.report()
    running.stopped.set()
    for thread in threads:
        thread.join()
    running.report()


question = json.loads(sys.stdin.readline())
with contextlib.ExitStack() as stack:
    known: dict[str, Ask] = {"curl": curl, "python": python, "go": go, "node": node}
    if "java" in question["clients"]:
        known["java"] = java = Java(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(java.end)
    chosen = {name: known[name] for name in question["clients"]}
    if question.get("once"):
        said = {name: {target: ask(target) for target in question["targets"]} for name, ask in chosen.items()}
        print(json.dumps(said))
    else:
        stream(chosen, question["pause"])
