# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nightly job on a controller of its own: client1 gets ansible-core, the collection, the record and an ssh key."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
import rollouts
from ansible_collections.trustanchor.private_ca.tests.lab import hosts
from ansible_collections.trustanchor.private_ca.tests.lab.play import CHECKOUT, STATE, Play, play
from dev.inventory import hosts as declared

CONTROLLER = "client1"
HOME, PROGRAMS = "/srv/rollout", "/opt/trustanchor"
PLAYBOOK = "molecule/rollout/schedule.yml"
SERVICE, TIMER, ALERT = "trust-rollout.service", "trust-rollout.timer", "trust-rollout-alert.service"
# Started as the module of Ansible that it is: pip made its own programs for another Python.
START = f"""#!/bin/sh
export PYTHONPATH={PROGRAMS}/lib
exec /usr/bin/python3 -m ansible playbook "$@"
"""
VIRGIN = f"""
systemctl disable --now --quiet {TIMER}
rm -f /etc/systemd/system/trust-rollout* /etc/logrotate.d/trust-rollout /run/alerts/*
systemctl daemon-reload
"""
INVENTORY = f"""---
all:
  vars:
    ansible_user: root
    ansible_python_interpreter: /usr/bin/python3
    pki_directory: {HOME}/pki
    pki_anchors: "{{{{ lookup('ansible.builtin.file', '{HOME}/anchors.yml') | from_yaml }}}}"
  children:
    web:
      hosts:
        web1.corp.example:
        web2.corp.example:
    ceremony:
      hosts: {{}}
"""
VARIABLES = {
    "trust_schedule_directory": HOME,
    "trust_schedule_program": f"{PROGRAMS}/ansible-playbook",
    "trust_schedule_arguments": ["-e", '{"rollout_trust_waves": ["50%", "100%"], "rollout_trust_max_age": "0"}'],
    "trust_schedule_environment": {"TOLD": '100%% "quoted" %d'},
    "trust_schedule_alert_command": ["/usr/bin/touch", "/run/alerts/${MONITOR_UNIT}-%H"],
}


def send(files: dict[str, bytes | Path], target: str) -> None:
    """Bring files and directories to the controller."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            if isinstance(content, Path):
                archive.add(content, name, filter=lambda entry: None if "/.git" in entry.name else entry)
                continue
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o700
            archive.addfile(entry, BytesIO(content))
    command = [*hosts.SSH, CONTROLLER, f"mkdir -p {target} && tar -xf - -C {target} --no-same-owner"]
    subprocess.run(command, input=packed.getvalue(), check=True)


def make_controller(libraries: Path) -> None:
    """A controller that manages the two web servers."""
    version = hosts.output(CONTROLLER, "python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'")
    platforms = [f"--platform={tag}_x86_64" for tag in ("manylinux2014", "manylinux_2_28", "manylinux_2_34")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:", *platforms]
    wanted = [f"ansible-core{'~=2.19.0' if version < '3.12' else ''}", "cryptography", "PyYAML"]
    subprocess.run([*command, f"--python-version={version}", f"--target={libraries}", *wanted], check=True)
    collection = {
        f"ansible_collections/trustanchor/private_ca/{name}": CHECKOUT / name
        for name in ("galaxy.yml", "meta", "playbooks", "plugins", "roles")
    }
    send({".": libraries, **collection}, f"{PROGRAMS}/lib")
    send({"ansible-playbook": START.encode()}, PROGRAMS)
    send({"hosts.yml": INVENTORY.encode(), "ansible.cfg": b"[defaults]\ninventory = hosts.yml\n"}, HOME)
    send({name: STATE / "pki" / name for name in ("roots", "ceremonies", "trust.yml")}, f"{HOME}/pki")
    send({"anchors.yml": STATE / "anchors.yml"}, HOME)
    hosts.run(CONTROLLER, "test -e /root/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
    key = hosts.output(CONTROLLER, "cat /root/.ssh/id_ed25519.pub")
    for host in ("web1", "web2"):
        hosts.run(host, f"grep -qF '{key}' /root/.ssh/authorized_keys || echo '{key}' >> /root/.ssh/authorized_keys")
        line = hosts.output(host, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")
        known = f"{host}.corp.example,{declared()[host].address} {line}"
        hosts.run(CONTROLLER, f"echo '{known}' >> /root/.ssh/known_hosts")
    hosts.run(CONTROLLER, "mkdir -p -m 1777 /run/alerts")


@pytest.fixture(scope="module", autouse=True)
def job(tmp_path_factory: pytest.TempPathFactory) -> None:
    make_controller(tmp_path_factory.mktemp("libraries"))
    hosts.run(CONTROLLER, VIRGIN)
    before = schedule(check=True)
    assert (before.rc, before.changed) == (0, 1), before.output
    assert schedule().changed == 2
    again = schedule()
    assert (again.rc, again.changed) == (0, 0), again.output


def schedule(check: bool = False, **changes: object) -> Play:
    done = play(PLAYBOOK, limit=CONTROLLER, variables={**VARIABLES, **changes}, check=check)
    assert done.rc == 0, done.output
    return done


def outcome() -> str:
    """Start the job and wait for its end."""
    hosts.run(CONTROLLER, f"systemctl start {SERVICE}", check=False)
    return hosts.output(CONTROLLER, f"systemctl show --property=Result --value {SERVICE}")


def log() -> str:
    return hosts.output(CONTROLLER, f"journalctl --no-pager --output=cat --unit={SERVICE}")


def test_systemd_finds_nothing_wrong_with_the_units():
    done = hosts.run(CONTROLLER, f"systemd-analyze verify {SERVICE} {TIMER} {ALERT}")
    assert done.stdout + done.stderr == ""


def test_the_timer_waits():
    assert hosts.output(CONTROLLER, f"systemctl is-enabled {TIMER}") == "enabled"
    assert "02:00:00" in hosts.output(CONTROLLER, f"systemctl show --property=TimersCalendar {TIMER}")
    shown = hosts.output(CONTROLLER, f"systemctl show --property=Environment --value {SERVICE}")
    assert '100% \\"quoted\\" /run/credentials/trust-rollout.service' in shown


def test_the_job_repairs_drift():
    rollouts.spoil("web2")
    assert outcome() == "success", log()
    assert rollouts.is_right("web2")
    found = hosts.output(CONTROLLER, f"cat {HOME}/pki/rollouts/{rollouts.sequence():06d}.json")
    assert '"complete": true' in found
    assert "web2.corp.example" in hosts.output(CONTROLLER, "cat /var/log/trust-rollout/rollout.log")
    assert "complete" in log()
    assert hosts.output(CONTROLLER, "ls /run/alerts") == ""


def test_the_timer_starts_the_job():
    rollouts.spoil("web1")
    schedule(trust_schedule_calendar="*:*:0/2", trust_schedule_random_delay=0)
    try:
        hosts.await_true(lambda: rollouts.is_right("web1"), 60, "the timer started nothing")
    finally:
        schedule()
    idle = f"systemctl show --property=ActiveState --value {SERVICE}"
    hosts.await_true(lambda: hosts.output(CONTROLLER, idle) == "inactive", 60, "the job does not end")


def test_a_failure_raises_the_alert():
    with rollouts.unable("web1"):
        assert outcome() == "exit-code"
    hosts.await_true(lambda: bool(hosts.output(CONTROLLER, "ls /run/alerts")), 20, "no alert")
    assert hosts.output(CONTROLLER, "ls /run/alerts") == f"{SERVICE}-{CONTROLLER}"
    assert outcome() == "success", log()


def test_the_log_is_rotated_by_a_sound_rule():
    rule = hosts.output(CONTROLLER, "cat /etc/logrotate.d/trust-rollout")
    assert "/var/log/trust-rollout/*.log {" in rule
    assert hosts.output(CONTROLLER, "stat --format '%a %U' /var/log/trust-rollout") == "750 root"
