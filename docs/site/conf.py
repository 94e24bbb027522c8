# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings of the documentation site; ./dev docs builds it.

The pages of modules, plugins and roles are written by antsibull-docs; guides are the Markdown files of docs/. A
relative link in them works on the repository's web page, and here: to another page of the site it leads there, to any
other file of the checkout it leads to the repository. A link to nothing is a warning, and a warning is an error.
Nothing is fetched from the network.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

HERE = Path(__file__).resolve().parent
# Written by ./dev docs: the checkout, and for each page the file in it that the page is made from.
SITE = json.loads((HERE / "site.json").read_text())
CHECKOUT, PAGES = Path(SITE["checkout"]), SITE["pages"]
GALAXY = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())

project = f"{GALAXY['namespace']}.{GALAXY['name']}"
author = copyright = ", ".join(GALAXY["authors"])  # noqa: A001  (Sphinx names it)
version = release = str(GALAXY["version"])
language = "en"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a README's headings may begin below the first level
pygments_style = "ansible"
highlight_language = "text"

html_theme = "furo"
html_title = f"{project} {version}"
html_short_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False

# What antsibull-docs refers to in Ansible's own documentation.
ANSIBLE = "https://docs.ansible.com/projects/ansible-core/devel"
LABELS = {
    "action_plugins": f"{ANSIBLE}/plugins/action.html",
    "ansible_configuration_settings": f"{ANSIBLE}/reference_appendices/config.html",
    "common_return_values": f"{ANSIBLE}/reference_appendices/common_return_values.html",
}
LINK = re.compile(r"(?<!\!)(\[[^\]]*\]\()([^)\s#]+)(#[^)\s]*)?(\))")
# What antsibull-docs writes: titles that begin with the collection's name, which every page shows anyway, and a table
# of contents, which the theme has beside the page.
TITLE = re.compile(rf"^{re.escape(project)}\.(\w+ \w+) -- (.*)\n(\++)\n", re.MULTILINE)
INDEX_TITLE = re.compile(rf"^{re.escape(project)}\n=+\n", re.MULTILINE | re.IGNORECASE)
CONTENTS = re.compile(r"^\.\. contents::\n(?: +:.*\n)+", re.MULTILINE)
TARGETS = {target: page for page, target in PAGES.items()}


def _destination(page: str, target: str) -> str:
    """Return where a relative link of a page leads to on the site."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(PAGES[page]), target))
    if path in TARGETS:
        return posixpath.relpath(TARGETS[path], posixpath.dirname(page) or ".")
    found = CHECKOUT / path
    if found.exists() and not path.startswith(".."):
        return f"{GALAXY['repository']}/{'tree' if found.is_dir() else 'blob'}/main/{path}"
    return target


def _read(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Adapt the text of a page before it is parsed."""
    page = f"{docname}.md"
    if page in PAGES:
        source[0] = _linked(page, source[0])
    elif docname == "reference/index":
        source[0] = INDEX_TITLE.sub("Modules, plugins and roles\n==========================\n", source[0])
    else:
        source[0] = TITLE.sub(r"\1\n\3\n\n\2.\n", source[0], count=1)
    if docname.startswith("reference/"):
        source[0] = CONTENTS.sub("", source[0])


def _linked(page: str, text: str) -> str:
    """Let the relative links of a Markdown page lead to pages of the site, or to the repository."""

    def replaced(match: re.Match[str]) -> str:
        if "://" in match[2] or match[2].startswith("mailto:"):
            return match[0]
        return f"{match[1]}{_destination(page, match[2])}{match[3] or ''}{match[4]}"

    return LINK.sub(replaced, text)


def _ansible(_app: Sphinx, _env: BuildEnvironment, node: pending_xref, content: nodes.TextElement) -> nodes.Node | None:
    """Let a reference to Ansible's documentation lead to its web site."""
    address = LABELS.get(node["reftarget"])
    return nodes.reference("", "", content, internal=False, refuri=address) if address else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    app.connect("missing-reference", _ansible)
