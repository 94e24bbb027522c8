#!/bin/sh
# A vendor's package with a JDK that has a trust store of its own (PKCS#12), as it comes from the vendor: vendor_jdk.sh VERSION
set -e
tree=$(mktemp -d)
mkdir -p "$tree/DEBIAN" "$tree/opt/vendor-jdk/lib/security" "$tree/opt/vendor-jdk/bin"
chmod 755 "$tree"
cat > "$tree/DEBIAN/control" <<END
Package: vendor-jdk
Version: $1
Architecture: all
Maintainer: A vendor <vendor@example.com>
Description: a JDK with a trust store of its own
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 3650 \
    -subj "/CN=Public Root of the Vendor" -out "$tree/public.pem" 2>/dev/null
keytool -importcert -noprompt -alias public -file "$tree/public.pem" -storetype PKCS12 -storepass changeit \
    -keystore "$tree/opt/vendor-jdk/lib/security/cacerts" 2>/dev/null
rm "$tree/public.pem"
ln -s /usr/bin/keytool "$tree/opt/vendor-jdk/bin/keytool"
dpkg-deb --root-owner-group --build "$tree" "$tree.deb" >/dev/null
dpkg --install "$tree.deb" >/dev/null
rm -r "$tree" "$tree.deb"
