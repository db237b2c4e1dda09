# The targets that people use come first; `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# -trimpath here and in ocb's own build: both then use the same build cache, and
# the binary holds no path of the machine that built it.
export GOFLAGS := $(GOFLAGS) -trimpath
export CGO_ENABLED ?= 1
# NVML's header marks functions that older drivers need as deprecated. Never add -z now to
# the linker's flags: symbols that a driver lacks must stay unbound until they are asked for.
export CGO_CFLAGS ?= -g -O2 -Wno-deprecated-declarations

BINARY  := bin/otelcol-guardian
VERSION := $(shell awk '$$1 == "version:" {print $$2}' builder-config.yaml)
COMMIT  := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.commit=$(COMMIT)
TOOLS   := bin/tools
# Our packages without the root, which links the whole collector.
OURS     = $(shell go list ./... | grep -vE 'otelcol-guardian$$|/test/')

##@ Use

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/otelcol-guardian.
	go build -ldflags "$(LDFLAGS)" -o $(BINARY) .

.PHONY: run
run: build ## Build and start configs/local.yaml: OTLP in, files and a Prometheus page out.
	GOMEMLIMIT=400MiB $(BINARY) --config configs/local.yaml

.PHONY: sample
sample: ## Send sample telemetry to a collector that `make run` started, and see it arrive.
	@go run ./cmd/sample

.PHONY: packages
packages: build $(TOOLS)/nfpm ## Write a deb and an rpm of this machine's kind into build/packages/.
	scripts/packages.sh $(VERSION) $(BINARY)

##@ Develop

.PHONY: test
test: build $(TOOLS)/promtool ## Unit tests with the race detector, then the real binary. Needs Go and a C compiler only.
	go vet ./...
	go test -race -short $(OURS)
	go test ./internal/checkpoint # all 10,000 corruptions, which -short cuts to 500
	go test ./receivers/nvmlreceiver/nvmltest # every missing function, of which -short tries one in eight
	go test ./monitoring/rules # every rule with a mistake in it, which -short leaves out
	OTELCOL_GUARDIAN=$(CURDIR)/$(BINARY) go test . ./test/binary/...

STATIC := bin/otelcol-guardian-linux-amd64-static
.PHONY: deploy-check
# The static image is checked where its program is, which is a second compilation of everything.
deploy-check: export OTELCOL_GUARDIAN_STATIC ?= $(wildcard $(CURDIR)/$(STATIC))
deploy-check: build $(TOOLS)/promtool ## Assemble and run the images, check deploy/compose. Debian, as root; no Docker engine.
	cd test/deploy && OTELCOL_GUARDIAN=$(CURDIR)/$(BINARY) PROMTOOL=$(CURDIR)/$(TOOLS)/promtool go test ./...
	@test -n "$$OTELCOL_GUARDIAN_STATIC" || echo 'not checked: the static image, without $(STATIC): run make cross-amd64 (17 s; 10 minutes where nothing is cached), then make deploy-check again'

.PHONY: e2e-deps
e2e-deps: ## Install the real servers that `make e2e` needs (Debian, as root).
	scripts/e2e-deps.sh

.PHONY: e2e
e2e: build packages e2e-deps ## Real servers: Jaeger, Elasticsearch, OpenSearch, Prometheus, InfluxDB, PostgreSQL, Redis, Kafka.
	go vet -tags e2e ./test/e2e/...
	OTELCOL_GUARDIAN=$(CURDIR)/$(BINARY) go test -tags e2e -timeout 40m -p 1 -v ./test/e2e/... $(E2EFLAGS) | grep -vE '^ *=== '; exit $${PIPESTATUS[0]}

.PHONY: charts
charts: build $(TOOLS)/promtool ## Prove charts/otelcol-guardian: Helm 3 and 4, helm-unittest, kubeconform, the collector's validate. No cluster.
	cd internal/tools/charts && go vet . && OTELCOL_GUARDIAN=$(CURDIR)/$(BINARY) go test -count=1 .

.PHONY: charts-update
charts-update: ## Copy configurations, rules and dashboards into the chart, and render its examples anew.
	cd internal/tools/charts && go test -run 'TestCopiesAreEqual|TestRenderedExamples' . -update

.PHONY: lint
# A cache per checkout: the shared one keeps positions in other checkouts, whose
# generated files it can then no longer tell from ours.
lint: export GOLANGCI_LINT_CACHE := $(CURDIR)/build/lint-cache
lint: $(TOOLS)/golangci-lint ## Run golangci-lint.
	$(TOOLS)/golangci-lint run --allow-parallel-runners ./...
	$(TOOLS)/golangci-lint run --allow-parallel-runners --build-tags e2e ./test/e2e/...
	@for module in test/deploy internal/tools/isolationforest; do (cd $$module && $(CURDIR)/$(TOOLS)/golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

.PHONY: fuzz
FUZZTIME ?= 30s
fuzz: ## Run every fuzz target for FUZZTIME (30s).
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' internal receivers processors connectors exporters extensions 2>/dev/null); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
			go test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x; done; done

.PHONY: bench
bench: ## Go benchmarks of our packages.
	go test -run '^$$' -bench . ./internal/... ./receivers/... ./connectors/... ./processors/... ./exporters/...

.PHONY: bench-drift
bench-drift: PEERS := build/venv-drift
bench-drift: REQUIREMENTS := internal/drift/testdata/peers/requirements.txt
bench-drift: ## False alarms and power of the drift tests beside SciPy and Evidently, as tables (3 minutes); GUARDIAN_DATA is the folder of the public traces.
	@cmp -s $(REQUIREMENTS) $(PEERS)/requirements.txt \
		|| { python3 -m venv --clear $(PEERS) && $(PEERS)/bin/pip install -q --disable-pip-version-check -r $(REQUIREMENTS) && cp $(REQUIREMENTS) $(PEERS)/; } \
		|| echo 'SciPy and Evidently cannot be installed: that takes Python 3 with venv, and PyPI'
	go test ./internal/drift -run 'TestFalseAlarms|TestAzure|TestPower' -thorough -peers $(CURDIR)/$(PEERS)/bin/python -v -timeout 60m

.PHONY: bench-drift-pipeline
bench-drift-pipeline: build ## CPU per million items of pipelines with the drift processor and without it, as a table.
	go run ./cmd/basebench -binary $(BINARY) -drift $(BENCHFLAGS)

.PHONY: bench-anomaly
bench-anomaly: ## Benchmarks of anomaly detection, and the ratio to scikit-learn where Python can have it.
	@mkdir -p build
	go test ./internal/anomaly -run '^$$' -bench . | tee build/bench-anomaly.txt
	@test -x build/sklearn/bin/python || { python3 -m venv build/sklearn && build/sklearn/bin/pip install -q scikit-learn; } || rm -rf build/sklearn
	@if test -x build/sklearn/bin/python; then env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE build/sklearn/bin/python internal/anomaly/testdata/sklearn_speed.py build/bench-anomaly.txt; \
	else echo 'no scikit-learn here: no ratio'; fi

.PHONY: bench-accuracy
bench-accuracy: ## Accuracy of anomaly detection on ADBench and NAB, and its false alarms, as tables; GUARDIAN_DATA is the folder of the data.
	@test -n "$(GUARDIAN_DATA)" || { echo 'set GUARDIAN_DATA to the folder that holds adbench/ and nab/'; exit 1; }
	go test ./internal/anomaly -run 'TestADBench|TestNAB|TestFalseAlarms' -thorough -v -count 1 -timeout 40m

.PHONY: bench-peer
bench-peer: PEER := github.com/open-telemetry/opentelemetry-collector-contrib/processor/isolationforestprocessor
bench-peer: ## The anomaly processor beside contrib's isolationforestprocessor, as it is and mended, as tables (30 minutes); GUARDIAN_DATA is the folder of the data.
	internal/tools/isolationforest/mend.sh $(CURDIR)/build/isolationforest
	@cd internal/tools/isolationforest && for mod in go.mod $(CURDIR)/build/isolationforest/go.mod; do \
		version=$$(go list -modfile $$mod -m -f '{{.Version}}{{if .Replace}} mended{{end}}' $(PEER)) || exit 1; \
		go test -modfile $$mod -count 1 -timeout 60m -v -bench . $(BENCHFLAGS) . -args -peer "$$version" || exit 1; done

.PHONY: gpu-check
gpu-check: ## Run the nvml receiver on this machine's GPU beside a load, compare with nvidia-smi, write gpu-check.md.
	go run ./receivers/nvmlreceiver/gpucheck -out gpu-check.md $(GPUCHECKFLAGS)

.PHONY: bench-base
bench-base: build ## Start-up, memory and CPU per million items of the binary, as a table.
	go run ./cmd/basebench -binary $(BINARY) $(BENCHFLAGS)

.PHONY: generate
generate: tools ## Regenerate components.go with ocb and the components' metadata with mdatagen.
	$(TOOLS)/builder --config builder-config.yaml --skip-get-modules --skip-compilation
	@test -f build/go.mod || echo 'module build' > build/go.mod # what ocb wrote is no package of ours
	cp build/components.go components.go
	gofmt -w components.go
	@for file in $$(git ls-files -co --exclude-standard '*/metadata.yaml'); do echo "mdatagen $$file"; (cd $$(dirname $$file) && $(CURDIR)/$(TOOLS)/mdatagen metadata.yaml) || exit 1; done
	@git ls-files -co --exclude-standard '*generated_*' '*/documentation.md' | xargs -r chmod 644

.PHONY: dashboards
dashboards: ## Write the dashboards of Grafana and the saved objects of Kibana anew.
	go run ./monitoring/gen

.PHONY: pins
pins: ## Bring go.mod to the versions of builder-config.yaml.
	go get $$(awk '/gomod:/ && !/llm-guardian/ {print $$3 "@" $$4}' builder-config.yaml)
	go mod tidy

.PHONY: check-generate
check-generate: generate ## Fail if the generated files are not what is committed.
	@git diff --exit-code -- components.go '*/generated_*' '*/internal/metadata/*' '*/documentation.md' || { echo 'generated files differ: commit what `make generate` wrote'; exit 1; }

.PHONY: ocb
ocb: tools ## Build the collector with plain ocb, as anyone may, into build/.
	@mkdir -p build && cp go.sum build/go.sum # the checksums are ours, whatever the checksum database has
	$(TOOLS)/builder --config builder-config.yaml
	build/otelcol-guardian validate --config configs/local.yaml

.PHONY: cross cross-amd64 cross-arm64
cross: cross-amd64 cross-arm64 ## Build for linux/amd64 and linux/arm64 without cgo (no GPU support) into bin/.
cross-amd64 cross-arm64: cross-%:
	CGO_ENABLED=0 GOOS=linux GOARCH=$* go build -ldflags "$(LDFLAGS)" -o bin/otelcol-guardian-linux-$*-static .

.PHONY: cross-cgo
cross-cgo: ## Build for linux/arm64 with cgo; needs aarch64-linux-gnu-gcc.
	CC=aarch64-linux-gnu-gcc CGO_ENABLED=1 GOOS=linux GOARCH=arm64 go build -ldflags "$(LDFLAGS)" -o bin/otelcol-guardian-linux-arm64 .

.PHONY: tools
tools: $(TOOLS)/builder $(TOOLS)/mdatagen ## Build ocb and mdatagen.

$(TOOLS)/golangci-lint: internal/tools/lint/go.mod internal/tools/lint/go.sum
	@mkdir -p $(TOOLS)
	cd internal/tools/lint && go build -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(TOOLS)/nfpm: internal/tools/nfpm/go.mod internal/tools/nfpm/go.sum
	@mkdir -p $(TOOLS)
	cd internal/tools/nfpm && go build -o $(CURDIR)/$@ github.com/goreleaser/nfpm/v2/cmd/nfpm

# Without service discovery, which is most of what it would link.
$(TOOLS)/promtool: internal/tools/promtool/go.mod internal/tools/promtool/go.sum
	@mkdir -p $(TOOLS)
	cd internal/tools/promtool && go build -tags remove_all_sd -o $(CURDIR)/$@ github.com/prometheus/prometheus/cmd/promtool

$(TOOLS)/%: internal/tools/go.mod internal/tools/go.sum
	@mkdir -p $(TOOLS)
	cd internal/tools && go build -o $(CURDIR)/$(TOOLS)/ go.opentelemetry.io/collector/cmd/$*
