#!/usr/bin/env bash
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
#
# Installs the real servers and clients of `make e2e` on Debian 12. It may run as often as one likes: what is there stays.
# The machine must have Go, a JDK (17 or newer), Maven and Python 3 with venv, and root rights (or sudo) for apt.
#
#   Debian packages  Prometheus 2.42, Alertmanager 0.25, PostgreSQL 15, Redis 7.0, InfluxDB 1.6 (no service is started);
#                    systemd and rpm, for the tests of the packages
#   bin/             Jaeger all-in-one v1.76.0, built from internal/tools/jaeger
#   build/e2e/       Elasticsearch 8.19.21, OpenSearch 2.19.6 and Kafka 4.1.2 from Maven Central (test/e2e/java)
#   build/venv/      Python clients (test/e2e/python/requirements.txt)
#   build/venv-objects/  servers that speak S3 and Google Cloud Storage (test/e2e/python/objectstores.txt)

set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "e2e-deps: $*" >&2; }
die() { say "$*"; exit 1; }

# quietly WHAT COMMAND...: the command's output is shown only when it fails.
quietly() {
    local what=$1 log
    shift
    log=$(mktemp)
    say "$what"
    if ! "$@" >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        die "failed: $what"
    fi
    rm -f "$log"
}

# fresh STAMP FILE...: STAMP holds the checksum of these files as they are now.
fresh() { [[ -f $1 && $(<"$1") == "$(checksum "${@:2}")" ]]; }
checksum() { cat "$@" | sha256sum; }

as_root() {
    if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo -n "$@"; fi
}

need() {
    command -v "$1" >/dev/null || die "$1 is missing: $2"
}

check_toolchains() {
    need go "install the Go release that go.mod names"
    need java "install a JDK, for instance: apt-get install openjdk-17-jdk-headless"
    need javac "install a JDK, for instance: apt-get install openjdk-17-jdk-headless"
    need mvn "install Maven: apt-get install maven"
    need python3 "install Python: apt-get install python3 python3-venv"
    python3 -c 'import venv, ensurepip' 2>/dev/null || die "Python's venv is missing: apt-get install python3-venv"
}

PACKAGES=(prometheus prometheus-alertmanager postgresql-15 redis-server redis-tools influxdb influxdb-client systemd rpm iproute2 ca-certificates tzdata curl)

installed() { dpkg-query -W -f='${Status}\n' "$@" 2>/dev/null | grep -c '^install ok installed$' || true; }

install_packages() {
    [[ $(installed "${PACKAGES[@]}") -eq ${#PACKAGES[@]} ]] && return
    need apt-get "this script knows Debian only; install by hand: ${PACKAGES[*]}"
    [[ $(id -u) -eq 0 ]] || sudo -n true 2>/dev/null || die "not root and no sudo without password; as root: apt-get install ${PACKAGES[*]}"
    quietly "reading the package lists" as_root apt-get update
    forbid_services
    quietly "installing ${PACKAGES[*]}" \
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${PACKAGES[@]}"
}

# Debian starts a service with its package unless this file forbids it; the tests start their own.
forbid_services() {
    local policy=/usr/sbin/policy-rc.d
    [[ -e $policy ]] && return
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap "as_root rm -f $policy" EXIT
}

# version NAME WANTED COMMAND...: the command's output holds the version that the tests were written for.
version() {
    local name=$1 wanted=$2 said
    shift 2
    said=$("$@" 2>&1 | head -n 1) || true
    [[ $said == *"$wanted"* ]] || die "$name: want $wanted (Debian 12), got: ${said:-nothing}"
}

check_packages() {
    version Prometheus 'version 2.42.' prometheus --version
    version promtool 'version 2.42.' promtool --version
    version Alertmanager 'version 0.25.' prometheus-alertmanager --version
    version PostgreSQL ' 15.' /usr/lib/postgresql/15/bin/postgres --version
    version Redis 'v=7.0.' redis-server --version
    version InfluxDB 'v1.6.' influxd version
    [[ -e /usr/share/postgresql/15/extension/pg_stat_statements.control ]] ||
        die "PostgreSQL's extension pg_stat_statements is missing: apt-get install postgresql-15"
}

build_jaeger() {
    local tool=internal/tools/jaeger stamp=build/e2e/jaeger.sum release
    [[ -x bin/jaeger-all-in-one ]] && fresh "$stamp" $tool/go.mod $tool/go.sum && return
    release=$(cd $tool && go list -m -f '{{.Version}}' github.com/jaegertracing/jaeger)
    quietly "building Jaeger all-in-one $release (about three minutes)" \
        go build -C $tool -trimpath -o "$PWD/bin/jaeger-all-in-one" \
        -ldflags "-s -w -X github.com/jaegertracing/jaeger/internal/version.latestVersion=$release" \
        github.com/jaegertracing/jaeger/cmd/all-in-one
    checksum $tool/go.mod $tool/go.sum >"$stamp"
}

# Everything of a project goes below build/e2e/<project>: its pom says so.
build_java() {
    local project=$1 stamp=build/e2e/$1.sum sources
    mapfile -t sources < <(find "test/e2e/java/$project" -type f | sort)
    [[ -d build/e2e/$project/dependency ]] && fresh "$stamp" "${sources[@]}" && return
    rm -rf "build/e2e/$project"
    quietly "fetching $project" mvn -q -B -f "test/e2e/java/$project/pom.xml" package dependency:copy-dependencies
    checksum "${sources[@]}" >"$stamp"
}

# install_python VENV WANTED STAMP WHAT: VENV has the packages that WANTED lists.
install_python() {
    local venv=$1 wanted=$2 stamp=$3
    [[ -x $venv/bin/python ]] && fresh "$stamp" "$wanted" && return
    quietly "making $venv" python3 -m venv --clear "$venv"
    quietly "installing $4" "$venv"/bin/pip install --disable-pip-version-check -r "$wanted"
    checksum "$wanted" >"$stamp"
}

mkdir -p bin build/e2e
check_toolchains
install_packages
check_packages
build_jaeger
for project in elasticsearch opensearch kafka; do build_java "$project"; done
install_python build/venv test/e2e/python/requirements.txt build/e2e/python.sum "the Python clients"
install_python build/venv-objects test/e2e/python/objectstores.txt build/e2e/objectstores.sum "the object stores"
say "all servers and clients are installed"
