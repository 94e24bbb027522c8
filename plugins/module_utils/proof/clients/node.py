# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node.js, with each of the stores that its version has. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...host.files import read
from .client import TIMEOUT, Asked, Client, Lines, Said, ask, find_program

# What the host declares for logins and services, which a module that came by ssh has not got.
ENVIRONMENT = "/etc/environment.d/50-trustanchor.conf"
_ROOTS = "NODE_EXTRA_CA_CERTS"
_DECLARED = re.compile(rf"""^{_ROOTS}=(["']?)(.*)\1$""", re.MULTILINE)
_SYSTEM = "--use-system-ca"
_KNOWS = f"process.exit(process.allowedNodeEnvironmentFlags.has('{_SYSTEM}') ? 0 : 3)"

# tls.connect() verifies chain and host name, whatever NODE_TLS_REJECT_UNAUTHORIZED says; given `ca`, it knows no other
# roots. Prints one line for each target.
_SCRIPT = """const tls = require("tls"), net = require("net"), fs = require("fs"), said = {};
const [word, roots, ...targets] = process.argv.slice(2);
for (const target of targets) {
    const colon = target.lastIndexOf(":");
    const host = target.slice(0, colon).replace(/^\\[|\\]$/g, ""), port = Number(target.slice(colon + 1));
    const options = {host, port, servername: net.isIP(host) ? "" : host, rejectUnauthorized: true};
    if (roots) options.ca = fs.readFileSync(roots);
    const socket = tls.connect(options, () => {
        said[target] ??= "ok";
        socket.destroy();
    });
    // For all of it, and not for a silence: a server may trickle.
    setTimeout(() => socket.destroy(new Error("no answer in time")), %d).unref();
    socket.on("error", (error) => { said[target] ??= error.message.replaceAll("\\n", " "); });
}
process.on("exit", () => Object.keys(said).forEach((target) => console.log(word + " " + target + " " + said[target])));
"""


def _perform(asked: Asked) -> Mapping[str, Said]:
    """As the host declares it; and with the system's store alone, where its version can be told so."""
    program = find_program("node", CLIENT.package)
    if asked.roots:
        return {CLIENT.name: _shake(asked, [program])}
    answers = {CLIENT.name: _shake(asked, [program], variables=_declared())}
    if ask([program, "-e", _KNOWS]).code == 0:
        answers[f"{CLIENT.name} {_SYSTEM}"] = _shake(asked, [program, _SYSTEM], without=[_ROOTS])
    return answers


def _declared() -> Mapping[str, str]:
    found = _DECLARED.search((read(ENVIRONMENT) or b"").decode(errors="replace"))
    return {_ROOTS: found[2]} if found else {}


def _shake(
    asked: Asked, command: Sequence[str], without: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> Said:
    """One process for all targets."""
    lines, script = Lines(), (_SCRIPT % (TIMEOUT * 1000)).encode()
    arguments = [*command, "-", lines.word, asked.roots, *asked.targets]
    outcome = ask(arguments, without=without, variables=variables, stdin=script, timeout=TIMEOUT + 20)
    return lines.read(asked, outcome)


CLIENT = Client(
    "node",
    "nodejs",
    f"Debian's version the bundle and the hash links, others roots of their own; {_ROOTS} adds to either",
    _perform,
)
