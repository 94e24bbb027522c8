# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that step makes of a template, by the same library as step-ca."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from factories import pki, proof_clients

_LIFETIME = ["--not-before", "-1m", "--not-after", "24h"]


def by_template(
    template: str, names: Sequence[str], issuer: pki.Authority, directory: Path, *, rsa: bool = False
) -> x509.Certificate:
    """A leaf.

    Args:
        template: as the product writes it for step-ca.
        names: alternative names; the first is asked for as the common name, too, as step-ca has it from a token.
        issuer: signs.
        directory: empty, for the files.
        rsa: whether the leaf's key is RSA.

    Raises:
        AssertionError: step does not make it; with its reason.
    """
    paths = {name: directory / name for name in ("template", "issuer.crt", "issuer.key", "leaf.crt", "leaf.key")}
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths["template"].write_text(template)
    paths["issuer.crt"].write_text(pki.pem(issuer.certificate))
    paths["issuer.key"].write_bytes(issuer.key.private_bytes(*plain))
    command = [str(proof_clients.step()), "certificate", "create", names[0], str(paths["leaf.crt"])]
    command += [str(paths["leaf.key"]), "--template", str(paths["template"]), *_LIFETIME]
    command += ["--ca", str(paths["issuer.crt"]), "--ca-key", str(paths["issuer.key"])]
    command += ["--no-password", "--insecure", *(["--kty", "RSA"] if rsa else [])]
    command += [argument for name in names for argument in ("--san", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return x509.load_pem_x509_certificate(paths["leaf.crt"].read_bytes())
