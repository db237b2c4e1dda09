// Checks of what deploy/ ships, in a module of its own: the libraries that read images and compose files stay out of the
// collector's.
module github.com/llm-guardian/otelcol-guardian/test/deploy

go 1.26

require (
	github.com/google/go-containerregistry v0.20.6
	github.com/stretchr/testify v1.11.1
	golang.org/x/sys v0.33.0
)

require (
	github.com/containerd/stargz-snapshotter/estargz v0.16.3 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/klauspost/compress v1.18.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/vbatts/tar-split v0.12.1 // indirect
	golang.org/x/sync v0.15.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
