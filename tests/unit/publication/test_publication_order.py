# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing older takes the place of something newer, whatever the record looks like; and two controllers at once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication import nginx, record_state, site
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.artifacts import Artifact, Version
from ansible_collections.trustanchor.private_ca.plugins.module_utils.publication.record_state import RecordState
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.manifest.signed import SignedManifest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.root import Root
from factories import manifests, pki, publication_host
from factories.interleaving import Other
from factories.publication_host import ROOT, wanted
from factories.publication_record import crl, der

SIGNER = manifests.signer(ROOT)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> publication_host.Host:
    return publication_host.make(tmp_path, monkeypatch)


def manifest(sequence: int, age: dt.timedelta, days: int = 30) -> Artifact:
    """A signed manifest that was signed so long ago."""
    begin = pki.NOW - age
    roots = (Root("r1", ROOT.sha256, "trusted", ROOT.pem),)
    content = SignedManifest("ab" * 16, sequence, begin, begin + days * pki.DAY, roots)
    return Artifact("trust.p7m", "manifest", manifests.sign(content, SIGNER))


def root_crl(number: int, age: dt.timedelta) -> Artifact:
    return Artifact("root-r1.crl", "root_crl", crl(ROOT, number, begin=pki.NOW - age), ROOT.pem)


def intermediate(age: dt.timedelta) -> Artifact:
    made = ROOT.intermediate("Intermediate 1", start=pki.NOW - age)
    return Artifact("ca1.crt", "intermediate", der(made.certificate))


DAY, OLD = pki.DAY, 25 * pki.DAY


@pytest.mark.parametrize(
    ("newer", "older", "words"),
    [
        (manifest(2, DAY), manifest(1, pki.HOUR), "trust.p7m is number 1 in the record"),
        (manifest(2, DAY), manifest(2, OLD), "trust.p7m is of 2"),
        (root_crl(7, DAY), root_crl(6, pki.HOUR), "root-r1.crl is number 6 in the record"),
        (root_crl(7, DAY), root_crl(7, OLD), "root-r1.crl is of 2"),
        (intermediate(DAY), intermediate(OLD), "ca1.crt is of"),
    ],
    ids=["sequence", "signature", "number", "this update", "intermediate"],
)
@pytest.mark.usefixtures("host")
def test_an_older_file_is_left_out_and_told_and_nothing_else_is(newer: Artifact, older: Artifact, words: str) -> None:
    other = Artifact("root-r1.crt", "root", der(ROOT.certificate))
    assert site.converge(wanted(artifacts=(newer,)), check=False).faults == ()
    for check in (True, False):
        done = site.converge(wanted(artifacts=(older, other)), check)
        (fault,) = done.faults
        assert words in str(fault)
        assert f"remove {newer.name} there" in fault.next_step
        assert ("root-r1.crt" in str(done.corrected)) is True
    assert Path(nginx.DIRECTORY, newer.name).read_bytes() == newer.content
    assert Path(nginx.DIRECTORY, "root-r1.crt").exists()
    Path(nginx.DIRECTORY, newer.name).unlink()
    assert site.converge(wanted(artifacts=(older, other)), check=False).faults == ()


@pytest.mark.usefixtures("host")
def test_what_a_wrong_clock_dated_ahead_does_not_stay_for_that() -> None:
    site.converge(wanted(artifacts=(manifest(2, -300 * DAY),)), check=False)
    right = manifest(2, pki.HOUR)
    assert site.converge(wanted(artifacts=(right,)), check=False).faults == ()
    assert Path(nginx.DIRECTORY, "trust.p7m").read_bytes() == right.content


@pytest.mark.parametrize(
    ("mine", "published", "older"),
    [
        (Version("a", 1, 5), Version("a", 2, 4), True),
        (Version("a", 2, 4), Version("a", 1, 5), False),
        (Version("a", 1, 4), Version("a", 1, 5), True),
        (Version("a", 1, 5), Version("a", 1, 5), False),
        (Version("a", 1, 6), Version("a", 1, 5), False),
        (Version("b", 1, 4), Version("a", 1, 5), False),
        (Version("a", 1, 4), Version("a", 1, 11), False),
        (Version("a", 0, 4), Version("a", 1, 11), True),
    ],
)
def test_older(mine: Version, published: Version, older: bool) -> None:
    assert mine.is_older_than(published, now=10) is older


@pytest.mark.usefixtures("host")
def test_a_record_of_a_former_manifest_is_refused_as_a_whole() -> None:
    """Its bundle would bring back a root that was distrusted since, and its files say nothing of their order."""
    site.converge(wanted(record=RecordState("estate", 3)), check=False)
    bundle = Artifact("roots.pem", "bundle", ROOT.pem.encode())
    for check in (True, False):
        with pytest.raises(TrustAnchorError, match="manifest has sequence 2, this host publishes 3"):
            site.converge(wanted(artifacts=(bundle,), record=RecordState("estate", 2)), check)
    assert not Path(nginx.DIRECTORY, "roots.pem").exists()
    for right in (RecordState("estate", 3), RecordState("estate", 4), RecordState("another", 1)):
        site.converge(wanted(record=right), check=False)


@pytest.mark.usefixtures("host")
def test_a_record_that_has_lost_its_manifest_is_refused_as_a_whole() -> None:
    """All its roots would be trusted ones, those that were distrusted among them."""
    site.converge(wanted(record=RecordState("", 0)), check=False)
    site.converge(wanted(record=RecordState("estate", 3)), check=False)
    for check in (True, False):
        with pytest.raises(TrustAnchorError, match="the record has no trust manifest, this host publishes .* estate"):
            site.converge(wanted(record=RecordState("", 0)), check)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"garbage", "cannot be read"),
        (b"[]", "an object is expected"),
        (b"{}", "cannot be read"),
        (b'{"version": 2, "id": "estate", "sequence": 9, "more": 1}', "written by a later version of the collection"),
    ],
)
def test_a_state_that_cannot_be_understood_is_left_as_it_is(content: bytes, words: str) -> None:
    Path(record_state.PATH).write_bytes(content)
    with pytest.raises(TrustAnchorError, match=words):
        site.converge(wanted(record=RecordState("estate", 3)), check=False)
    assert Path(record_state.PATH).read_bytes() == content


@pytest.mark.usefixtures("host")
def test_the_state_has_a_version() -> None:
    site.converge(wanted(record=RecordState("estate", 3)), check=False)
    assert json.loads(Path(record_state.PATH).read_bytes()) == {"version": 1, "id": "estate", "sequence": 3}


@pytest.mark.usefixtures("host")
def test_what_the_record_has_no_good_one_of_stays_as_it_is_published() -> None:
    site.converge(wanted(7), check=False)
    path = Path(nginx.DIRECTORY, "root-r1.crl")
    before, names = path.read_bytes(), {"root-r1.crl", "root-r1.crt"}
    (certificate, found) = wanted(7).artifacts
    left = wanted(artifacts=(certificate,), kept=(Artifact(found.name, found.kind, b"", found.issuer),))
    assert site.converge(left, check=False).corrected == {}
    assert (path.read_bytes(), {one.name for one in left.watched().watched}) == (before, names)
    path.chmod(0o600)
    assert site.converge(left, check=False).corrected[str(path)] == ["mode"]
    path.unlink()
    site.converge(left, check=False)
    assert not path.exists()
    assert {one.name for one in left.watched().watched} == names  # it should be there: the watch says so


@pytest.mark.usefixtures("host")
def test_two_controllers_publish_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one with the older record comes while the other one is at work: it goes by what is there afterwards."""
    site.converge(wanted(1), check=False)

    def publish() -> list[str]:
        return [str(fault) for fault in site.converge(wanted(2), check=False).faults]

    with Other(publish) as second:
        real: Callable[..., Any] = site._configure

        def configure(*arguments: Any) -> Any:
            second.start()
            second.await_lock()
            return real(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(site, "_configure", configure)
            site.converge(wanted(3), check=False)
        (fault,) = second.result()
    assert "is number 2 in the record" in fault
    assert Path(nginx.DIRECTORY, "root-r1.crl").read_bytes() == wanted(3).artifacts[1].content
