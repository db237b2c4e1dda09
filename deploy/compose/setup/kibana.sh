#!/bin/bash
# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
#
# Imports the saved objects of /objects into Kibana.
set -euo pipefail

url=${1:-http://kibana:5601}
objects=${2:-/objects}

shopt -s failglob
for file in "$objects"/*.ndjson; do
	curl --fail-with-body --silent --show-error --request POST --header 'kbn-xsrf: true' \
		--form file=@"$file" "$url/api/saved_objects/_import?overwrite=true"
	echo " $file"
done
