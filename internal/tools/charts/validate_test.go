// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// binary is the collector, as `make charts` has built it.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("OTELCOL_GUARDIAN")
	require.NotEmpty(t, path, "OTELCOL_GUARDIAN must name the collector: run `make charts`")
	return path
}

// The collector accepts the configuration of every pod, with the environment, arguments and mounts that the chart gives
// the pod. A mount is a folder here, and its path is moved in what refers to it.
func TestCollectorAcceptsEveryConfiguration(t *testing.T) {
	for name, vals := range cases(t) {
		t.Run(name, func(t *testing.T) {
			all := renderObjects(t, vals)
			require.NotEmpty(t, all.workloads)
			for _, one := range all.workloads {
				output, err := validate(t, &all, one)
				require.NoError(t, err, "%s: %s\n%s", one.role, output, all.config(t, one))
			}
		})
	}
}

// The check can fail: what the collector refuses is refused through the chart too.
func TestCollectorRefusesABadConfiguration(t *testing.T) {
	for fault, text := range map[string]string{
		"no_such_option":        "gateway: {config: {exporters: {prometheus: {no_such_option: 1}}}}",
		"not_there":             "gateway: {config: {service: {pipelines: {metrics/x: {receivers: [otlp], exporters: [not_there]}}}}}",
		"at least one exporter": "gateway: {config: {service: {pipelines: {metrics/x: {receivers: [otlp]}}}}}",
		"not_a_processor":       "gateway: {config: {service: {pipelines: {logs: {processors: [not_a_processor]}}}}}",
		"MISSING_VARIABLE":      "gateway: {config: {exporters: {prometheus: {namespace: \"${env:MISSING_VARIABLE}\"}}}}",
	} {
		t.Run(fault, func(t *testing.T) {
			all := renderObjects(t, parseValues(t, text))
			output, err := validate(t, &all, all.workload(t, "gateway"))
			require.Error(t, err)
			require.Contains(t, output, fault)
		})
	}
}

func validate(t *testing.T, all *rendered, one workload) (string, error) {
	t.Helper()
	command := collector(t, all, one, nil, "validate")
	output, err := command.CombinedOutput()
	return string(output), err
}

// collector is the command that a pod runs, on this machine: each mount is a folder, each secret a file or a word, and
// the texts in changed are replaced in the configuration.
func collector(t *testing.T, all *rendered, one workload, changed []string, subcommand ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	container := one.container()
	var moves []string
	for _, mount := range container.VolumeMounts {
		local := filepath.Join(dir, mount.Name)
		require.NoError(t, os.MkdirAll(local, 0o755))
		fillVolume(t, one.pod.Spec.Volumes, mount.Name, local)
		moves = append(moves, mount.MountPath, local)
	}
	moved := strings.NewReplacer(moves...)
	config := strings.NewReplacer(changed...).Replace(moved.Replace(all.config(t, one)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config", "config.yaml"), []byte(config), 0o600))

	args := subcommand
	for _, arg := range container.Args {
		args = append(args, moved.Replace(arg))
	}
	command := exec.Command(binary(t), args...)
	command.Dir = dir
	// What a pod has and this machine has not: a service account.
	command.Env = append(kubernetesOf(t, dir), "PATH="+os.Getenv("PATH"), "HOME="+dir)
	known := map[string]string{}
	for _, variable := range container.Env {
		value := valueOf(t, variable)
		if variable.ValueFrom == nil {
			value = expandVariables(value, known)
		}
		known[variable.Name] = value
		command.Env = append(command.Env, variable.Name+"="+moved.Replace(value))
	}
	return command
}

var variableReference = regexp.MustCompile(`\$\$|\$\([^)]*\)`)

// expandVariables is what the kubelet makes of a variable's value: $(NAME) is an earlier variable, or stays, and two dollars are one.
func expandVariables(value string, known map[string]string) string {
	return variableReference.ReplaceAllStringFunc(value, func(found string) string {
		if found == "$$" {
			return "$"
		}
		if earlier, there := known[found[2:len(found)-1]]; there {
			return earlier
		}
		return found
	})
}

func valueOf(t *testing.T, variable corev1.EnvVar) string {
	t.Helper()
	switch from := variable.ValueFrom; {
	case from == nil:
		return variable.Value
	case from.SecretKeyRef != nil:
		require.NotEmpty(t, from.SecretKeyRef.Name, variable.Name)
		require.NotEmpty(t, from.SecretKeyRef.Key, variable.Name)
		return "of-" + from.SecretKeyRef.Name
	case from.FieldRef != nil:
		return strings.ReplaceAll(from.FieldRef.FieldPath, ".", "-")
	default:
		t.Fatalf("%s has a value from somewhere that this test does not know", variable.Name)
		return ""
	}
}

// kubernetesOf is the environment of configs/agent_kubernetes.yaml and cluster.yaml outside a pod.
func kubernetesOf(t *testing.T, dir string) []string {
	t.Helper()
	path := filepath.Join(dir, "kubeconfig")
	require.NoError(t, os.WriteFile(path, []byte(`{apiVersion: v1, kind: Config, current-context: here,
clusters: [{name: here, cluster: {server: "http://127.0.0.1:1"}}], users: [{name: me}],
contexts: [{name: here, context: {cluster: here, user: me}}]}`), 0o600))
	return []string{"KUBECONFIG=" + path, "KUBE_AUTH=kubeConfig", "KUBELET_AUTH=none", "KUBELET_ENDPOINT=http://127.0.0.1:10255"}
}

// fillVolume puts into a folder what the volume would hold: a certificate, its key and authority.
func fillVolume(t *testing.T, volumes []corev1.Volume, name, dir string) {
	t.Helper()
	for _, volume := range volumes {
		if volume.Name != name || volume.Secret == nil {
			continue
		}
		pair, err := certificate()
		require.NoError(t, err)
		for _, file := range []string{"tls.crt", "ca.crt"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), pair.certificate, 0o600))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.key"), pair.key, 0o600))
	}
}

type keyPair struct{ certificate, key []byte }

// certificate is the gateway's, with the name that README.md asks for. It is its own authority.
var certificate = sync.OnceValues(func() (keyPair, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway"},
		DNSNames:  []string{release + "-otelcol-guardian-gateway." + namespace + ".svc"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		return keyPair{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	return keyPair{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})}, err
})
