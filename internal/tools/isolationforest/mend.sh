#!/usr/bin/env bash
# Copies the peer's module to the folder of the first argument and mends in the copy what a later version mends
# (open-telemetry/opentelemetry-collector-contrib#47115): leaves split, and contamination_rate decides. Writes a go.mod beside it, for go's -modfile.
set -euo pipefail
cd "$(dirname "$0")"
peer=github.com/open-telemetry/opentelemetry-collector-contrib/processor/isolationforestprocessor
copy=$1/processor

go mod download "$peer"
rm -rf "$1"
mkdir -p "$1"
cp -r "$(go list -m -f '{{.Dir}}' "$peer")" "$copy"
chmod -R u+w "$copy"

# replace FILE OLD NEW replaces what must be there once.
replace() {
    if [[ $(grep -cF "$2" "$copy/$1") != 1 ]]; then
        echo "$1 of $(go list -m "$peer") has no single '$2': it may be mended already, then use it as it is" >&2
        exit 1
    fi
    sed -i "s/$(sed 's/[][\.*^$/]/\\&/g' <<<"$2")/$3/" "$copy/$1"
}
replace isolation_forest.go 'if node.isLeaf || depth' 'if depth'
replace isolation_forest.go '0.9 * float64' '(1 - contaminationRate) * float64'
replace processor.go 'processor.traceExtractor =' 'contaminationRate = config.ContaminationRate\n\tprocessor.traceExtractor ='
printf 'package isolationforestprocessor\n\nvar contaminationRate = 0.1\n' >"$copy/mended.go"

cp go.mod go.sum "$1/"
go mod edit -replace "$peer=$copy" "$1/go.mod"
