#!/usr/bin/env bash
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
#
# packages.sh VERSION BINARY: writes a deb and an rpm of BINARY into build/packages/, of the machine kind that BINARY is for.
# The same commit gives the same bytes.

set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "packages: $*" >&2; exit 1; }

[[ $# -eq 2 ]] || die "usage: packages.sh VERSION BINARY"
export VERSION=$1 BINARY=$2 ARCH
[[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || die "$VERSION is no version such as 1.2.3"
[[ -f $BINARY ]] || die "$BINARY is not there: run make build"

# e_machine, two bytes at offset 18 of an ELF file.
case $(od -An -tx1 -j18 -N2 "$BINARY" | tr -d ' ') in
3e00) ARCH=amd64 ;;
b700) ARCH=arm64 ;;
*) die "$BINARY is for neither amd64 nor arm64 Linux" ;;
esac

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y builder-config.yaml)}
export SOURCE_DATE_EPOCH

mkdir -p build/packages
rm -f build/packages/otelcol-guardian*
gzip -9nc deploy/packages/otelcol-guardian.1 >build/packages/otelcol-guardian.1.gz
for format in deb rpm; do
	bin/tools/nfpm package --config deploy/packages/nfpm.yaml --packager "$format" --target build/packages/
done
