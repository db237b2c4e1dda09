#!/bin/sh
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: remove, then purge where that was asked for. rpm: 0 at the removal, 1 at an upgrade; rpm knows no purge, so the
# folder of the state and the user stay.
set -e

case $1 in
remove | 0)
	if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	;;
purge)
	rm -rf /var/lib/otelcol-guardian /etc/otelcol-guardian
	if getent passwd otelcol-guardian >/dev/null; then userdel otelcol-guardian; fi
	if getent group otelcol-guardian >/dev/null; then groupdel otelcol-guardian; fi
	;;
esac
