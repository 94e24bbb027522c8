# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values in generated configuration: what each kind writes, and that no kind writes what another reader would read."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import configuration
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text.configuration import fill, write
from hypothesis import given
from hypothesis import strategies as st

# How a kind is given a text, where it is not the value itself.
SHAPES: dict[str, Any] = {
    "unit_words": lambda text: ["x", text],
    "unit_words_expanded": lambda text: ["x", text],
    "unit_paths": lambda text: ["/x", text],
    "optional_paths": lambda text: ["/x", text],
    "nginx_addresses": lambda text: ["10.0.0.1", text],
    "unit_variable": lambda text: ("NAME", text),
    "unit_variable_expanded": lambda text: ("NAME", text),
    "shell_variable": lambda text: ("NAME", text),
    "file_variable": lambda text: ("NAME", text),
    "unit_variables": lambda text: [("X", "x"), ("NAME", text)],
}
LITERAL = (
    *("unit_text", "unit_word", "unit_words", "unit_path", "unit_paths", "optional_paths"),
    *("unit_variable", "unit_variables"),
)
NEVER = ["a\nb", "/a\nExecStartPre=/bin/x", "/a\r", "/a\0", "/\x1b[2J", "/\x85", "/a\u2028b", "/a\u202eb", "/a\udcff"]


def written(kind: str, text: str) -> str:
    return write(kind, SHAPES.get(kind, lambda value: value)(text), "name")


@pytest.mark.parametrize("kind", sorted(configuration.KINDS))
@pytest.mark.parametrize("text", NEVER)
def test_no_kind_writes_a_control_character(kind: str, text: str) -> None:
    with pytest.raises(TrustAnchorError, match="name is '"):
        written(kind, text)


@pytest.mark.parametrize("kind", sorted(set(configuration.KINDS) - {"block"}))
@given(text=st.text())
def test_any_text_is_one_line_or_refused(kind: str, text: str) -> None:
    try:
        found = written(kind, text)
    except TrustAnchorError:
        return
    assert found.isprintable()
    assert not found.endswith("\\")


@pytest.mark.parametrize("kind", LITERAL)
def test_nothing_is_left_for_systemd_to_expand(kind: str) -> None:
    assert written(kind, "/50%h").count("%") == 2


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", 5, "5"),
        ("flag", True, "yes"),
        ("flag", False, "no"),
        ("unit_text", 'the "x" certificate', 'the "x" certificate'),
        ("unit_text", "50%", "50%%"),
        ("unit_word", "web", "web"),
        ("unit_word", "a;b", '"a;b"'),
        ("unit_word", ";", '";"'),
        ("unit_word", "$HOME", "$$HOME"),
        ("unit_word", "50%", "50%%"),
        ("unit_word", "%", "%%"),
        ("unit_word", "$", "$$"),
        ("unit_word", "azAZ09_./:=@,+-", "azAZ09_./:=@,+-"),
        ("unit_word", 'a "b" \\', '"a \\"b\\" \\\\"'),
        ("unit_words", ["a", "b c"], 'a "b c"'),
        ("unit_words_expanded", ["/bin/x", "%H ${A}"], '/bin/x "%H ${A}"'),
        ("unit_path", "/srv/a b", "/srv/a b"),
        ("unit_path", "/50%h", "/50%%h"),
        ("unit_paths", ["/a", "/b c"], '/a "/b c"'),
        ("optional_paths", ["/a", "/b c"], '-/a "-/b c"'),
        ("optional_paths", [], ""),
        ("unit_name", "mail-alert@%n.service", "mail-alert@%n.service"),
        ("unit_variable", ("A", 'b "c" % \\'), '"A=b \\"c\\" %% \\\\"'),
        ("unit_variable", ("A", ""), '"A="'),
        ("unit_variable_expanded", ("A", "%d/key"), '"A=%d/key"'),
        ("unit_variables", [("A", "/b"), ("C", "50% d")], 'A=/b "C=50%% d"'),
        ("calendar", "Mon..Fri *-*-1/2 02:00:00 Europe/Berlin", "Mon..Fri *-*-1/2 02:00:00 Europe/Berlin"),
        ("time_span", "1h 30min", "1h 30min"),
        ("account", "web", "web"),
        ("account", "5_A.b-c", "5_A.b-c"),
        ("credential", "key", "key"),
        ("credential", "_A.b-5", "_A.b-5"),
        ("directory_name", "web", "web"),
        ("directory_name", "A_b.c-5", "A_b.c-5"),
        ("network", "fd00::/8", "fd00::/8"),
        ("network", "10.0.0.0/8", "10.0.0.0/8"),
        ("toml_text", 'a "b" \\', '"a \\"b\\" \\\\"'),
        ("line_path", "/a b%", "/a b%"),
        ("json_in_template", "{{a}}", r'"\u007b\u007ba\u007d\u007d"'),
        ("json_in_template", "", '""'),
        ("nginx_word", "[::]:80", "[::]:80"),
        ("nginx_addresses", ["10.0.0.1", "fd00::1", "[fd00::2]"], "10.0.0.1 [fd00::1] [fd00::2]"),
        ("shell_variable", ("A", "b c"), "A='b c'"),
        ("file_variable", ("A", "/b"), "A=/b"),
        ("apt_value", "https://packages.corp.example/debian", "https://packages.corp.example/debian"),
        ("apt_version", "1:0.30.2~rc1-1", "1:0.30.2~rc1-1"),
    ],
)
def test_what_is_written(kind: str, value: Any, expected: str) -> None:
    assert write(kind, value, "name") == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("block", "raw"),
        ("number", "5"),
        ("number", True),
        ("flag", "yes"),
        ("unit_text", "ends in \\"),
        ("unit_word", ""),
        ("unit_word", 5),
        ("unit_path", "srv"),
        ("unit_path", "/srv/../etc"),
        ("unit_path", '/srv/"'),
        ("unit_path", "/srv/\\"),
        ("unit_path", "/srv "),
        ("unit_paths", ["-/srv"]),
        ("unit_name", "a.service b.service"),
        ("unit_name", "%h.service"),
        ("unit_variable", ("A B", "c")),
        ("unit_variable", ("A=B", "c")),
        ("calendar", "hourly; x"),
        ("calendar", "%H"),
        ("account", "%u"),
        ("account", "a b"),
        ("account", "-a"),
        ("account", ".a"),
        ("credential", "a:b"),
        ("credential", "-a"),
        ("directory_name", "../x"),
        ("directory_name", ".."),
        ("directory_name", "a/b"),
        ("network", "fe80::%eth0/64"),
        ("network", "fe80::%x\nExecStartPre=/bin/false/64"),
        ("nginx_word", "a;b"),
        ("nginx_word", "/$request_uri"),
        ("nginx_word", "~^.*$"),
        ("nginx_addresses", ["10.0.0.1;include"]),
        ("nginx_addresses", ["fe80::1%eth0"]),
        ("file_variable", ("A", "$HOME")),
        ("line_path", "x"),
        ("apt_value", "debs main"),
        ("apt_version", "/./"),
    ],
)
def test_what_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(TrustAnchorError, match="would be read as something else"):
        write(kind, value, "name")


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1))
def test_readers_of_other_languages_read_what_was_given(text: str) -> None:
    assert tomllib.loads(f"a = {write('toml_text', text, 'x')}") == {"a": text}
    assert shlex.split(f"export {write('shell_variable', ('A', text), 'x')}") == ["export", f"A={text}"]
    found = write("json_in_template", text, "x")
    assert json.loads(found) == text
    assert "{{" not in found


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing")
def test_systemd_reads_what_was_given(tmp_path: Path) -> None:
    values = {"word": '50% of "$HOME" \\n', "path": ["/srv/a b", "/srv/50%n"], "text": "50%Z"}
    template = (
        "[Unit]\nDescription={text:unit_text}\n[Service]\nType=oneshot\nExecStart=/bin/echo {word:unit_word}\n"
        "ReadWritePaths={path:optional_paths}\n"
    )
    unit = tmp_path / "test.service"
    unit.write_text(fill(template, values))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert str(unit) not in done.stderr
    assert "Failed" not in done.stderr


def test_a_template_takes_what_another_made_and_nothing_raw() -> None:
    part = fill("a{{}} {x:number}\n", {"x": 1})
    assert fill("<{one:block}{many:block}>", {"one": part, "many": [part, part]}) == "<" + "a{} 1\n" * 3 + ">"
    for raw in (["raw"], [part, "raw"], ["raw", part]):
        with pytest.raises(TrustAnchorError, match="text of a template is expected"):
            fill("{x:block}", {"x": raw})
    assert fill("<{x:block}>", {"x": []}) == "<>"


@pytest.mark.parametrize(("template", "values"), [("{x}", {"x": "y"}), ("{x:other}", {"x": "y"}), ("{x:number}", {})])
def test_a_value_without_a_kind_or_a_kind_without_a_value(template: str, values: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        fill(template, values)


def test_the_value_is_shown_without_its_effect() -> None:
    with pytest.raises(TrustAnchorError) as refused:
        write("unit_path", "/\x1b[2J" + "x" * 500, "directory")
    assert str(refused.value).startswith("directory is '/\\x1b[2J")
    assert len(str(refused.value)) < 400
