# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to a CA that signs, and to services that clients trust.

./dev bench install [--against PLAYBOOK]

The hosts are fresh, the programs are preinstalled as Debian packages, and the ceremony is done before. PLAYBOOK, which
brings up a CA on the lab's ca1 by other means, is timed under the same conditions in the same run; compare the ratios.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _measure import Lab, Measure, Play, write

CA = "ca1"


def preinstall(lab: Lab) -> None:
    """A fresh CA host with step-ca and step."""
    lab.dev("lab", "reset", CA)
    for package in ("step-ca_0.30.2-1", "step-cli_0.30.6-1"):
        archive = f"{lab.state}/packages/{package}_amd64.deb"
        lab.dev("lab", "podman", "cp", archive, f"bench-install-{CA}:/root/{package}.deb")
        lab.ssh(CA, f"dpkg --install /root/{package}.deb && rm /root/{package}.deb")


def own(lab: Lab) -> list[Measure]:
    """Our figures."""
    lab.dev("lab", "down")
    lab.dev("lab", "up", CA, "web1", "web2", "client1", "ceremony1")
    preinstall(lab)
    ceremony = ("playbooks/plan_ceremony.yml", "playbooks/ceremony.yml")
    lab.play("playbooks/request_intermediate.yml", *ceremony, "tests/lab/anchors.yml", "tests/lab/services.yml")
    before = lab.cpu(CA)
    cold = lab.play("benchmarks/ca.yml", limit=CA)
    cold_cpu = lab.cpu(CA) - before
    second = lab.play("benchmarks/ca.yml", limit=CA)
    require_unchanged(second)
    lab.dev("lab", "reset", "web1", "web2", "client1")
    lab.play("tests/lab/services.yml")
    hosts = f"{CA},web1,web2,client1"
    fresh = lab.play("playbooks/site.yml", limit=hosts)
    all_second = lab.play("playbooks/site.yml", limit=hosts)
    require_unchanged(all_second)
    return [
        Measure("ca_cold_seconds", cold.seconds, "s"),
        Measure("ca_second_run_seconds", second.seconds, "s"),
        Measure("ca_tasks", cold.tasks[CA], "tasks"),
        Measure("ca_cold_controller_cpu_seconds", cold.controller_cpu, "s"),
        Measure("ca_cold_target_cpu_seconds", cold_cpu, "s"),
        Measure("fresh_hosts_to_verified_handshake_seconds", fresh.seconds, "s"),
        Measure("estate_second_run_seconds", all_second.seconds, "s"),
    ]


def require_unchanged(play: Play) -> None:
    """A second run that changes something is not a second run."""
    if any(play.changed.values()):
        raise SystemExit(f"the second run changed something: {play.changed}")


def other(lab: Lab, playbook: Path) -> tuple[Play, float, Play]:
    """The other playbook on a fresh CA host: first run, CPU seconds of the host, second run."""
    preinstall(lab)
    before = lab.cpu(CA)
    cold = lab.play(playbook.name, limit=CA, directory=playbook.parent)
    return cold, lab.cpu(CA) - before, lab.play(playbook.name, limit=CA, directory=playbook.parent)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="a playbook that brings up a CA on ca1 by other means")
    arguments = parser.parse_args()
    lab = Lab("bench-install", 60)
    measures = own(lab)
    if arguments.against:
        cold, cpu, second = other(lab, arguments.against.resolve())
        measures += [
            Measure("other_cold_seconds", cold.seconds, "s"),
            Measure("other_second_run_seconds", second.seconds, "s"),
            Measure("other_tasks", cold.tasks[CA], "tasks"),
            Measure("other_cold_controller_cpu_seconds", cold.controller_cpu, "s"),
            Measure("other_cold_target_cpu_seconds", cpu, "s"),
            Measure("ca_cold_ratio_to_other", measures[0].value / cold.seconds, "ratio"),
            Measure("ca_second_run_ratio_to_other", measures[1].value / second.seconds, "ratio"),
        ]
    lab.dev("lab", "down")
    write("install", measures)


if __name__ == "__main__":
    main()
