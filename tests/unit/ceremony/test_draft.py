# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.ceremony.draft import Draft
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509 import builders, profiles
from ansible_collections.trustanchor.private_ca.plugins.module_utils.x509.signatures import signature_holds
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from factories import pki
from factories.pki import profiled as make


def draft(lint: Any = lambda certificate: (), key: Any = make.ROOT_KEY) -> Draft[x509.Certificate]:
    profile = profiles.parse_root(make.ROOT)
    moment = builders.Issuance.fresh(pki.FIXED_NOW)
    public = key.public_key()
    return Draft("test root", builders.root_builder(profile, public, moment), public, lint)


def test_rehearsal_and_signature_cover_the_same_bytes() -> None:
    key = make.new_key()
    one = draft(key=key)
    rehearsed, signed = one.rehearse(), one.sign(key)
    assert rehearsed.tbs_certificate_bytes == signed.tbs_certificate_bytes
    assert signature_holds(signed, key.public_key())
    assert not signature_holds(rehearsed, key.public_key())


def test_a_broken_rule_stops_the_rehearsal() -> None:
    with pytest.raises(TrustAnchorError, match="breaks 1 rule.*too old"):
        draft(lambda certificate: ["too old"]).rehearse()


def test_a_rule_that_only_the_result_breaks() -> None:
    one = draft(lambda certificate: ["odd"])
    with pytest.raises(TrustAnchorError, match="odd"):
        one.check(one.sign(make.ROOT_KEY))


def test_another_key_on_the_token_is_noticed() -> None:
    one = draft()
    with pytest.raises(TrustAnchorError, match="does not verify"):
        one.check(one.sign(make.new_key()))


def test_another_kind_of_key_is_noticed() -> None:
    one = draft()
    with pytest.raises(TrustAnchorError, match="differs from the rehearsal"):
        one.check(one.sign(rsa.generate_private_key(65537, 2048)))


def test_other_bytes_than_the_rehearsed_are_noticed() -> None:
    one, other = draft(), draft()  # another serial number
    with pytest.raises(TrustAnchorError, match="differs from the rehearsal"):
        one.check(other.sign(make.ROOT_KEY))


def test_p256_signs_with_sha256() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    assert draft(key=key).sign(key).signature_hash_algorithm.name == "sha256"  # type: ignore[union-attr]
