# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation site: the Markdown of the checkout, and pages of modules, plugins and roles by antsibull-docs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from .console import run, say, step
from .settings import CHECKOUT, ansible_environment, collections_path

BUILD = CHECKOUT / "build/docs"
SITE = CHECKOUT / "docs/site"
COLLECTION = "trustanchor.private_ca"
# Pages of the site that do not come from docs/.
ELSEWHERE = {
    "project/contributing.md": "CONTRIBUTING.md",
    "project/security.md": "SECURITY.md",
    "project/changelog.md": "CHANGELOG.md",
    "project/scenarios.md": "molecule/README.md",
    "project/virtual_yubikey.md": "tests/virtual_yubikey/README.md",
}
REFERENCE = "\n## Reference\n\n[Each option of {role}](../reference/{role}_role.rst).\n"


def _pages() -> dict[str, str]:
    """Return for each page of the site the Markdown file in the checkout that it is made from."""
    own = sorted(path.relative_to(CHECKOUT / "docs") for path in (CHECKOUT / "docs").rglob("*.md"))
    roles = sorted(path.parent.name for path in (CHECKOUT / "roles").glob("*/README.md"))
    return {
        **{str(page): f"docs/{page}" for page in own if page.parts[0] != SITE.name},
        **{f"roles/{role}.md": f"roles/{role}/README.md" for role in roles},
        **ELSEWHERE,
    }


def _sources(target: Path) -> None:
    """Put everything that Sphinx reads below one directory."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(SITE, target)
    for page, name in _pages().items():
        (target / page).parent.mkdir(parents=True, exist_ok=True)
        text = (CHECKOUT / name).read_text()
        (target / page).write_text(text + REFERENCE.format(role=Path(page).stem) if page.startswith("roles/") else text)
    (target / "site.json").write_text(json.dumps({"checkout": str(CHECKOUT), "pages": _pages()}))
    (target / "reference").mkdir()
    environment = {**ansible_environment(), "ANSIBLE_COLLECTIONS_PATH": str(collections_path())}
    command = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    run([*command, "--dest-dir", str(target / "reference"), COLLECTION], env=environment)


def main(_arguments: list[str]) -> int:
    """./dev docs"""
    source, html = BUILD / "source", BUILD / "html"
    with step("pages of modules, plugins and roles"):
        _sources(source)
    shutil.rmtree(html, ignore_errors=True)
    with step("sphinx"):
        command = ["sphinx-build", "-W", "--keep-going", "-q", "-E", "-j", "auto", "-d", str(BUILD / "doctrees")]
        done = subprocess.run([*command, "-b", "html", str(source), str(html)], cwd=CHECKOUT, check=False)
    if done.returncode == 0:
        say(f"open {html}/index.html")
    return done.returncode
