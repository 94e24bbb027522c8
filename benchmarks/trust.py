# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast one more root comes into the trust stores of many hosts, and what the trust agent costs a host.

./dev bench trust [--targets N] [--against PLAYBOOK ROOT]

Each target is an sshd of its own with trust stores of its own; all of them, and the controller, share this machine. In
the same run the same is done by separate tasks (benchmarks/separate_tasks.yml), and by PLAYBOOK, which brings the
certificate in the file ROOT to the hosts `targets` by other means (step is installed there); compare the ratios.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import ssl
import subprocess
from pathlib import Path

import _agent
from _agent import pki
from _measure import CHECKOUT, Lab, Measure, Play, write

HERE = CHECKOUT / "benchmarks/trust_targets"
BOXES = 10
FORKS = 20
# Prints in how many targets of a box both the bundle file and Java's store have a certificate.
COUNT = """python3 -c "
import base64, glob
der = base64.b64decode('{der}')
line = base64.b64encode(der)[64:128]
found = [(open(place + '/etc/upper/ssl/certs/ca-certificates.crt', 'rb').read(),
          open(place + '/etc/upper/ssl/certs/java/cacerts', 'rb').read()) for place in glob.glob('/run/bench/*')]
print(sum(line in bundle and der in java for bundle, java in found))
" """


class Targets(Lab):
    """A lab with containers, and in them targets."""

    def __init__(self, count: int) -> None:
        super().__init__("bench-trust", 61, HERE)
        self.count = count
        self.boxes = [f"box{number + 1}" for number in range(min(BOXES, count))]
        self._plays = 0

    @property
    def each(self) -> int:
        """Targets in each container."""
        return -(-self.count // len(self.boxes))

    def start(self) -> None:
        """Make containers and targets."""
        self.dev("lab", "down")
        self.dev("lab", "up", *self.boxes)
        hosts, blocks = {}, []
        for number in range(self.count):
            box, index = divmod(number, self.each)
            address, name = f"10.77.{self.index}.{101 + box}", f"target{number:03}"
            hosts[name] = {"ansible_host": name}
            blocks.append(f"Host {name}\n    HostName {address}\n    HostKeyAlias {address}\n    Port {2200 + index}\n")
        config = self.state / "targets_ssh_config"
        config.write_text("".join(blocks) + (self.state / "ssh_config").read_text())
        variables = {
            "ansible_user": "root",
            "ansible_ssh_common_args": f"-F {config}",
            "ansible_python_interpreter": "/usr/bin/python3",
            "pki_directory": str(self.state / "pki"),
            "pki_anchors": f"{{{{ lookup('ansible.builtin.file', '{self.state}/pki/anchors.json') | from_json }}}}",
        }
        self.inventory = self.state / "targets.json"
        agent = {self.boxes[0]: {"ansible_host": f"10.77.{self.index}.101"}}
        groups = {"targets": {"hosts": hosts}, "agents": {"hosts": agent}}
        self.inventory.write_text(json.dumps({"all": {"vars": variables, "children": groups}}))
        self.reset()

    def reset(self) -> None:
        """Let all targets be virgin."""
        script = (HERE / "install.sh").read_text()
        for box in self.boxes:
            command = ["ssh", "-F", str(self.state / "ssh_config"), box, f"sh -s {self.each}"]
            subprocess.run(command, input=script, text=True, check=True)

    def install_step(self) -> None:
        """Put smallstep's CLI on all targets."""
        for box in self.boxes:
            archive = f"{self.state}/packages/step-cli_0.30.6-1_amd64.deb"
            self.dev("lab", "podman", "cp", archive, f"{self.name}-{box}:/root/step.deb")
            self.ssh(box, "dpkg --install /root/step.deb")

    def roll_out(self, playbook: Path, roots: int) -> tuple[Play, float]:
        """Run a playbook with the first so many roots in the record, over new connections.

        Returns:
            The run, and the CPU seconds of all targets.
        """
        self._plays += 1
        make_record(self.state / "pki", self.state / "roots", roots)
        # A new directory of control sockets: no connection is left from the run before.
        variables = {"ansible_control_path_dir": str(self.state / f"cp{self._plays}")}
        before = self._targets_cpu()
        play = self.play(
            playbook.name,
            directory=playbook.parent,
            arguments=("--forks", str(FORKS), "--extra-vars", json.dumps(variables)),
        )
        return play, self._targets_cpu() - before

    def _targets_cpu(self) -> float:
        return sum(self.cpu(box) for box in self.boxes)

    def require(self, root: Path) -> None:
        """End the benchmark unless every target has a root in its bundle file and in Java's store."""
        command = COUNT.format(der=der_base64(root))
        found = sum(int(self.ssh(box, command)) for box in self.boxes)
        if found < self.count:
            raise SystemExit(f"only {found} of {self.count} targets have {root.name}")


def der_base64(root: Path) -> str:
    """A certificate without the lines of PEM."""
    return "".join(root.read_text().split("-----")[2].split())


def fingerprint(root: Path) -> str:
    """SHA-256 of a certificate."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(root.read_text())).hexdigest()


def make_roots(directory: Path, count: int) -> list[pki.Authority]:
    """Roots, their certificates in a directory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    roots = [pki.root(f"Corp Example Root {number}") for number in range(1, count + 1)]
    for number, root in enumerate(roots, 1):
        (directory / f"r{number}.crt").write_text(root.pem)
    return roots


def make_record(record: Path, roots: Path, count: int) -> None:
    """A public record that trusts the first so many roots."""
    shutil.rmtree(record / "roots", ignore_errors=True)
    (record / "roots").mkdir(parents=True)
    entries = []
    for number in range(1, count + 1):
        path = Path(shutil.copy(roots / f"r{number}.crt", record / "roots"))
        entries.append({"name": path.stem, "sha256": fingerprint(path), "state": "trusted"})
    (record / "trust.yml").write_text(json.dumps({"version": 1, "sequence": count, "roots": entries}))
    anchors = [{"name": one["name"], "sha256": one["sha256"], "reason": "benchmark"} for one in entries]
    (record / "anchors.json").write_text(json.dumps(anchors))


def measure(lab: Targets, name: str, playbook: Path, root: Path, additional: bool = True) -> list[Measure]:
    """A root on all targets, additional to one that is there or the first one; and a run with nothing to do."""
    lab.reset()
    if additional:
        lab.roll_out(playbook, 1)
    play, cpu = lab.roll_out(playbook, 2)
    lab.require(root)
    second, _cpu = lab.roll_out(playbook, 2)
    if any(second.changed.values()):
        print(f"{name}: the second run changed something")
    return [
        Measure(f"{name}_seconds", play.seconds, "s"),
        Measure(f"{name}_hosts_per_minute", lab.count / play.seconds * 60, "hosts/min", higher_is_better=True),
        Measure(f"{name}_tasks", max(play.tasks.values()), "tasks"),
        Measure(f"{name}_controller_cpu_seconds_per_host", play.controller_cpu / lab.count, "s"),
        Measure(f"{name}_target_cpu_seconds_per_host", cpu / lab.count, "s"),
        Measure(f"{name}_second_run_hosts_per_minute", lab.count / second.seconds * 60, "hosts/min", True),
    ]


def ratios(ours: list[Measure], theirs: list[Measure], name: str) -> list[Measure]:
    """How many times faster ours is."""
    speed = {measure.name: measure.value for measure in [*ours, *theirs]}
    return [
        Measure(f"{prefix}speed_to_{name}", speed[f"rollout{run}"] / speed[f"{name}{run}"], "x", True)
        for prefix, run in (("rollout_", "_hosts_per_minute"), ("second_run_", "_second_run_hosts_per_minute"))
    ]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--against", type=Path, nargs=2, metavar=("PLAYBOOK", "ROOT"), help="other means")
    arguments = parser.parse_args()
    lab = Targets(arguments.targets)
    lab.start()
    roots = make_roots(lab.state / "roots", 2)
    new = lab.state / "roots/r2.crt"
    ours = measure(lab, "rollout", CHECKOUT / "benchmarks/trust.yml", new)
    separate = measure(lab, "separate_tasks", CHECKOUT / "benchmarks/separate_tasks.yml", new)
    measures = [*ours, *separate, *ratios(ours, separate, "separate_tasks")]
    if arguments.against:
        lab.install_step()
        playbook, root = (path.resolve() for path in arguments.against)
        other = measure(lab, "other", playbook, root, additional=False)
        measures += [*other, *ratios(ours, other, "other")]
    make_record(lab.state / "pki", lab.state / "roots", 1)
    measures += _agent.measure(lab, lab.boxes[0], roots[0])
    lab.dev("lab", "down")
    measures.append(Measure("targets", lab.count, "targets", higher_is_better=True))
    write("trust", measures)


if __name__ == "__main__":
    main()
