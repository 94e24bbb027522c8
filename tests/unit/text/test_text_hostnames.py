# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.text import hostnames

LABEL = "a" * 63
LONGEST = f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}"  # 253 characters


@pytest.mark.parametrize(
    "name",
    [
        *("web.corp.example", "web", "*.corp.example", "xn--bcher-kva.corp.example", "1.example", "a-b.example"),
        *("10.1.2.3", "fd00::1", "::", f"{LABEL}.example", LONGEST),
    ],
)
def test_what_all_clients_read(name: str) -> None:
    assert hostnames.why_unreadable(name) == ""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("my_web.corp.example", "Java refuses an underscore"),
        ("web.corp.example.", "dot at the end"),
        ("bücher.corp.example", "xn--"),
        ("web 1.corp.example", "lower case"),
        ("Web.corp.example", "lower case"),
        ("web.corp.example:443", "lower case"),
        ("web.corp.example\n", "lower case"),
        ("", "lower case"),
        (".corp.example", "lower case"),
        ("-web.corp.example", "lower case"),
        ("web-.corp.example", "lower case"),
        (f"a{LABEL}.example", "63 characters"),
        (f"{LONGEST}a", "253"),
        ("10.1.2.300", "IPv4 address"),
        ("web.1", "IPv4 address"),
        ("*.corp", "top-level domain"),
        ("*", "lower case"),
        ("w*.corp.example", "lower case"),
        ("www.*.example", "lower case"),
        ("*.*.example", "lower case"),
        ("*.my_web.example", "underscore"),
        ("fe80::1%eth0", "lower case"),
        ("*.10.1.2.3", "IPv4 address"),
    ],
)
def test_what_some_client_does_not_read(name: str, why: str) -> None:
    assert why in hostnames.why_unreadable(name)


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("10.1.2.3", True),
        ("fd00::1", True),
        ("fe80::1%eth0", False),
        ("web", False),
        ("10.1.2.300", False),
        ("", False),
    ],
)
def test_addresses(name: str, is_it: bool) -> None:
    assert hostnames.is_address(name) is is_it


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("web.corp.example", "10.1.2.3"), "web.corp.example"),
        (("10.1.2.3", "web.corp.example"), "web.corp.example"),
        (("10.1.2.3", "fd00::1"), ""),
        ((LONGEST, "web.corp.example"), "web.corp.example"),
        ((LONGEST,), ""),
        (("a" * 56 + ".example", "b.example"), "a" * 56 + ".example"),
        (("a" * 57 + ".example", "b.example"), "b.example"),
        ((), ""),
    ],
)
def test_the_common_name_is_a_dns_name_that_is_not_too_long(names: tuple[str, ...], expected: str) -> None:
    assert hostnames.common_name(names) == expected
