// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"

	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/driver"
	"github.com/llm-guardian/otelcol-guardian/receivers/nvmlreceiver/internal/drivertest"
)

func podWith(name, container, resource string, devices ...string) *podresources.PodResources {
	return &podresources.PodResources{Namespace: "ml", Name: name, Containers: []*podresources.ContainerResources{{
		Name: container, Devices: []*podresources.ContainerDevices{{ResourceName: resource, DeviceIds: devices}},
	}}}
}

func TestOwners(t *testing.T) {
	response := &podresources.ListPodResourcesResponse{PodResources: []*podresources.PodResources{
		podWith("trainer-0", "main", "nvidia.com/gpu", "GPU-a", "GPU-b"),
		podWith("mig-0", "main", "nvidia.com/mig-1g.18gb", "MIG-a"),
		podWith("sliced-0", "main", "nvidia.com/gpu.shared", "GPU-c::0"),
		podWith("sliced-1", "main", "nvidia.com/gpu.shared", "GPU-c::1"),
		podWith("twice-0", "main", "nvidia.com/gpu", "GPU-d"),
		podWith("twice-1", "main", "nvidia.com/gpu", "GPU-d"),
		podWith("net", "main", "example.com/nic", "GPU-e"),
	}}
	assert.Equal(t, map[string]owner{
		"GPU-a": {"ml", "trainer-0", "main"}, "GPU-b": {"ml", "trainer-0", "main"}, "MIG-a": {"ml", "mig-0", "main"},
	}, owners(response), "a device that is shared is nobody's, and other resources are none of ours")
}

func TestOwnersAreBounded(t *testing.T) {
	devices := make([]string, 10*maxOwned)
	for i := range devices {
		devices[i] = drivertest.UUID(i)
	}
	response := &podresources.ListPodResourcesResponse{PodResources: []*podresources.PodResources{podWith("a", "b", "nvidia.com/gpu", devices...)}}
	assert.Len(t, owners(response), maxOwned)
}

// kubelet is the kubelet's pod-resources server.
type kubelet struct {
	podresources.UnimplementedPodResourcesListerServer
	response *podresources.ListPodResourcesResponse
}

func (k *kubelet) List(context.Context, *podresources.ListPodResourcesRequest) (*podresources.ListPodResourcesResponse, error) {
	return k.response, nil
}

func TestPodResourcesSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "kubelet.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := grpc.NewServer()
	podresources.RegisterPodResourcesListerServer(server, &kubelet{response: &podresources.ListPodResourcesResponse{
		PodResources: []*podresources.PodResources{podWith("trainer-0", "main", "nvidia.com/gpu", "GPU-a")},
	}})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	p := newPods(KubernetesConfig{Socket: socket, Interval: time.Hour}, zap.NewNop())
	found, err := p.list(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]owner{"GPU-a": {"ml", "trainer-0", "main"}}, found)
	server.Stop()
	require.NoError(t, <-served)
	_, err = p.list(t.Context())
	require.ErrorContains(t, err, "cannot list the pods' resources")
}

// A kubelet that is not there costs nothing but the names.
func TestPodsAreForgottenWithoutAKubelet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPods(KubernetesConfig{Interval: time.Second}, zap.NewNop())
		p.lister = func(context.Context) (map[string]owner, error) { return nil, net.ErrClosed }
		p.set(map[string]owner{"GPU-a": {Pod: "trainer-0"}})
		ctx, cancel := context.WithCancel(t.Context())
		p.start(ctx)
		time.Sleep(1500 * time.Millisecond)
		_, known := p.owner("GPU-a")
		assert.True(t, known, "one answer that fails is no reason to forget")
		time.Sleep(time.Second)
		_, known = p.owner("GPU-a")
		assert.False(t, known)
		cancel()
		p.wait()
	})
}

const podUID = "5a3b0c1e-0a8e-4b8f-9c55-2d7d36f2a1b0"

const containerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// The paths are those of the kubelet's cgroup drivers and of container runtimes.
func TestParseCgroup(t *testing.T) {
	for _, of := range []struct{ name, text, pod, container string }{
		{"systemd_v2", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5a3b0c1e_0a8e_4b8f_9c55_2d7d36f2a1b0.slice/cri-containerd-" + containerID + ".scope\n", podUID, containerID},
		{"cgroupfs_v1", "11:memory:/kubepods/burstable/pod" + podUID + "/" + containerID + "\n", podUID, containerID},
		{"guaranteed", "0::/kubepods/pod" + podUID + "/" + containerID + "\n", podUID, containerID},
		{"crio", "0::/kubepods.slice/kubepods-pod5a3b0c1e_0a8e_4b8f_9c55_2d7d36f2a1b0.slice/crio-" + containerID + ".scope\n", podUID, containerID},
		{"pod_only", "0::/kubepods/pod" + podUID + "\n", podUID, ""},
		{"several_lines", "12:cpu:/\n11:memory:/kubepods/pod" + podUID + "/" + containerID + "\n", podUID, containerID},
		{"no_pod", "0::/user.slice/user-1000.slice/session-2.scope\n", "", ""},
		{"podman", "0::/machine.slice/libpod-" + containerID + ".scope\n", "", ""},
		{"empty", "", "", ""},
	} {
		pod, container := parseCgroup(of.text)
		assert.Equal(t, of.pod, pod, of.name)
		assert.Equal(t, of.container, container, of.name)
	}
}

func FuzzParseCgroup(f *testing.F) {
	f.Add("0::/kubepods/pod" + podUID + "/" + containerID + "\n")
	f.Add("11:memory:/kubepods.slice/kubepods-pod5a3b0c1e_0a8e_4b8f_9c55_2d7d36f2a1b0.slice/crio-" + containerID + ".scope")
	f.Fuzz(func(t *testing.T, text string) {
		pod, container := parseCgroup(text)
		if pod == "" {
			assert.Empty(t, container, "a container without a pod")
			return
		}
		assert.Regexp(t, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", pod)
		assert.Regexp(t, "^([0-9a-f]{64})?$", container)
	})
}

// procDir makes a proc file system with some processes.
func procDir(t *testing.T, processes map[string]map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for pid, files := range processes {
		require.NoError(t, os.Mkdir(filepath.Join(root, pid), 0o755))
		for name, body := range files {
			require.NoError(t, os.WriteFile(filepath.Join(root, pid, name), []byte(body), 0o600))
		}
	}
	return root
}

func proc(name, command, start string) map[string]string {
	return map[string]string{
		"comm": name + "\n", "cmdline": command, "cgroup": "0::/kubepods/pod" + podUID + "/" + containerID + "\n",
		"stat": "7 (" + name + ") x) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 " + start + " 123 45\n",
	}
}

func TestProcessTable(t *testing.T) {
	root := procDir(t, map[string]map[string]string{"7": proc("vllm", "python\x00-m\x00vllm\x00--served-model-name\x00sql\x00", "100")})
	table := newProcessTable(root)
	table.update(map[uint32]struct{}{7: {}, 8: {}})
	info, known := table.lookup(7)
	assert.True(t, known)
	assert.Equal(t, processInfo{start: "100", executable: "vllm", command: "python -m vllm --served-model-name sql", podUID: podUID, container: containerID}, info)
	info, known = table.lookup(8)
	assert.True(t, known, "a process that cannot be seen is known as such")
	assert.Equal(t, processInfo{}, info)

	for name, body := range proc("other", "other", "200") {
		require.NoError(t, os.WriteFile(filepath.Join(root, "7", name), []byte(body), 0o600))
	}
	table.update(map[uint32]struct{}{7: {}})
	info, _ = table.lookup(7)
	assert.Equal(t, "other", info.executable, "a number that was given again is another process")
	_, known = table.lookup(8)
	assert.False(t, known, "what nobody asks for is forgotten")
}

func TestProcessMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(1)
		fake.GPUs[0].Processes = []driver.Process{{PID: 1, Memory: 3 << 30}, {PID: 4_000_000, Memory: 1 << 30}, {PID: 4_000_001, Memory: 1}}
		fake.GPUs[0].ProcessUtilization = []driver.ProcessUtilization{{PID: 1, Timestamp: 5, SM: 0.2}, {PID: 1, Timestamp: 6, SM: 0.4}}
		h := start(t, fake, "metrics: {nvidia.gpu.process.memory.usage: {enabled: true}, nvidia.gpu.process.utilization: {enabled: true}}\nmax_processes: 2")
		assert.NotContains(t, h.last(t), "nvidia.gpu.process.memory.usage", "who a process is comes a scrape later")
		fake.Do(func() {
			fake.GPUs[0].ProcessUtilization = append(fake.GPUs[0].ProcessUtilization,
				driver.ProcessUtilization{PID: 1, Timestamp: 7, SM: 0.5}, driver.ProcessUtilization{PID: 1, Timestamp: 8, SM: 1})
		})
		h.next(1)
		page := h.last(t)
		require.Len(t, page["nvidia.gpu.process.memory.usage"], 2)
		assert.Equal(t, 3.0*(1<<30), page.one(t, "nvidia.gpu.process.memory.usage", labels{"process.pid": int64(1), "hw.id": drivertest.UUID(0)}))
		assert.Equal(t, 0.75, page.one(t, "nvidia.gpu.process.utilization", labels{"process.pid": int64(1)}), "the mean of the samples since the last scrape")
		assert.EqualValues(t, 2, h.own(t, "otelcol_nvml_processes_dropped"))
	})
}

// A specialist is known by its processes.
func TestSpecialistsByProcess(t *testing.T) {
	root := procDir(t, map[string]map[string]string{
		"11": proc("vllm", "vllm\x00--served-model-name\x00sql\x00", "1"), "12": proc("vllm", "vllm\x00--served-model-name\x00sql\x00", "2"),
		"13": proc("vllm", "vllm\x00--served-model-name\x00math\x00", "3"), "14": proc("other", "other\x00", "4"),
	})
	synctest.Test(t, func(t *testing.T) {
		fake := drivertest.New(2)
		fake.GPUs[0].Processes = []driver.Process{{PID: 11, Memory: 100}, {PID: 12, Memory: 20}, {PID: 14, Memory: 7}}
		fake.GPUs[1].Processes = []driver.Process{{PID: 11, Memory: 3}, {PID: 13, Memory: 5}}
		fake.GPUs[0].ProcessUtilization = []driver.ProcessUtilization{{PID: 11, Timestamp: 1, SM: 0.25}, {PID: 12, Timestamp: 1, SM: 0.5}}
		h := start(t, fake, "specialists: [{type: sql, process: model-name sql}, {type: math, process: model-name math}]",
			func(e *engine) { e.joiner.table.root = root })
		fake.Do(func() {
			fake.GPUs[0].ProcessUtilization = []driver.ProcessUtilization{{PID: 11, Timestamp: 2, SM: 0.25}, {PID: 12, Timestamp: 2, SM: 0.5}}
		})
		h.next(1)
		page := h.last(t)
		assert.Equal(t, 75.0, page.one(t, "specialist.gpu.utilization", labels{"specialist.type": "sql", "gpu.id": drivertest.UUID(0)}))
		assert.Equal(t, 0.0, page.one(t, "specialist.gpu.utilization", labels{"specialist.type": "sql", "gpu.id": drivertest.UUID(1)}))
		assert.Equal(t, []float64{5, 123}, []float64{
			page.one(t, "specialist.memory.usage", labels{"specialist.type": "math", "memory.type": "gpu"}),
			page.one(t, "specialist.memory.usage", labels{"specialist.type": "sql", "memory.type": "gpu"}),
		})
		assert.NotContains(t, page, "nvidia.gpu.process.memory.usage", "processes are read and not shown")
		seen := prometheusPage(t, h.metrics.AllMetrics()[1])
		assert.Contains(t, seen, "specialist_gpu_utilization_percent")
		assert.Equal(t, "gpu", seen["specialist_memory_usage_bytes"][0].attributes["memory_type"])
	})
}

// A specialist's pod has what the GPUs and MIG devices that it has to itself have.
func TestSpecialistsByPod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := func(context.Context) (map[string]owner, error) {
			return map[string]owner{drivertest.UUID(0): {"ml", "sql-0", "main"}, drivertest.UUID(1): {"ml", "sql-0", "main"}, "MIG-a": {"ml", "math-0", "main"}}, nil
		}
		fake := drivertest.New(3)
		fake.GPUs[2].MIG = true
		fake.GPUs[2].Instances = []drivertest.Instance{migDevice("MIG-a", 7, 1<<30)}
		h := start(t, fake, "kubernetes: {enabled: true}\nspecialists: [{type: sql, pod: ^ml/sql-}, {type: math, pod: ^ml/math-}]\ncompat: [dcgm]",
			func(e *engine) { e.pods.lister = list })
		h.next(1)
		page := h.last(t)
		assert.InDelta(t, 20, page.one(t, "specialist.gpu.utilization", labels{"specialist.type": "sql", "gpu.id": drivertest.UUID(1)}), 1e-9)
		assert.InDelta(t, 50, page.one(t, "specialist.gpu.utilization", labels{"specialist.type": "math", "gpu.id": "MIG-a"}), 1e-9)
		assert.Equal(t, 3.0*(1<<30), page.one(t, "specialist.memory.usage", labels{"specialist.type": "sql"}))
		assert.Len(t, page.of("hw.energy", labels{"k8s.pod.name": "sql-0", "k8s.namespace.name": "ml", "k8s.container.name": "main"}), 2)
		assert.Len(t, page.of("hw.gpu.memory.usage", labels{"hw.id": "MIG-a", "k8s.pod.name": "math-0"}), 1)
		assert.Len(t, page.of("DCGM_FI_DEV_FB_USED", labels{"pod": "math-0", "namespace": "ml", "container": "main", "GPU_I_ID": "7"}), 1)
		assert.NotContains(t, page["hw.energy"][2].attributes, "k8s.pod.name", "the divided GPU is nobody's")
	})
}
