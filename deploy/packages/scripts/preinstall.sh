#!/bin/sh
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes the user of the service before its files are unpacked. dpkg and rpm both run it, with arguments of their own.
set -e

user=otelcol-guardian
shell=/usr/sbin/nologin
[ -x "$shell" ] || shell=/sbin/nologin

getent group "$user" >/dev/null || groupadd --system "$user"
getent passwd "$user" >/dev/null ||
	useradd --system --gid "$user" --home-dir /var/lib/otelcol-guardian --no-create-home --shell "$shell" "$user"
