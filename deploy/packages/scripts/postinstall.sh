#!/bin/sh
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: configure <old version, none at the first installation>. rpm: 1 at the first installation, 2 at an upgrade.
set -e

service=otelcol-guardian.service
user=otelcol-guardian

case $1 in
configure) old=$2 ;;
1) old= ;;
[2-9]*) old=unknown ;;
*) exit 0 ;; # abort-upgrade and its like: nothing was changed
esac

# The folder is systemd's to make (StateDirectory); without systemd it is ours.
install -d -o "$user" -g "$user" -m 0750 /var/lib/otelcol-guardian

# read_environment exports what systemd would: it expands nothing, so neither is the file run as a script here.
read_environment() {
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		'#'* | ';'*) continue ;;
		*=*) ;;
		*) continue ;;
		esac
		value=${line#*=}
		case $value in
		\"*\") value=${value#\"} value=${value%\"} ;;
		\'*\') value=${value#\'} value=${value%\'} ;;
		esac
		export "${line%%=*}=$value"
	done </etc/otelcol-guardian/otelcol-guardian.env
}

# valid: the configuration that is in place works with the program that is now installed.
valid() (
	read_environment
	cd /var/lib/otelcol-guardian
	# The words of the options are meant to be split.
	setpriv --reuid="$user" --regid="$user" --clear-groups /usr/bin/otelcol-guardian validate $OTELCOL_OPTIONS
)

if [ -n "$old" ] && ! valid; then
	echo "otelcol-guardian: the configuration does not work with this version (see above). The service is not restarted:" >&2
	echo "otelcol-guardian: what runs goes on. Mend it, then: systemctl restart $service" >&2
	[ -d /run/systemd/system ] && systemctl daemon-reload || true
	exit 0
fi

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ -n "$old" ]; then
	systemctl try-restart "$service"
else
	# Debian's preset starts what is installed, Fedora's does not.
	systemctl preset "$service"
	if systemctl is-enabled --quiet "$service"; then systemctl start "$service"; fi
fi
