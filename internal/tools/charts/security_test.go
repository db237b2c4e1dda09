// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// standard gives the strictest Pod Security Standard that allows the pod, by the rules of Kubernetes' own admission.
func standard(t *testing.T, pod corev1.PodTemplateSpec) api.Level {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	for _, level := range []api.Level{api.LevelRestricted, api.LevelBaseline} {
		results := evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec)
		if !slices.ContainsFunc(results, func(result policy.CheckResult) bool { return !result.Allowed }) {
			return level
		}
	}
	return api.LevelPrivileged
}

// Which namespace each role may live in, as README.md has it. What mounts something of the host needs privileged.
func TestPodSecurityStandards(t *testing.T) {
	for name, vals := range cases(t) {
		t.Run(name, func(t *testing.T) {
			all := renderObjects(t, vals)
			for _, one := range all.workloads {
				host := slices.ContainsFunc(one.pod.Spec.Volumes, func(volume corev1.Volume) bool { return volume.HostPath != nil })
				want := api.LevelRestricted
				if host || one.role == "logs" || one.pod.Spec.HostNetwork {
					want = api.LevelPrivileged
				}
				assert.Equal(t, want, standard(t, one.pod), one.role)
				checkContainer(t, one)
			}
		})
	}
	for text, want := range map[string]api.Level{
		"agent: {gpu: {access: runtimeClass}}": api.LevelRestricted,
		"agent: {gpu: {access: cdi}}":          api.LevelRestricted,
		"agent: {gpu: {access: dcgmScrape}}":   api.LevelRestricted,
		"agent: {gpu: {access: volumeMounts}}": api.LevelPrivileged,
		"agent: {gpu: {access: hostPath}}":     api.LevelPrivileged,
		"agent: {gpu: {podResources: true}}":   api.LevelPrivileged,
		"agent: {hostNetwork: true}":           api.LevelPrivileged,
		"agent: {hostRoot: {mount: true}}":     api.LevelPrivileged,
	} {
		all := renderObjects(t, parseValues(t, text))
		assert.Equal(t, want, standard(t, all.workload(t, "agent").pod), text)
	}
}

// checkContainer holds what every container of the release is held to, whatever its namespace allows.
func checkContainer(t *testing.T, one workload) {
	t.Helper()
	container := one.container()
	security := container.SecurityContext
	require.NotNil(t, security, one.role)
	assert.True(t, *security.ReadOnlyRootFilesystem, one.role)
	assert.Equal(t, []corev1.Capability{"ALL"}, security.Capabilities.Drop, one.role)
	_, asksForGPU := container.Resources.Limits["nvidia.com/gpu"]
	assert.False(t, asksForGPU, "it would take a GPU from a workload")
	env := one.env()
	privileged := security.Privileged != nil && *security.Privileged
	assert.Equal(t, one.role == "agent" && env["NVML_LIBRARY"].Value != "", privileged, one.role)
	if one.role == "logs" {
		assert.Equal(t, []corev1.Capability{"DAC_READ_SEARCH"}, security.Capabilities.Add)
		assert.Zero(t, *one.pod.Spec.SecurityContext.RunAsUser)
		return
	}
	assert.Empty(t, security.Capabilities.Add, one.role)
	podResources := slices.ContainsFunc(one.pod.Spec.Volumes, func(volume corev1.Volume) bool { return volume.Name == "pod-resources" })
	assert.Equal(t, podResources, *one.pod.Spec.SecurityContext.RunAsUser == 0, "%s runs as root", one.role)
	for _, mount := range container.VolumeMounts {
		for _, volume := range one.pod.Spec.Volumes {
			if volume.Name == mount.Name && volume.HostPath != nil && volume.Name != "devices" && volume.Name != "gpus" {
				assert.True(t, mount.ReadOnly, "%s writes to the host: %s", one.role, mount.MountPath)
			}
		}
	}
}
