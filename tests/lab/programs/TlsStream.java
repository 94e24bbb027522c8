// Copyright: The trustanchor.private_ca authors
// SPDX-License-Identifier: GPL-3.0-or-later

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.security.KeyStore;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** For each HOST:PORT on standard input a request over a new connection, verified with the store as it is now. */
class TlsStream {
    private static final int TIMEOUT = 10_000;

    public static void main(String[] arguments) throws Exception {
        BufferedReader targets = new BufferedReader(new InputStreamReader(System.in));
        for (String target; (target = targets.readLine()) != null; ) {
            System.out.println(shake(target));
        }
    }

    private static String shake(String target) {
        try {
            // A new factory looks whether the file of the default store has changed, a new context resumes no session.
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init((KeyStore) null);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            HttpsURLConnection connection =
                (HttpsURLConnection) new URI("https://" + target + "/").toURL().openConnection();
            connection.setSSLSocketFactory(context.getSocketFactory());
            connection.setRequestProperty("Connection", "close");
            connection.setConnectTimeout(TIMEOUT);
            connection.setReadTimeout(TIMEOUT);
            connection.getResponseCode();
            return "ok";
        } catch (Exception error) {
            return String.valueOf(error).replace('\n', ' ');
        }
    }
}
