# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user of a host who wants to stop it, and certutil with a notebook: who ran it, and on what."""

from __future__ import annotations

from ansible_collections.trustanchor.private_ca.tests.lab import hosts

HOST = "client1"
LOG = "/var/tmp/certutil.log"
# A double only where our limits must hold: on two databases of the user it prints without end, or stops itself.
_CERTUTIL = f"""#!/bin/sh
echo "$(id -u) $*" >> {LOG}
case "$*" in
  */mallory/*endless*) exec yes "$(printf 'x%.0s' $(seq 60)) C,," ;;
  */mallory/*stopped*) kill -STOP $$ ;;
esac
exec /usr/bin/certutil.real "$@"
"""
# Names with a line end, with escape sequences, and of bytes that are not UTF-8; copies of one good database.
_PROFILES = """
import os, shutil, sqlite3, subprocess
PLAIN = (b"endless", b"fifo", b"hang-stopped")
top = b"/home/mallory/.mozilla/firefox"
os.makedirs(top)
first = top + b"/good"
os.mkdir(first)
subprocess.run([b"certutil.real", b"-N", b"--empty-password", b"-d", b"sql:" + first], check=True)
for name in (b"a\\nb ReadWritePaths=-/", b"b\\x1b[2J\\x1b]0;owned\\x07", b"c\\xff\\xfe", *PLAIN):
    shutil.copytree(first, top + b"/" + name)
for number in range(200):
    shutil.copytree(first, top + b"/p%03d" % number)
os.unlink(top + b"/fifo/key4.db")
os.mkfifo(top + b"/fifo/key4.db")
os.makedirs(b"/home/mallory/service/.pki")
shutil.copytree(first, b"/home/mallory/service/.pki/nssdb")
"""


def settle() -> None:
    """Make the user, one who is as users are, and a service whose home the user owns."""
    for name in ("ada", "mallory"):
        hosts.run(HOST, f"useradd --create-home {name}")
    hosts.run(HOST, "useradd --system --no-create-home --home-dir /home/mallory/service webapp")
    hosts.run(
        HOST, "mv /usr/bin/certutil /usr/bin/certutil.real && install -m 0755 /dev/stdin /usr/bin/certutil", _CERTUTIL
    )
    hosts.run(HOST, f"install -m 0666 /dev/null {LOG}")
    hosts.run(HOST, "runuser -u mallory -- python3 -", _PROFILES)
    make = "mkdir -p ~/.pki/nssdb && certutil.real -N --empty-password -d sql:$HOME/.pki/nssdb"
    hosts.run(HOST, f"su - ada -c '{make}'")


def leave() -> None:
    """Take all of it away."""
    hosts.run(HOST, "mv /usr/bin/certutil.real /usr/bin/certutil")
    hosts.run(HOST, f"userdel webapp; userdel -r mallory; userdel -r ada; rm -f {LOG}", check=False)


def uid(name: str) -> str:
    """Of an account of the host."""
    return hosts.output(HOST, f"id -u {name}")


def ran() -> dict[str, set[str]]:
    """Home to the uids that ran certutil on a database in it."""
    found: dict[str, set[str]] = {}
    for line in hosts.output(HOST, f"cat -v {LOG}").splitlines():
        user, _space, arguments = line.partition(" ")
        for home in ("/home/mallory/service", "/home/mallory", "/home/ada"):
            if f"sql:{home}/" in arguments:
                found.setdefault(home, set()).add(user)
                break
    return found
