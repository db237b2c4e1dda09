#!/bin/bash
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
#
# Puts the index templates of /templates into Elasticsearch.
set -euo pipefail

url=${1:-http://elasticsearch:9200}
templates=${2:-/templates}

for signal in logs metrics traces; do
	curl --fail-with-body --silent --show-error --request PUT --header 'Content-Type: application/json' \
		--data @"$templates/$signal.json" "$url/_index_template/guardian-$signal"
	echo " guardian-$signal"
done
