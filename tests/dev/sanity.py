# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity on a copy of the checkout: it wants .../ansible_collections/NAMESPACE/NAME and Git."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path

from . import libraries
from .console import run
from .settings import CACHE, CHECKOUT, content_hash

# ansible-test fetches pip's installer from the network unless it is in its cache already. This one installs
# the pip that Python brings along.
GET_PIP = """\
import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip", "--upgrade", "--default-pip"], check=True)
"""


def commands() -> list[list[str]]:
    """Return the commands that run all sanity tests on this Python; the import test on files that need no library."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    test = ["ansible-test", "sanity", "--python", version, "--requirements"]
    return [[*test, "--skip-test", "import"], [*test, "--test", "import", *libraries.files(with_libraries=False)]]


def copy() -> Path:
    """Bring the copy up to date with the checkout, changes that are not committed included, and return it."""
    target = CACHE / f"sanity-{content_hash(str(CHECKOUT))}" / "ansible_collections/trustanchor/private_ca"
    target.mkdir(parents=True, exist_ok=True)
    listed = run(["git", "-C", CHECKOUT, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]).stdout
    files = {name for name in listed.split("\0") if name and (CHECKOUT / name).is_file()}
    for old in [path for path in target.rglob("*") if path.is_file() and ".git" not in path.relative_to(target).parts]:
        if str(old.relative_to(target)) not in files:
            old.unlink()
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, target / name)
    if not (target / ".git").exists():
        run(["git", "-C", target, "init", "--quiet"])
    run(["git", "-C", target, "add", "--all"])
    _installer()
    return target


def _installer() -> None:
    """Put the stand-in where this ansible-core looks for pip's installer; the name has its pip version."""
    spec = importlib.util.find_spec("ansible_test")
    assert spec and spec.origin
    source = Path(spec.origin).parent / "_internal/python_requirements.py"
    place = Path.home() / ".ansible/test/cache"
    place.mkdir(parents=True, exist_ok=True)
    for version in re.findall(r"""pip['"]?\s*[:=]\s*['"]([0-9.]+)['"]""", source.read_text()):
        (place / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP)
