#!/bin/sh
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: remove, or upgrade <version>. rpm: 0 at the removal, 1 at an upgrade. An upgrade leaves the service running.
set -e

case $1 in
remove | 0) ;;
*) exit 0 ;;
esac
[ -d /run/systemd/system ] || exit 0
systemctl --no-reload disable --now otelcol-guardian.service
