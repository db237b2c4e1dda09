// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/llm-guardian/otelcol-guardian/internal/testutil"
)

const (
	clusterGatewayToken = "token-of-the-gateway"
	clusterLease        = "otelcol-guardian-cluster"
)

// clusterOverlay moves the ports of configs/cluster.yaml and shortens the lease and the interval.
const clusterOverlay = `
receivers:
  k8s_cluster: {collection_interval: 1s}
extensions:
  health_check: {endpoint: "127.0.0.1:${env:HEALTH}"}
  k8s_leader_elector: {lease_duration: 4s, renew_deadline: 3s, retry_period: 500ms}
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:OWN}", without_scope_info: true, without_type_suffix: false, without_units: false}}}
`

// tokenGateway stands in for a gateway: OTLP over TLS, to the bearer of the token only.
type tokenGateway struct {
	plogotlp.UnimplementedGRPCServer
	address string
	ca      string // file of the authority

	mu      sync.Mutex
	metrics []pmetric.Metrics
	logs    int
}

// tokenMetrics takes the metrics of a tokenGateway: one Go type cannot be both services.
type tokenMetrics struct {
	pmetricotlp.UnimplementedGRPCServer
	gateway *tokenGateway
}

func startTokenGateway(t *testing.T) *tokenGateway {
	t.Helper()
	dir := t.TempDir()
	authority := newAuthority(t, dir)
	certificate, key := authority.issue(t, dir)
	transport, err := credentials.NewServerTLSFromFile(certificate, key)
	require.NoError(t, err)
	server := grpc.NewServer(grpc.Creds(transport), grpc.UnaryInterceptor(requireClusterToken))
	listener := listenBelowEphemeral(t)
	gateway := &tokenGateway{address: listener.Addr().String(), ca: authority.file}
	plogotlp.RegisterGRPCServer(server, gateway)
	pmetricotlp.RegisterGRPCServer(server, &tokenMetrics{gateway: gateway})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = server.Serve(listener) // It ends with Stop.
	}()
	t.Cleanup(func() {
		server.Stop()
		<-stopped
	})
	return gateway
}

func requireClusterToken(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	got := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(got) != 1 || got[0] != "Bearer "+clusterGatewayToken {
		return nil, status.Error(codes.Unauthenticated, "no or another token")
	}
	return handler(ctx, request)
}

// Export counts log records.
func (g *tokenGateway) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.logs += request.Logs().LogRecordCount()
	return plogotlp.NewExportResponse(), nil
}

// Export keeps metrics.
func (m *tokenMetrics) Export(_ context.Context, request pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	m.gateway.mu.Lock()
	defer m.gateway.mu.Unlock()
	m.gateway.metrics = append(m.gateway.metrics, request.Metrics())
	return pmetricotlp.NewExportResponse(), nil
}

func (g *tokenGateway) logRecords() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logs
}

// forget drops what has arrived.
func (g *tokenGateway) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.metrics = nil
}

// instances counts the resources that came from each service.instance.id.
func (g *tokenGateway) instances() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := map[string]int{}
	for _, metrics := range g.metrics {
		for _, resource := range metrics.ResourceMetrics().All() {
			instance, _ := resource.Resource().Attributes().Get("service.instance.id")
			found[instance.Str()]++
		}
	}
	return found
}

// points gives the points of a metric whose attributes hold these.
func (g *tokenGateway) points(name string, attributes map[string]any) []pmetric.NumberDataPoint {
	g.mu.Lock()
	defer g.mu.Unlock()
	var found []pmetric.NumberDataPoint
	for _, metrics := range g.metrics {
		for _, resource := range metrics.ResourceMetrics().All() {
			for _, scope := range resource.ScopeMetrics().All() {
				for _, metric := range scope.Metrics().All() {
					if metric.Name() == name && metric.Type() == pmetric.MetricTypeGauge {
						found = append(found, withAttributes(metric.Gauge().DataPoints(), attributes)...)
					}
				}
			}
		}
	}
	return found
}

func withAttributes(points pmetric.NumberDataPointSlice, attributes map[string]any) (found []pmetric.NumberDataPoint) {
	for _, point := range points.All() {
		all := true
		for key, want := range attributes {
			got, ok := point.Attributes().Get(key)
			all = all && ok && got.AsRaw() == want
		}
		if all {
			found = append(found, point)
		}
	}
	return found
}

func startClusterCollector(t *testing.T, name string, cluster *stubCluster, gateway *tokenGateway) *testutil.Collector {
	t.Helper()
	dir := t.TempDir()
	overlay := filepath.Join(dir, "overlay.yaml")
	require.NoError(t, os.WriteFile(overlay, []byte(clusterOverlay), 0o600))
	return testutil.StartCollector(t, testutil.CollectorConfig{
		Files: []string{agentFile(t, "cluster"), overlay},
		Ports: []string{"HEALTH", "OWN"},
		Env: []string{
			"CLUSTER_NAME=" + name, "KUBECONFIG=" + cluster.kubeconfig, "KUBE_AUTH=kubeConfig", "LEASE_NAMESPACE=monitoring",
			"GATEWAY_ENDPOINT=" + gateway.address, "GATEWAY_CA=" + gateway.ca, "GATEWAY_TOKEN=" + clusterGatewayToken, "GOMEMLIMIT=400MiB",
		},
		Dir: dir,
	})
}

func TestClusterIsWatchedByOneInstanceAtATime(t *testing.T) {
	replicas := int32(3)
	cluster := startStubCluster(t, nil, scorerPod(), modelsNamespace(),
		&corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: agentNode, UID: "node-uid"},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
		},
		&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "llm-guardian-scorer", Namespace: "models", UID: "deployment-uid"},
			Spec:       appsv1.DeploymentSpec{Replicas: &replicas},
			Status:     appsv1.DeploymentStatus{Replicas: 3, AvailableReplicas: 2},
		})
	gateway := startTokenGateway(t)
	first := startClusterCollector(t, "first", cluster, gateway)

	for _, metric := range []struct {
		name       string
		attributes map[string]any
		want       int64
	}{
		{"k8s.deployment.desired", map[string]any{"k8s.deployment.name": "llm-guardian-scorer", "k8s.namespace.name": "models"}, 3},
		{"k8s.deployment.available", map[string]any{"k8s.deployment.name": "llm-guardian-scorer"}, 2},
		{"k8s.pod.phase", map[string]any{"k8s.pod.name": agentPod}, 2}, // running
		{"k8s.container.restarts", map[string]any{"k8s.container.name": "scorer", "k8s.pod.name": agentPod}, 2},
		{"k8s.node.condition_ready", map[string]any{"k8s.node.name": agentNode}, 1},
		{"k8s.namespace.phase", map[string]any{"k8s.namespace.name": "models"}, 1},
	} {
		agentEventually(t, metric.name, func() bool {
			points := gateway.points(metric.name, metric.attributes)
			return len(points) > 0 && points[0].IntValue() == metric.want
		})
	}
	leader := cluster.holder("monitoring", clusterLease)
	require.NotEmpty(t, leader)

	second := startClusterCollector(t, "second", cluster, gateway)
	gateway.forget()
	agentEventually(t, "some rounds with both running", func() bool { return gateway.instances()["first"] >= 20 })
	assert.Zero(t, gateway.instances()["second"], "the second one waits")
	assert.Equal(t, leader, cluster.holder("monitoring", clusterLease))

	first.Kill()
	gateway.forget()
	agentEventually(t, "the second one takes over", func() bool { return gateway.instances()["second"] >= 4 })
	assert.NotEqual(t, leader, cluster.holder("monitoring", clusterLease))

	// The first one comes back, delivers what its queue still held, and does not push in.
	first.Start(t)
	gateway.forget()
	agentEventually(t, "the old queue is empty", func() bool { return gateway.instances()["second"] >= 10 })
	gateway.forget()
	agentEventually(t, "some rounds with both running again", func() bool { return gateway.instances()["second"] >= 20 })
	assert.Zero(t, gateway.instances()["first"])
	assert.Zero(t, second.Stop(t), "the lease is given back in order")
	assert.Zero(t, cluster.refused(), "every request had the token")
}

func TestAgentSendsEverythingToAGateway(t *testing.T) {
	gateway := startTokenGateway(t)
	log := newContainerLog(t, t.TempDir(), "scorer")
	testutil.StartCollector(t, agentConfig(t, agentSetup{
		companions: []string{"gateway"},
		env: []string{
			log.include(), "GATEWAY_ENDPOINT=" + gateway.address, "GATEWAY_CA=" + gateway.ca, "GATEWAY_TOKEN=" + clusterGatewayToken,
		},
	}))
	log.Append(t, 200)
	agentEventually(t, "the lines", func() bool { return gateway.logRecords() == 200 })
	agentEventually(t, "the host's metrics", func() bool {
		return len(gateway.instances()) > 0
	})
}
