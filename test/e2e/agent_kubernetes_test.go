// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const agentNode = "node-1"

// scorerPod is the pod whose container newContainerLog writes for.
func scorerPod() *corev1.Pod {
	yes := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: agentPod, Namespace: "models", UID: "pod-uid",
			Labels: map[string]string{"app": "scorer", "tier": "guardian", "pod-template-hash": "7d9c5b6f4"},
			OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "llm-guardian-scorer-7d9c5b6f4", UID: "rs-uid", Controller: &yes},
			},
		},
		Spec: corev1.PodSpec{NodeName: agentNode, Containers: []corev1.Container{{Name: "scorer", Image: "registry.example/scorer:1.2"}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.7",
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "scorer", Ready: true, RestartCount: 2, Image: "registry.example/scorer:1.2", ContainerID: "containerd://" + containerID,
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
			}},
		},
	}
}

func modelsNamespace() *corev1.Namespace {
	return &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "models", UID: "models-uid"},
		Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
	}
}

// kubeletSummary is what the kubelet measured: a node and one pod on it.
func kubeletSummary() *statsv1alpha1.Summary {
	now, began := metav1.Now(), metav1.NewTime(time.Now().Add(-time.Hour))
	usage := func(nanoCores, bytes uint64) (*statsv1alpha1.CPUStats, *statsv1alpha1.MemoryStats) {
		total := nanoCores * 3600
		return &statsv1alpha1.CPUStats{Time: now, UsageNanoCores: &nanoCores, UsageCoreNanoSeconds: &total},
			&statsv1alpha1.MemoryStats{Time: now, UsageBytes: &bytes, WorkingSetBytes: &bytes, AvailableBytes: &bytes, RSSBytes: &bytes}
	}
	summary := &statsv1alpha1.Summary{Node: statsv1alpha1.NodeStats{NodeName: agentNode, StartTime: began}}
	summary.Node.CPU, summary.Node.Memory = usage(1_500_000_000, 8<<30)
	pod := statsv1alpha1.PodStats{PodRef: statsv1alpha1.PodReference{Name: agentPod, Namespace: "models", UID: "pod-uid"}, StartTime: began}
	pod.CPU, pod.Memory = usage(250_000_000, 512<<20)
	container := statsv1alpha1.ContainerStats{Name: "scorer", StartTime: began}
	container.CPU, container.Memory = usage(250_000_000, 512<<20)
	pod.Containers = []statsv1alpha1.ContainerStats{container}
	summary.Pods = []statsv1alpha1.PodStats{pod}
	return summary
}

func TestAgentAttachesKubernetesMetadata(t *testing.T) {
	cluster := startStubCluster(t, kubeletSummary(), scorerPod(), modelsNamespace())
	elastic := agentElasticsearch(t)
	log := newContainerLog(t, t.TempDir(), "scorer")
	// The lines are there before the agent starts: they must not go before the metadata is known.
	log.Append(t, 100)
	log.write(t, containerLine("F", `{"event_type":"with_metadata"}`))
	collector := testutil.StartCollector(t, agentConfig(t, agentSetup{
		companions: []string{"kubernetes"},
		overlay:    `receivers: {kubelet_stats: {collection_interval: 1s}}`,
		env: []string{
			log.include(), "ELASTICSEARCH_ENDPOINT=" + elastic.URL, "KUBECONFIG=" + cluster.kubeconfig,
			"K8S_NODE_NAME=" + agentNode, "KUBE_AUTH=kubeConfig", "KUBELET_AUTH=kubeConfig", "KUBELET_ENDPOINT=" + agentNode,
		},
	}))

	want := map[string]any{
		"k8s.namespace.name": "models", "k8s.pod.name": agentPod, "k8s.pod.uid": "pod-uid", "k8s.node.name": agentNode,
		"k8s.deployment.name": "llm-guardian-scorer", "k8s.container.name": "scorer",
		"container.image.name": "registry.example/scorer", "container.image.tag": "1.2",
		"k8s.pod.label.app": "scorer", "k8s.pod.label.tier": "guardian",
	}
	assert.Subset(t, findAgentDocument(t, elastic, "with_metadata").Resource.Attributes, want)
	awaitAgentRecords(t, elastic, "lines from before the start", log.next)
	for _, document := range agentDocuments(t, elastic) {
		assert.Equal(t, "guardian", document.Resource.Attributes["k8s.pod.label.tier"], "every line has the pod's labels")
	}

	agentEventually(t, "the kubelet's figures on the page", func() bool {
		text := agentPage(t, collector.URL("PAGE"))
		return pageMatches(text, `k8s_pod_cpu_usage\{.*instance="node-1",job="kubelet",.*k8s_pod_name="`+agentPod+`".*\} 0\.25 `) &&
			pageMatches(text, `k8s_pod_memory_working_set_bytes\{.*k8s_pod_name="`+agentPod+`".*\} 5\.36870912e\+08 `) &&
			pageMatches(text, `k8s_node_cpu_usage\{.*k8s_node_name="node-1".*\} 1\.5 `) &&
			pageMatches(text, `container_memory_working_set_bytes\{.*k8s_container_name="scorer".*\} 5\.36870912e\+08 `)
	})
}
