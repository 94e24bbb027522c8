#!/bin/sh
# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes targets 0 to $1 - 1 of this host: each an sshd on a port of its own, in a mount namespace where everything that
# may change lies in an overlay of its own. So each target has its own trust stores, and is virgin after a restart.
set -eu

cat > /usr/local/sbin/bench-target <<'PROGRAM'
#!/bin/sh
set -eu
place=/run/bench/$1
rm -rf "$place"
for path in etc root usr/local var/lib; do
    mkdir -p "$place/$path/upper" "$place/$path/work"
    mount -t overlay overlay -o "lowerdir=/$path,upperdir=$place/$path/upper,workdir=$place/$path/work" "/$path"
done
exec /usr/sbin/sshd -D -p $((2200 + $1))
PROGRAM
chmod 755 /usr/local/sbin/bench-target

cat > /etc/systemd/system/bench-target@.service <<'UNIT'
[Service]
Type=notify
PrivateMounts=yes
PrivateTmp=yes
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
ExecStart=/usr/local/sbin/bench-target %i
UNIT
systemctl daemon-reload
seq 0 $(($1 - 1)) | sed 's/.*/bench-target@&.service/' | xargs systemctl restart
