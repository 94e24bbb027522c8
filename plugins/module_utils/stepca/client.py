# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""step-ca's HTTP interface, seen by a client that trusts one root and nothing else. Standard library only."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from ..errors import TrustAnchorError


class Unreachable(TrustAnchorError):
    """Nobody answers, or not in time; it says nothing of who would."""


class _Connection(http.client.HTTPSConnection):
    """HTTPS to ``address`` while names are checked against the URL's host: reaches one CA host among several."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, timeout: float, address: str) -> None:
        super().__init__(host, port, context=context, timeout=timeout)
        self._tls = context
        self._address = address

    def connect(self) -> None:
        raw = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)


@dataclass(frozen=True)
class Client:
    """A client of one CA.

    Args:
        url: ``https://name[:port]``.
        root_pem: the only trust anchors, PEM.
        address: connect there instead of where the name points; empty: by DNS.
        timeout: seconds for each request.
        certificate: path of the client's own chain, PEM, leaf first; empty: none.
        key: path of its private key, PEM.
    """

    url: str
    root_pem: str
    address: str = ""
    timeout: float = 10
    certificate: str = ""
    key: str = ""

    def health(self) -> None:
        """Whether the process answers; no more than that: /health is a constant (api/api.go).

        Raises:
            TrustAnchorError: no answer, or not 'ok'.
        """
        answer = self.get_json("/health")
        if answer.get("status") != "ok":
            raise TrustAnchorError(f"{self.url}/health says {answer}")

    def provisioners(self) -> list[dict[str, Any]]:
        """All provisioners as clients see them; pages of 100 (api/api.go: cursor and limit)."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get_json(f"/provisioners?limit=100&cursor={quote(cursor)}")
            found.extend(page.get("provisioners") or [])
            cursor = page.get("nextCursor") or ""
            if not cursor:
                return found

    def intermediates(self) -> str:
        """The intermediates that the CA issues under now, PEM."""
        return self.request("GET", "/intermediates.pem").decode()

    def crl(self) -> bytes:
        """The CRL of leaves, DER.

        Raises:
            TrustAnchorError: the CA makes none.
        """
        return self.request("GET", "/1.0/crl")

    def new_nonce(self, provisioner: str) -> None:
        """An ACME nonce of a provisioner: proves that the database takes a write."""
        self.request("HEAD", f"/acme/{quote(provisioner)}/new-nonce")

    def sign(self, csr_pem: str, token: str, lifetime: str = "") -> list[str]:
        """Have a certificate signed.

        Args:
            csr_pem: the request.
            token: a one-time token.
            lifetime: Go duration such as 24h; empty: the provisioner's default.

        Returns:
            The chain, leaf first, each PEM.

        Raises:
            TrustAnchorError: the CA refused; with its reason.
        """
        body = {"csr": csr_pem, "ott": token, **({"notAfter": lifetime} if lifetime else {})}
        return self._chain("/1.0/sign", json.dumps(body).encode())

    def renew(self) -> list[str]:
        """Have the client's own certificate renewed: same key, names and lifetime (authority/tls.go Renew).

        Returns:
            The chain, leaf first, each PEM.

        Raises:
            TrustAnchorError: the CA refused; with its reason.
        """
        return self._chain("/1.0/renew", b"{}")

    def get_json(self, path: str) -> dict[str, Any]:
        """GET a JSON object.

        Raises:
            TrustAnchorError: as `request`, or the answer is not one.
        """
        return _object(self.request("GET", path), f"{self.url}{path}")

    def _chain(self, path: str, body: bytes) -> list[str]:
        """The chain in an answer to /sign or /renew (api/api.go SignResponse)."""
        answer = _object(self.request("POST", path, body), f"{self.url}{path}")
        chain = answer.get("certChain") or [answer.get("crt"), answer.get("ca")]
        if not isinstance(chain, list) or not all(isinstance(certificate, str) for certificate in chain):
            raise TrustAnchorError(f"{self.url}{path} gave no certificate chain", f"its keys are {sorted(answer)}")
        return chain

    def server_certificate(self) -> bytes:
        """DER of the certificate that the CA itself serves. A reload makes a new one (ca/ca.go getTLSConfig).

        Not verified: it is only compared with a former one, which may be under a root that was just replaced.

        Raises:
            TrustAnchorError: no answer.
        """
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = self._connect(context)
        try:
            connection.connect()
            return connection.sock.getpeercert(binary_form=True) or b""
        except OSError as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One request; the body of a 2xx answer.

        Raises:
            TrustAnchorError: no connection, a chain that does not lead to the root, or an error status.
        """
        connection = self._connect(self._verifying_context())
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise TrustAnchorError(f"{self.url}{path} answered {response.status}", _reason(content))
        return content

    def _verifying_context(self) -> ssl.SSLContext:
        """Not create_default_context(): given an empty root it would trust the host's whole store."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cadata=self.root_pem)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError) as error:
            raise TrustAnchorError(
                f"the root or the client's certificate for {self.url} cannot be used", str(error)
            ) from error
        return context

    def _connect(self, context: ssl.SSLContext) -> _Connection:
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname or "", parts.port or 443
        except ValueError as error:
            raise TrustAnchorError(f"'{self.url}' is not a URL", str(error)) from error
        if parts.scheme != "https" or not host:
            raise TrustAnchorError(f"'{self.url}' is not a URL of a CA", "https://NAME is expected")
        return _Connection(host, port, context, self.timeout, self.address or host)

    def _unreachable(self, error: Exception) -> TrustAnchorError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return TrustAnchorError(
                f"{self.url} serves a certificate that the given root does not vouch for",
                error.verify_message,
                "Check that the root and the intermediate belong together, and the clocks",
            )
        if isinstance(error, ssl.SSLError):
            return TrustAnchorError(f"{self.url} does not speak TLS as a CA does", error.reason or str(error))
        return Unreachable(f"{self.url} does not answer", str(error) or type(error).__name__)


def _object(content: bytes, where: str) -> dict[str, Any]:
    """A JSON object; a proxy in between may answer with anything."""
    try:
        found = json.loads(content)
    except ValueError as error:
        raise TrustAnchorError(f"{where} gave no JSON", str(error), "Is there a proxy in between?") from error
    if not isinstance(found, dict):
        raise TrustAnchorError(f"{where} gave no JSON object", f"found {type(found).__name__}")
    return found


def _reason(content: bytes) -> str:
    """step-ca's message in an error body: {"status": ..., "message": ...}."""
    try:
        answer = json.loads(content)
    except ValueError:
        return content.decode(errors="replace")[:300]
    return (
        str(answer.get("message") or answer.get("detail") or answer)[:300] if isinstance(answer, dict) else str(answer)
    )
