# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Java: each version that is found on the host, with the trust store that it reads. Standard library only.

One JVM for all targets. The program is compiled by the host's JDK, for Java 8 and newer, so a JRE can be asked, too.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import TrustAnchorError
from ...trust.stores.java import JDKS
from .client import TIMEOUT, Account, Asked, Client, Lines, Said, ask, let_read, owner, short

_COMPILE_SECONDS = 120
_START_SECONDS = 60
MOST = 20  # further versions of one host: whoever may write below /opt could make any number
_FAST = "-XX:TieredStopAtLevel=1"

# Verifies chain and host name as HttpsURLConnection does. Roots of its own are in a trust manager of its own: a trust
# store that is named by a property and cannot be read makes Java read cacerts, without a word.
_SOURCE = """import java.io.*;
import java.net.*;
import java.security.KeyStore;
import java.security.cert.*;
import java.util.*;
import javax.net.ssl.*;

class Handshake {
    public static void main(String[] arguments) {
        for (String target : Arrays.asList(arguments).subList(2, arguments.length)) {
            String result = "ok";
            try {
                shake(factory(arguments[1]), target);
            } catch (Exception error) {
                result = String.valueOf(error.getMessage()).replace('\\n', ' ');
            }
            System.out.println(arguments[0] + " " + target + " " + result);
        }
    }

    static void shake(SSLSocketFactory factory, String target) throws Exception {
        int colon = target.lastIndexOf(':'), port = Integer.parseInt(target.substring(colon + 1));
        String host = target.substring(0, colon).replaceAll("^\\\\[|\\\\]$", "");
        // Its timeout is for one read alone: a server that trickles would never end.
        Timer timer = new Timer(true);
        try (final Socket raw = new Socket(Proxy.NO_PROXY)) {
            timer.schedule(new TimerTask() {
                public void run() {
                    try {
                        raw.close();
                    } catch (IOException error) {
                        // It is closed.
                    }
                }
            }, %(milliseconds)d);
            raw.connect(new InetSocketAddress(host, port), %(milliseconds)d);
            raw.setSoTimeout(%(milliseconds)d);
            try (SSLSocket socket = (SSLSocket) factory.createSocket(raw, host, port, true)) {
                SSLParameters parameters = socket.getSSLParameters();
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                if (!host.contains(":") && !host.matches("[0-9.]+")) {
                    parameters.setServerNames(Collections.<SNIServerName>singletonList(new SNIHostName(host)));
                }
                socket.setSSLParameters(parameters);
                socket.startHandshake();
            }
        } finally {
            timer.cancel();
        }
    }

    static SSLSocketFactory factory(String roots) throws Exception {
        String declared = System.getProperty("javax.net.ssl.trustStore");
        if (roots.isEmpty() && (declared == null || declared.equals("NONE") || readable(declared))) {
            return (SSLSocketFactory) SSLSocketFactory.getDefault();
        }
        if (roots.isEmpty()) {
            throw new IOException("javax.net.ssl.trustStore is " + declared + ", which cannot be read");
        }
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream file = new FileInputStream(roots)) {
            for (Certificate root : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                store.setCertificateEntry("root" + store.size(), root);
            }
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context.getSocketFactory();
    }

    static boolean readable(String path) {
        File file = new File(path);
        return file.isFile() && file.canRead();
    }
}
"""


@dataclass(frozen=True)
class Java:
    """One version.

    Args:
        name: of its answer.
        path: of its program.
        account: whom it is run as; None: who runs this.
        refused: why it is not run.
    """

    name: str
    path: str
    account: Account | None = None
    refused: str = ""


def found() -> list[Java]:
    """The one on PATH, which whoever runs this would run; and each further one, by its directory.

    Raises:
        TrustAnchorError: there is none.
    """
    on_path = shutil.which("java")
    javas = {os.path.realpath(on_path): Java(CLIENT.name, on_path)} if on_path else {}
    listed = [path for top in JDKS for path in glob.glob(f"{top}/bin/java")]
    # By its own name, and by a link's where there is no other.
    for path in sorted(listed, key=lambda path: (os.path.islink(os.path.dirname(os.path.dirname(path))), path)):
        if os.path.realpath(path) not in javas:
            javas[os.path.realpath(path)] = _further(path, len(javas) > MOST)
    if not javas:
        raise TrustAnchorError("the program java is missing", "", f"Install {CLIENT.package}")
    return list(javas.values())


def _further(path: str, too_many: bool) -> Java:
    name = f"{CLIENT.name} {path.removesuffix('/bin/java')}"
    if too_many:
        return Java(name, path, refused=f"not asked: {MOST} further versions of a host are")
    try:
        return Java(name, path, owner(path))
    except TrustAnchorError as error:
        return Java(name, path, refused=short(str(error)))


def _perform(asked: Asked) -> Mapping[str, Said]:
    javas = found()
    classes = _compiled(asked, javas)
    return {one.name: _shake(asked, one, classes) for one in javas}


def _compiled(asked: Asked, javas: Sequence[Java]) -> str:
    """The directory of the class.

    Raises:
        TrustAnchorError: there is no compiler, or it fails.
    """
    ours = [one.path for one in javas if one.account is None and not one.refused]
    beside = [os.path.join(os.path.dirname(os.path.realpath(path)), "javac") for path in ours]
    compilers = [path for path in (shutil.which("javac"), *beside) if path and os.path.exists(path)]
    if not compilers:
        raise TrustAnchorError(
            "the program javac is missing", "Java is asked by a program", f"Install {CLIENT.package}"
        )
    directory = asked.directory("java")
    source = os.path.join(directory, "Handshake.java")
    with open(source, "w", encoding="utf-8") as handle:
        handle.write(_SOURCE % {"milliseconds": TIMEOUT * 1000})
    options = ["-J-XX:TieredStopAtLevel=1", "-proc:none", "-Xlint:-options", "-source", "8", "-target", "8"]
    outcome = ask([compilers[0], *options, "-d", directory, source], timeout=_COMPILE_SECONDS)
    if outcome.code:
        raise TrustAnchorError(f"{compilers[0]} failed with exit code {outcome.code}", short(outcome.text))
    for one in os.listdir(directory):
        let_read(os.path.join(directory, one))
    return directory


def _shake(asked: Asked, java: Java, classes: str) -> Said:
    if java.refused:
        return dict.fromkeys(asked.targets, java.refused)
    lines = Lines()
    command = [java.path, _FAST, "-cp", classes, "Handshake", lines.word, asked.roots, *asked.targets]
    try:
        outcome = ask(command, account=java.account, timeout=_START_SECONDS + TIMEOUT * len(asked.targets))
    except TrustAnchorError as error:
        return dict.fromkeys(asked.targets, short(str(error)))
    return lines.read(asked, outcome)


CLIENT = Client(
    "java",
    "default-jdk-headless",
    "its own cacerts, or jssecacerts beside it; Debian's versions share /etc/ssl/certs/java/cacerts",
    _perform,
)
