# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust stores of Java, made and read back by the real keytool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.trustanchor.private_ca.plugins.module_utils.errors import TrustAnchorError
from ansible_collections.trustanchor.private_ca.plugins.module_utils.host import commands
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust import pem
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores import java, jks
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.base import Wanted
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.cache import Cache
from ansible_collections.trustanchor.private_ca.plugins.module_utils.trust.stores.java import Keystore
from factories import accounts, pki
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(
    not shutil.which("keytool"), reason="keytool is not installed (Debian: default-jre-headless)"
)

ONE, TWO, THREE = pki.root("One"), pki.root("Two"), pki.root("Three")
ROOT1, ROOT2, ROOT3 = (pem.parse_root(one.pem, "root") for one in (ONE, TWO, THREE))


def keytool(*arguments: str, password: str = java.PASSWORD, options: tuple[str, ...] = ()) -> str:
    command = ["keytool", "-J-XX:TieredStopAtLevel=1", *options, *arguments, "-storepass", password]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_store(
    path: Path, kind: str, roots: dict[str, pki.Authority], password: str = java.PASSWORD, options: tuple[str, ...] = ()
) -> bytes:
    """A store as Debian's hook makes it: alias to root."""
    for alias, root in roots.items():
        source = path.with_suffix(".pem")
        source.write_text(root.pem)
        place = ("-file", str(source), "-keystore", str(path), "-storetype", kind)
        keytool("-importcert", "-noprompt", "-alias", alias, *place, password=password, options=options)
    return path.read_bytes()


def listed(path: Path, password: str = java.PASSWORD) -> set[str]:
    """Fingerprints that the real keytool finds."""
    said = keytool("-list", "-keystore", str(path), password=password)
    return {digest.replace(":", "").lower() for digest in re.findall(r"\(SHA-256\): ([0-9A-F:]+)", said)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A store of each form with the roots One and Two."""
    home = tmp_path_factory.mktemp("stores")
    roots = {"debian:one.pem": ONE, "zwölf": TWO}
    return {kind: make_store(home / kind, kind, roots) for kind in ("JKS", "PKCS12")}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    accounts.as_current_user(monkeypatch)
    return tmp_path / "cacerts"


def store(path: Path, **more: str) -> Keystore:
    return Keystore(str(path), "java", Cache(), **more)  # type: ignore[arg-type]


def without_keytool(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read and written here must do without a JVM."""

    def run(*_arguments: object, **_options: object) -> None:
        raise AssertionError("keytool was started")

    monkeypatch.setattr(java, "run", run)


def test_jks_is_read_without_a_jvm(path: Path, made: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    without_keytool(monkeypatch)
    path.write_bytes(made["JKS"])
    assert store(path).entries() == {"debian:one.pem": ONE.sha256, "zwölf": TWO.sha256}


def test_pkcs12_is_read_once(path: Path, made: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(made["PKCS12"])
    first = store(path)
    found = first.entries()
    assert found == {"debian:one.pem": ONE.sha256, "zwölf": TWO.sha256}
    without_keytool(monkeypatch)
    later = Keystore(str(path), "java", Cache(first.cache.as_dict()))
    assert later.entries() == found
    path.write_bytes(made["PKCS12"])  # the same content, but written by somebody
    with pytest.raises(AssertionError, match="keytool was started"):
        later.entries()


@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_converge_adds_and_removes(path: Path, made: dict[str, bytes], kind: str) -> None:
    path.write_bytes(made[kind])
    path.chmod(0o640)
    wanted = Wanted((ROOT1, ROOT3), forbidden=frozenset({TWO.sha256}))
    (before,) = store(path).find(wanted)
    assert (before.state, before.missing, before.unwanted) == ("wrong", (THREE.sha256,), (TWO.sha256,))
    store(path).converge(wanted)
    assert listed(path) == {ONE.sha256, THREE.sha256}
    assert store(path).entries() == {"debian:one.pem": ONE.sha256, f"trustanchor-{THREE.sha256[:32]}": THREE.sha256}
    assert store(path).find(wanted)[0].state == "ok"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in path.parent.iterdir()] == ["cacerts"]


def test_jks_is_the_same_whenever_and_wherever_it_is_written(path: Path, made: dict[str, bytes]) -> None:
    contents = []
    for roots in ((ROOT3, ROOT1), (ROOT1, ROOT3)):
        path.write_bytes(made["JKS"])
        store(path).converge(Wanted(roots, forbidden=frozenset({TWO.sha256, ONE.sha256})))
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert "1 Jan 1970" not in keytool("-list", "-keystore", str(path))


def test_what_bears_our_name_is_ours(path: Path) -> None:
    """Also what Debian's hook puts there from our source file."""
    name = f"debian:trustanchor-{TWO.sha256[:32]}.pem"
    make_store(path, "JKS", {name: TWO, "company": ONE})
    (found,) = store(path).find(Wanted((ROOT3,)))
    assert found.unwanted == (TWO.sha256,)


def test_a_store_of_jdk_18_without_password_stays_one(path: Path) -> None:
    plain = tuple(f"-J-Dkeystore.pkcs12.{name}" for name in ("certProtectionAlgorithm=NONE", "macAlgorithm=NONE"))
    make_store(path, "PKCS12", {"one": ONE, "two": TWO}, options=plain)
    assert ONE.certificate.subject.public_bytes() in path.read_bytes()  # in clear
    store(path).converge(Wanted((ROOT3,), forbidden=frozenset({TWO.sha256})))
    assert set(store(path).entries().values()) == {ONE.sha256, THREE.sha256}
    assert ONE.certificate.subject.public_bytes() in path.read_bytes()


@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_a_password_comes_from_a_file_and_is_in_no_argument(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_store(path, kind, {"one": ONE}, password="geheim-4711")
    secret = path.with_name("password")
    secret.write_text("geheim-4711\n")
    real, seen = commands.run, []

    def watched(command: list[str], **options: Any) -> object:
        seen.extend(command)
        return real(command, **options)

    monkeypatch.setattr(java, "run", watched)
    store(path, password_file=str(secret)).converge(Wanted((ROOT3,), forbidden=frozenset({ONE.sha256})))
    assert listed(path, "geheim-4711") == {THREE.sha256}
    assert not [word for word in seen if "geheim" in word]


@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_a_wrong_password_is_told_and_changes_nothing(path: Path, kind: str) -> None:
    content = make_store(path, kind, {"one": ONE}, password="geheim-4711")
    secret = path.with_name("password")
    secret.write_text("falsch-4712")
    for broken in (store(path), store(path, password_file=str(secret))):
        with pytest.raises(TrustAnchorError, match=r"password.*(wrong|incorrect)") as caught:
            broken.find(Wanted((ROOT3,)))
        with pytest.raises(TrustAnchorError):
            broken.converge(Wanted((ROOT3,)))
        assert "falsch" not in str(caught.value)
    with pytest.raises(TrustAnchorError, match="file with the password of .* does not exist"):
        store(path, password_file=str(path.with_name("nowhere"))).entries()
    assert path.read_bytes() == content


@pytest.mark.parametrize("form", ["jks", "pkcs12"])
def test_a_declared_store_is_made(path: Path, form: str) -> None:
    wanted = Wanted((ROOT1, ROOT2))
    declared = store(path, create=form)
    assert declared.find(wanted)[0].missing == tuple(sorted([ONE.sha256, TWO.sha256]))
    declared.converge(wanted)
    assert listed(path) == {ONE.sha256, TWO.sha256}
    assert path.read_bytes().startswith(jks.MAGIC) == (form == "jks")
    assert declared.find(wanted)[0].state == "ok"


def test_a_store_that_must_be_there(path: Path) -> None:
    with pytest.raises(TrustAnchorError, match="does not exist"):
        store(path).find(Wanted((ROOT1,)))


def test_a_killed_run_leaves_the_old_store(path: Path, made: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(made["PKCS12"])

    def killed(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    wanted = Wanted((ROOT3,), forbidden=frozenset({TWO.sha256}))
    with monkeypatch.context() as moment:
        moment.setattr(java, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            store(path).converge(wanted)
    assert listed(path) == {ONE.sha256, TWO.sha256}
    store(path).converge(wanted)
    assert listed(path) == {ONE.sha256, THREE.sha256}


def test_a_link_stays_one(path: Path, made: dict[str, bytes]) -> None:
    place = path.with_name("elsewhere")
    place.write_bytes(made["JKS"])
    path.symlink_to(place)
    store(path).converge(Wanted((ROOT3,)))
    assert path.is_symlink()
    assert THREE.sha256 in listed(place)


def test_a_private_key_in_the_store_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keytool(
        *("-genkeypair", "-alias", "mine", "-keyalg", "EC", "-dname", "CN=x", "-keypass", java.PASSWORD),
        *("-keystore", str(path), "-storetype", "JKS"),
    )
    without_keytool(monkeypatch)
    with pytest.raises(TrustAnchorError, match=r"holds a private key \(mine\)"):
        store(path).entries()


def test_a_store_that_was_cut_is_damaged(path: Path, made: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    without_keytool(monkeypatch)
    content = made["JKS"]
    for size in range(4, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(TrustAnchorError, match="ends in the middle of an entry|is damaged"):
            store(path).entries()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=200))
def test_any_bytes_after_the_magic_are_refused(tail: bytes, path: Path) -> None:
    path.write_bytes(jks.MAGIC + tail)
    with pytest.raises(TrustAnchorError, match="ends in the middle|private key|damaged"):
        store(path).entries()


aliases = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(st.dictionaries(aliases, st.binary(max_size=50), max_size=5), st.integers(0, 2**63 - 1), st.text(max_size=9))
def test_what_is_written_is_read(entries: dict[str, bytes], created: int, password: str) -> None:
    listed_entries = [jks.Entry(alias.encode(), created, der) for alias, der in entries.items()]
    assert jks.read(jks.write(listed_entries, password), "here", password) == listed_entries


def test_garbage_is_refused_by_keytool(path: Path) -> None:
    path.write_bytes(b"garbage")
    with pytest.raises(TrustAnchorError, match="keytool.*failed"):
        store(path).entries()


def test_root_runs_no_keytool_that_others_could_have_put_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lib/security/cacerts"
    planted = tmp_path / "bin/keytool"
    for place in (path, planted):
        place.parent.mkdir(parents=True)
    planted.write_text("#!/bin/sh\ntouch $0.was-run\n")
    planted.chmod(0o755)
    path.write_bytes(b"not JKS")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(java, "is_roots_alone", lambda _path: False)
    with pytest.raises(TrustAnchorError, match="there is no keytool that root may run"):
        store(path).find(Wanted((ROOT1,)))
    assert not planted.with_name("keytool.was-run").exists()


def test_a_link_that_a_user_planted_is_not_followed(path: Path, made: dict[str, bytes]) -> None:
    """Whatever is beside the store."""
    path.write_bytes(made["PKCS12"])
    target = path.with_name("target")
    target.write_text("of somebody else")
    for name in ("cacerts.new", "cacerts.trustanchor-new", ".cacerts.new"):
        path.with_name(name).symlink_to(target)
    store(path).converge(Wanted((ROOT3,)))
    assert target.read_text() == "of somebody else"


@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_a_root_goes_whatever_its_aliases_are(path: Path, kind: str) -> None:
    aliases = ("one", "debian:two.pem", "foo, inc", "alias name: x")
    make_store(path, kind, dict.fromkeys(aliases, ONE) | {"other": TWO})
    store(path).converge(Wanted((ROOT3,), forbidden=frozenset({ONE.sha256})))
    assert listed(path) == {TWO.sha256, THREE.sha256}


def test_a_found_store_that_others_can_change_is_left_alone(
    path: Path, made: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(made["JKS"])
    monkeypatch.setattr(java, "is_roots_alone", lambda _path: False)
    with pytest.raises(TrustAnchorError, match="can be changed by users other than root.*Declare it"):
        Keystore(str(path), "java", Cache(), declared=False).find(Wanted((ROOT3,)))


def test_what_java_reads_as_empty_is_told(path: Path) -> None:
    """openssl marks no certificate as trusted, and keytool says that there are none."""
    source = path.with_suffix(".pem")
    source.write_text(ONE.pem + TWO.pem)
    secret = path.with_name("password")
    secret.write_text("geheim-4711\n")
    command = ["openssl", "pkcs12", "-export", "-nokeys", "-in", str(source), "-out", str(path), "-passout"]
    for password, more in ((f"pass:{java.PASSWORD}", {}), (f"file:{secret}", {"password_file": str(secret)})):
        subprocess.run([*command, password], check=True, capture_output=True)
        (found,) = store(path, **more).find(Wanted((ROOT1,)))
        assert (found.state, found.missing, found.unwanted) == ("wrong", (ONE.sha256,), ())
        assert "Java reads no certificate in it, though it holds 2: they are not marked as trusted" in found.why
        store(path, **more).converge(Wanted((ROOT1,)))
        assert store(path, **more).find(Wanted((ROOT1,)))[0].state == "ok"
    assert listed(path, "geheim-4711") == {ONE.sha256}


@pytest.mark.parametrize("form", ["jks", "pkcs12"])
def test_an_empty_store_is_missing_its_roots_and_no_more(path: Path, form: str) -> None:
    path.write_bytes(jks.write([], java.PASSWORD))
    if form == "pkcs12":
        make_store(path.with_name("other"), "PKCS12", {"one": ONE})
        keytool("-delete", "-alias", "one", "-keystore", str(path.with_name("other")))
        path.write_bytes(path.with_name("other").read_bytes())
    (found,) = store(path).find(Wanted((ROOT1,)))
    assert (found.missing, found.why) == ((ONE.sha256,), "")


def test_of_three_jdks_one_hides_its_store_behind_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JDK with a jssecacerts reads that one alone; keytool -cacerts looks at the other."""
    monkeypatch.setattr(java, "is_roots_alone", lambda _path: True)
    monkeypatch.setattr(java, "DEBIAN", str(path.with_name("debian")))
    monkeypatch.setattr(java, "JDKS", (f"{path.parent}/jvm/*",))
    entries = [jks.Entry(alias, 0, root.der) for alias, root in ((b"two", ROOT2), (b"again", ROOT2), (b"one", ROOT1))]
    places = [
        "17/lib/security/cacerts",
        "21/lib/security/cacerts",
        "21/lib/security/jssecacerts",
        "8/jre/lib/security/cacerts",
    ]
    for place in places:
        file = path.parent / "jvm" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jks.write(entries, java.PASSWORD))
    wanted = Wanted((ROOT3,), frozenset({TWO.sha256}), frozenset({TWO.sha256}))
    found = list(java.discover(Cache(), ()))
    assert [one.path.removeprefix(f"{path.parent}/jvm/") for one in found] == places
    for one in found:
        assert one.find(wanted)[0].unwanted == (TWO.sha256,)
        one.converge(wanted)
        assert one.find(wanted)[0].state == "ok"
        assert set(one.entries().values()) == {ONE.sha256, THREE.sha256}
