# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a YubiKey's firmware and library are fit for a root's key, and no default is left on it."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Requirement, TokenFacts

# yubico-piv-tool NEWS: AES management keys, policies and metadata came one by one, the last with 2.5.0. Older
# libraries also crash on an imported key without a certificate.
_LIBRARY = (2, 5, 0)
_METADATA = (5, 3, 0)
_NEW_ALGORITHMS = (5, 7, 0)  # RSA-3072 and RSA-4096, Ed25519 (Yubico, "5.7 firmware specifics")
_ROCA = ((4, 2, 0), (4, 3, 4))  # YSA-2017-01, CVE-2017-15361

_NAMES = {"pin": "PIN", "puk": "PUK", "management_key": "management key"}


def has_roca(firmware: tuple[int, ...] | None) -> bool:
    """Whether the RSA keys that a YubiKey of this firmware made can be factored."""
    return firmware is not None and _ROCA[0] <= firmware <= _ROCA[1]


def problems(facts: TokenFacts, wanted: Requirement) -> Iterator[str]:
    """What is wrong, each with the way out."""
    yield from _library(facts)
    yield from _firmware(facts, wanted)
    yield from _defaults(facts)


def _library(facts: TokenFacts) -> Iterator[str]:
    version = _numbers(facts.library_version)
    if version < _LIBRARY:
        yield (
            f"libykcs11 {facts.library_version} ({facts.library}) is too old: it knows neither AES management keys nor "
            "policies and crashes on imported keys (install ykcs11 2.5.0 or newer; Debian 13 has 2.7.1)"
        )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _firmware(facts: TokenFacts, wanted: Requirement) -> Iterator[str]:
    if facts.firmware is None:
        return
    version = ".".join(map(str, facts.firmware))
    if has_roca(facts.firmware):
        yield f"RSA keys made by firmware {version} can be factored (CVE-2017-15361; take another YubiKey)"
    if facts.firmware < _METADATA or not facts.metadata:
        yield f"firmware {version} tells neither defaults nor what a slot holds (take a YubiKey with 5.3 or newer)"
    if facts.firmware < _NEW_ALGORITHMS and wanted.algorithm in ("rsa-3072", "rsa-4096", "ed25519"):
        yield f"firmware {version} cannot do {wanted.algorithm} (5.7 can; ec-p384 always can)"


def _defaults(facts: TokenFacts) -> Iterator[str]:
    if facts.defaults:
        names = " and ".join(_NAMES[name] for name in facts.defaults)
        yield f"still as the factory set it: {names} (run trustanchor.private_ca.prepare_tokens)"
