# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics for node_exporter's textfile collector. Standard library only.

Each is called ``trustanchor_SUBJECT_NAME_UNIT`` (https://prometheus.io/docs/practices/naming/): moments are
``_timestamp_seconds``, spans ``_seconds``, and yes or no is 1 or 0 without a unit. All are gauges.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import TrustAnchorError
from .files import read, write_atomically

_PREFIX = "trustanchor"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Sample:
    """One value.

    Args:
        value: a number.
        labels: what it is the value of; label names to any text.
    """

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """A metric and its values at this moment.

    Args:
        name: without prefix and subject, with its unit: ``last_run_timestamp_seconds``.
        help: one sentence that says what it is.
        samples: the values; with none the metric is left out.
    """

    name: str
    help: str
    samples: tuple[Sample, ...]

    @classmethod
    def single(cls, name: str, text: str, value: float, labels: Mapping[str, str] | None = None) -> Metric:
        """A metric with one value."""
        return cls(name, text, (Sample(value, labels or {}),))


def render(subject: str, metrics: Sequence[Metric]) -> str:
    """Metrics in the text format of Prometheus.

    Args:
        subject: what they are about, for example ``service_certificate``.
        metrics: in the order in which they are written.

    Raises:
        ValueError: a name is not one.
    """
    return "".join(_metric(subject, metric) for metric in metrics if metric.samples)


def _metric(subject: str, metric: Metric) -> str:
    name = full_name(subject, metric.name)
    head = f"# HELP {name} {_escape(metric.help)}\n# TYPE {name} gauge\n"
    return head + "".join(f"{_key(name, one.labels)} {one.value:.15g}\n" for one in metric.samples)


def full_name(subject: str, name: str) -> str:
    """Name of a metric as Prometheus has it.

    Raises:
        ValueError: it is not one.
    """
    for part in (subject, name):
        if not _NAME.fullmatch(part):
            raise ValueError(f"'{part}' cannot be part of a metric's name")
    return f"{_PREFIX}_{subject}_{name}"


def _key(name: str, labels: Mapping[str, str]) -> str:
    if not labels:
        return name
    inner = ",".join(f'{label}="{_escape(value, quoted=True)}"' for label, value in labels.items())
    return f"{name}{{{inner}}}"


def _escape(text: str, quoted: bool = False) -> str:
    """As the text format wants it: a label's value is in quotation marks, a help text is not."""
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quoted else text


def write(path: str, subject: str, metrics: Sequence[Metric]) -> None:
    """Replace a file of metrics; its directory is made where it is missing.

    Args:
        path: absolute, ends with ``.prom``.
        subject: see `render`.
        metrics: see `render`.

    Raises:
        TrustAnchorError: it cannot be written.
    """
    directory = os.path.dirname(path)
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
    except OSError as error:
        raise TrustAnchorError(
            f"{directory} cannot be made", error.strerror or str(error), "Run the playbook again"
        ) from error
    write_atomically(path, render(subject, metrics).encode(), 0o644, "root", "root")


def read_value(path: str, subject: str, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    """One value of a file that `write` made; None where the file, or the value, is missing.

    Args:
        path: absolute.
        subject: see `render`.
        name: see `Metric`.
        labels: all of them, in the order in which they were written.

    Raises:
        TrustAnchorError: the file cannot be read.
    """
    key = _key(full_name(subject, name), labels or {})
    for line in (read(path) or b"").decode(errors="replace").split("\n"):
        if line.startswith(f"{key} "):
            with contextlib.suppress(ValueError):
                return float(line.removeprefix(f"{key} "))
    return None
