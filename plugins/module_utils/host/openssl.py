# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The openssl program, and the one reader of what it says of certificates, CRLs and requests. Standard library only.

What openssl prints is text in which names stand that others have chosen. So what is parsed is in a fixed order, each
line from its beginning to its end; a subject cannot hold a line's end (``esc_ctrl``), and alternative names, which can,
are never in the same output as anything else. Made for OpenSSL 3.0 (Debian 12, Ubuntu 24.04) to 3.5 (Debian 13).
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import TrustAnchorError
from ..text import times
from . import commands, pem

TIMEOUT = 30.0  # seconds; for what reads and verifies
# No host's openssl.cnf matters: with `req_extensions` in it, `req -addext` fails in OpenSSL 3.0, and it can load other
# providers. An empty file is a good configuration of every command that is used here.
_ENVIRONMENT = {"OPENSSL_CONF": "/dev/null"}
# RFC 4514 form; what is not ASCII stays readable, control characters are escaped.
_NAMES = ("-nameopt", "RFC2253,-esc_msb")
# Of `-text`, nothing but the public key.
_KEY_ONLY = ",".join(
    f"no_{part}"
    for part in (
        *("header", "version", "serial", "signame", "validity", "subject", "issuer", "sigdump"),
        *("extensions", "aux", "attributes"),
    )
)
_SEPARATOR = re.compile(rb", ?(DNS|IP Address|IP|email|URI|DirName|othername|Registered ID|RID):")
_EXTENSIONS = {
    "X509v3 Basic Constraints": "basicConstraints",
    "X509v3 Key Usage": "keyUsage",
    "X509v3 Extended Key Usage": "extendedKeyUsage",
}


@dataclass(frozen=True)
class Extension:
    """One extension as openssl prints it.

    Args:
        critical: whether who does not understand it must refuse the certificate.
        values: what it holds, for example ``("Digital Signature", "Key Encipherment")``.
    """

    critical: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says of itself; nothing here is verified.

    Args:
        subject: RFC 4514 form, on one line.
        issuer: the same.
        serial: serial number.
        not_before: begin of its validity, seconds since the epoch.
        not_after: its end.
        public_key_sha256: of the SubjectPublicKeyInfo in DER, lower-case hex.
        key_type: ``P-256``, ``P-384``, ``RSA-3072`` and the like; other types as openssl calls them.
        is_ca: basic constraints say so.
        basic_constraints: None where it has none; so are the two below.
        key_usage: in openssl's words.
        extended_key_usage: in openssl's words, for example ``E-mail Protection``; an OID where it has none.
    """

    subject: str
    issuer: str
    serial: int
    not_before: int
    not_after: int
    public_key_sha256: str
    key_type: str
    basic_constraints: Extension | None = None
    key_usage: Extension | None = None
    extended_key_usage: Extension | None = None

    @property
    def is_ca(self) -> bool:
        """Whether basic constraints call it a CA."""
        return self.basic_constraints is not None and "CA:TRUE" in self.basic_constraints.values


@dataclass(frozen=True)
class CrlFacts:
    """What a CRL says of itself; nothing here is verified.

    Args:
        issuer: RFC 4514 form, on one line.
        last_update: when it was made, seconds since the epoch.
        next_update: when the next one comes at the latest.
        number: CRL number; None where it has none.
    """

    issuer: str
    last_update: int
    next_update: int
    number: int | None


@dataclass(frozen=True)
class RequestFacts:
    """What a request says of itself; nothing here is verified.

    Args:
        subject: RFC 4514 form, on one line.
        public_key_sha256: of the SubjectPublicKeyInfo in DER, lower-case hex.
    """

    subject: str
    public_key_sha256: str


def run(
    arguments: Sequence[str],
    stdin: bytes = b"",
    timeout: float = TIMEOUT,
    accept: Sequence[int] = (0,),
) -> subprocess.CompletedProcess[bytes]:
    """Run the openssl program, with a configuration of its own.

    Args:
        arguments: behind the program's name; never a secret.
        stdin: what it reads.
        timeout: seconds.
        accept: exit codes that are not a fault.

    Raises:
        TrustAnchorError: program missing, exit code not accepted, or time is up.
    """
    return commands.run(["openssl", *arguments], stdin, timeout, accept, _ENVIRONMENT)


def read_certificate(content: bytes) -> CertificateFacts:
    """Facts of a certificate, by one process.

    Args:
        content: DER, or PEM; of several the first one.

    Raises:
        TrustAnchorError: it is not a certificate, or one that cannot be understood.
    """
    asked = ["-serial", "-dates", "-subject", "-issuer", "-pubkey", "-text", "-certopt", _KEY_ONLY]
    try:
        done = run(["x509", "-noout", *_NAMES, *asked, "-ext", ",".join(_EXTENSIONS.values())], stdin=content)
    except TrustAnchorError as error:
        raise TrustAnchorError("this is not a certificate", error.why or error.what, error.next_step) from error
    lines = _Lines(done.stdout, "certificate")
    serial = lines.value("serial=")
    begin, end = lines.moment("notBefore="), lines.moment("notAfter=")
    subject, issuer = lines.value("subject="), lines.value("issuer=")
    key, key_type = lines.public_key(), lines.key_type()
    found = lines.extensions()
    return CertificateFacts(
        subject=_readable(subject),
        issuer=_readable(issuer),
        serial=int(serial, 16),
        not_before=begin,
        not_after=end,
        public_key_sha256=key,
        key_type=key_type,
        basic_constraints=found.get("basicConstraints"),
        key_usage=found.get("keyUsage"),
        extended_key_usage=found.get("extendedKeyUsage"),
    )


def read_names(content: bytes) -> set[str]:
    """DNS names and IP addresses of a certificate, as its subject alternative names have them; nothing of its subject.

    Args:
        content: DER, or PEM; of several the first one.

    Raises:
        TrustAnchorError: it is not a certificate, or a name holds what separates names.
    """
    try:
        done = run(["x509", "-noout", "-ext", "subjectAltName"], stdin=content)
    except TrustAnchorError as error:
        raise TrustAnchorError("this is not a certificate", error.why or error.what, error.next_step) from error
    head, _newline, text = done.stdout.decode(errors="replace").partition("\n")
    if not head:
        return set()
    if _SEPARATOR.search(_der(content)) or "\n" in text.rstrip("\n"):
        raise TrustAnchorError("a name of the certificate holds what separates names", text.strip()[:200])
    return {
        value
        for kind, _colon, value in (entry.partition(":") for entry in text.strip().split(", "))
        if kind in ("DNS", "IP Address")
    }


def read_crl(content: bytes) -> CrlFacts:
    """Facts of a CRL.

    Args:
        content: DER or PEM.

    Raises:
        TrustAnchorError: it is not a CRL, or does not say when the next one comes.
    """
    try:
        done = run(["crl", "-noout", *_NAMES, "-lastupdate", "-nextupdate", "-crlnumber", "-issuer"], stdin=content)
    except TrustAnchorError as error:
        raise TrustAnchorError("this is not a CRL", error.why or error.what, error.next_step) from error
    lines = _Lines(done.stdout, "CRL")
    begin, end = lines.moment("lastUpdate="), lines.moment("nextUpdate=")
    number = lines.value("crlNumber=")
    return CrlFacts(
        issuer=_readable(lines.value("issuer=")),
        last_update=begin,
        next_update=end,
        number=None if number == "<NONE>" else lines.number(number),
    )


def require_crl_signed_by(crl: bytes, issuer: str) -> None:
    """A CRL must be signed by a certificate's key.

    Args:
        crl: DER or PEM.
        issuer: the certificate, PEM.

    Raises:
        TrustAnchorError: it is not.
    """
    with tempfile.NamedTemporaryFile(prefix="issuer-", suffix=".pem") as trusted:
        trusted.write(issuer.encode())
        trusted.flush()
        options = ["-CAfile", trusted.name, "-no-CApath", "-no-CAstore"]
        done = run(["crl", "-noout", *options], stdin=crl, accept=(0, 1))
    said = done.stderr.decode(errors="replace").strip()  # the exit code does not tell in all versions
    if "verify OK" not in said.splitlines():
        raise TrustAnchorError("the CRL is not signed by the certificate of its issuer", said[:200])


def read_request(content: bytes) -> RequestFacts:
    """Facts of a certification request (PKCS #10).

    Args:
        content: PEM.

    Raises:
        TrustAnchorError: it is not a request.
    """
    try:
        done = run(["req", "-noout", "-pubkey", *_NAMES, "-subject"], stdin=content)
    except TrustAnchorError as error:
        raise TrustAnchorError("this is not a request", error.why or error.what, error.next_step) from error
    lines = _Lines(done.stdout, "request")
    key = lines.public_key()
    return RequestFacts(subject=_readable(lines.value("subject=")), public_key_sha256=key)


def parse_time(text: str, what: str) -> int:
    """Seconds since the epoch of what openssl prints, for example ``Nov 23 15:00:00 2026 GMT``, in every locale.

    Args:
        text: what openssl printed.
        what: for the message.

    Raises:
        TrustAnchorError: it is not a time.
    """
    return int(times.parse_openssl(text, what).timestamp())


class _Lines:
    """openssl's output, taken line by line in the order in which it was asked for."""

    def __init__(self, output: bytes, what: str) -> None:
        # Not splitlines(): it takes characters for a line's end that may stand in a name.
        self._rest = output.decode(errors="replace").rstrip("\n").split("\n")
        self._what = what

    def _next(self) -> str:
        return self._rest.pop(0) if self._rest else ""

    def _fault(self, line: str, expected: str) -> TrustAnchorError:
        return TrustAnchorError(
            f"the {self._what} cannot be read", f"openssl printed '{_readable(line)[:200]}', expected was {expected}"
        )

    def value(self, label: str) -> str:
        """What stands behind a label on the next line."""
        line = self._next()
        if not line.startswith(label):
            raise self._fault(line, f"'{label}'")
        return line.removeprefix(label).strip()

    def moment(self, label: str) -> int:
        """A time behind a label, seconds since the epoch."""
        return parse_time(self.value(label), label.rstrip("="))

    def number(self, text: str) -> int:
        """A number in hexadecimal digits."""
        if not re.fullmatch("(?:0x)?[0-9A-Fa-f]+", text):
            raise self._fault(text, "a number")
        return int(text, 16)

    def public_key(self) -> str:
        """SHA-256 of the key in the PEM block that begins here."""
        block = [self._next()]
        if block[0] != "-----BEGIN PUBLIC KEY-----":
            raise self._fault(block[0], "a public key")
        while block[-1] != "-----END PUBLIC KEY-----":
            block.append(self._next())
            if not block[-1]:
                raise self._fault("", "the end of the public key")
        return hashlib.sha256(pem.decode("\n".join(block))).hexdigest()

    def key_type(self) -> str:
        """Type of the key in the text that begins here; lines of it are indented by 8 and more."""
        lines = []
        while self._rest and self._rest[0].startswith(" " * 8):
            lines.append(self._next().strip())
        values = dict(line.split(": ", 1) for line in lines if ": " in line)
        algorithm = values.get("Public Key Algorithm", "unknown")
        if algorithm == "rsaEncryption":
            bits = re.match(r"\(([0-9]+) bit", values.get("Public-Key", values.get("RSA Public-Key", "")))
            return f"RSA-{bits[1]}" if bits else "RSA"
        if algorithm == "id-ecPublicKey":
            return values.get("NIST CURVE") or values.get("ASN1 OID") or "EC"
        return algorithm

    def extensions(self) -> dict[str, Extension]:
        """The extensions that were asked for: each a headline and one line, and each once (RFC 5280 section 4.2)."""
        found: dict[str, Extension] = {}
        while self._rest:
            head, line = self._next(), self._next()
            name, _colon, critical = head.partition(":")
            known = _EXTENSIONS.get(name)
            if known is None or known in found or critical.strip() not in ("", "critical"):
                raise self._fault(head, "an extension")
            if not re.fullmatch(r" {4}\S.*", line):
                raise self._fault(line, f"the value of '{name}'")
            found[known] = Extension(bool(critical.strip()), tuple(line.strip().split(", ")))
        return found


def _readable(text: str) -> str:
    """A text for people's terminals: what is not printable is escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _der(content: bytes) -> bytes:
    """The bytes of the first certificate."""
    text = content.decode(errors="replace")
    return next((pem.decode(block) for block in pem.blocks(text)), content)
