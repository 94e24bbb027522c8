# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the machines take for a whole root ceremony, without people.

./dev bench ceremony [--rounds N]

Two roots, a cross-certificate, an intermediate, a manifest signer, two CRLs and the seal, each with a key on a SoftHSM
token, by a plan that is drafted before. Each round has a fresh record and a fresh working directory.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
from pathlib import Path

from _measure import CHECKOUT, Lab, Measure, Play, write

HOST = "ceremony1"
FULL = f"@{CHECKOUT}/tests/lab/full_ceremony.yml"
PLAN, CEREMONY, VERIFY = (f"playbooks/{name}.yml" for name in ("plan_ceremony", "ceremony", "verify_ceremony"))


def make_request(path: Path) -> None:
    """The request of an intermediate whose key is forgotten."""
    command = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes"]
    command += ["-keyout", "/dev/null", "-subj", "/O=Corp Example/CN=Corp Example Intermediate CA 1", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def one_round(lab: Lab, number: int) -> dict[str, Play]:
    """A ceremony from nothing: its plan, itself, a second run, its verification."""
    record = lab.state / f"round-{number}"
    shutil.rmtree(record, ignore_errors=True)
    shutil.copytree(lab.state / "pki/requests", record / "requests")
    own = {"pki_directory": str(record), "root_ceremony_directory": f"/var/lib/round-{number}"}
    arguments = ("--extra-vars", FULL, "--extra-vars", json.dumps(own))
    names = {"plan": PLAN, "ceremony": CEREMONY, "second_run": CEREMONY, "verification": VERIFY}
    plays = {name: lab.play(playbook, limit=HOST, arguments=arguments) for name, playbook in names.items()}
    if any(plays["second_run"].changed.values()):
        raise SystemExit("the second run changed something")
    return plays


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    lab = Lab("bench-ceremony", 61)
    lab.dev("lab", "down")
    lab.dev("lab", "up", HOST)
    make_request(lab.state / "pki/requests/ca1.csr")
    lab.ssh(HOST, "true")
    before = lab.cpu(HOST)
    results = [one_round(lab, number) for number in range(rounds)]
    cpu = (lab.cpu(HOST) - before) / rounds
    lab.dev("lab", "down")
    measures = [
        Measure(f"{name}_seconds", statistics.median(result[name].seconds for result in results), "s")
        for name in results[0]
    ]
    ceremonies = [result["ceremony"] for result in results]
    measures += [
        Measure("ceremony_slowest_seconds", max(play.seconds for play in ceremonies), "s"),
        Measure("ceremony_controller_cpu_seconds", statistics.median(play.controller_cpu for play in ceremonies), "s"),
        Measure("round_target_cpu_seconds", cpu, "s"),
        Measure("rounds", rounds, "rounds", higher_is_better=True),
    ]
    write("ceremony", measures)


if __name__ == "__main__":
    main()
