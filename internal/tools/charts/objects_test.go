// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// object is a rendered document.
type object struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ObjectMeta `json:"metadata"`

	file string
	text string
}

// workload is what runs pods.
type workload struct {
	object
	role     string
	selector map[string]string
	replicas int32
	pod      corev1.PodTemplateSpec
	claims   []corev1.PersistentVolumeClaim
	service  string // of a StatefulSet
}

// rendered is one release, decoded strictly into Kubernetes' own types.
type rendered struct {
	objects   []object
	workloads []workload
	services  []corev1.Service
	configs   map[string]corev1.ConfigMap
	accounts  map[string]corev1.ServiceAccount
	budgets   []policyv1.PodDisruptionBudget
	scalers   []autoscalingv2.HorizontalPodAutoscaler
	policies  []networkingv1.NetworkPolicy
	ingresses []networkingv1.Ingress
	roles     map[string][]rbacv1.PolicyRule // by kind/name
	bindings  map[string]binding             // by kind/name
}

type binding struct {
	to       rbacv1.RoleRef
	subjects []rbacv1.Subject
}

// renderObjects renders with Helm 3; Helm 4 renders the same, as TestEachHelmRendersEveryValuesFile shows.
func renderObjects(t *testing.T, vals values) rendered {
	t.Helper()
	files, err := render3(vals)
	require.NoError(t, err)
	return decodeAll(t, files)
}

func decodeAll(t *testing.T, files map[string]string) rendered {
	t.Helper()
	all := rendered{
		configs: map[string]corev1.ConfigMap{}, accounts: map[string]corev1.ServiceAccount{},
		roles: map[string][]rbacv1.PolicyRule{}, bindings: map[string]binding{},
	}
	for file, text := range files {
		if !strings.HasSuffix(file, ".yaml") {
			continue
		}
		for _, document := range documents(text) {
			one := object{file: file, text: document}
			require.NoError(t, yaml.Unmarshal([]byte(document), &one), file)
			if one.Kind == "" {
				continue // comments only
			}
			all.objects = append(all.objects, one)
			all.add(t, one)
		}
	}
	require.NotEmpty(t, all.objects)
	return all
}

func (r *rendered) add(t *testing.T, one object) {
	t.Helper()
	name := one.Metadata.Name
	switch one.Kind {
	case "StatefulSet":
		set := decode[appsv1.StatefulSet](t, one)
		r.workloads = append(r.workloads, workload{
			object: one, selector: set.Spec.Selector.MatchLabels, replicas: *set.Spec.Replicas,
			pod: set.Spec.Template, claims: set.Spec.VolumeClaimTemplates, service: set.Spec.ServiceName,
		})
	case "Deployment":
		deployment := decode[appsv1.Deployment](t, one)
		replicas := int32(1)
		if deployment.Spec.Replicas != nil {
			replicas = *deployment.Spec.Replicas
		}
		r.workloads = append(r.workloads, workload{object: one, selector: deployment.Spec.Selector.MatchLabels, replicas: replicas, pod: deployment.Spec.Template})
	case "DaemonSet":
		set := decode[appsv1.DaemonSet](t, one)
		r.workloads = append(r.workloads, workload{object: one, selector: set.Spec.Selector.MatchLabels, pod: set.Spec.Template})
	case "Service":
		r.services = append(r.services, decode[corev1.Service](t, one))
	case "ConfigMap":
		r.configs[name] = decode[corev1.ConfigMap](t, one)
	case "ServiceAccount":
		r.accounts[name] = decode[corev1.ServiceAccount](t, one)
	case "PodDisruptionBudget":
		r.budgets = append(r.budgets, decode[policyv1.PodDisruptionBudget](t, one))
	case "HorizontalPodAutoscaler":
		r.scalers = append(r.scalers, decode[autoscalingv2.HorizontalPodAutoscaler](t, one))
	case "NetworkPolicy":
		r.policies = append(r.policies, decode[networkingv1.NetworkPolicy](t, one))
	case "Ingress":
		r.ingresses = append(r.ingresses, decode[networkingv1.Ingress](t, one))
	case "ClusterRole":
		r.roles["ClusterRole/"+name] = decode[rbacv1.ClusterRole](t, one).Rules
	case "Role":
		r.roles["Role/"+name] = decode[rbacv1.Role](t, one).Rules
	case "ClusterRoleBinding":
		bound := decode[rbacv1.ClusterRoleBinding](t, one)
		r.bindings["ClusterRoleBinding/"+name] = binding{bound.RoleRef, bound.Subjects}
	case "RoleBinding":
		bound := decode[rbacv1.RoleBinding](t, one)
		r.bindings["RoleBinding/"+name] = binding{bound.RoleRef, bound.Subjects}
	case "ServiceMonitor", "PodMonitor", "PrometheusRule": // kubeconform and the tests of monitoring look at these
	default:
		t.Errorf("%s: no test knows what a %s must be", one.file, one.Kind)
	}
	for i := range r.workloads {
		r.workloads[i].role = r.workloads[i].pod.Labels["app.kubernetes.io/component"]
	}
}

// decode fails on a field that the kind does not have.
func decode[T any](t *testing.T, one object) T {
	t.Helper()
	var typed T
	require.NoError(t, yaml.UnmarshalStrict([]byte(one.text), &typed), "%s: %s %s", one.file, one.Kind, one.Metadata.Name)
	return typed
}

func (r *rendered) workload(t *testing.T, role string) workload {
	t.Helper()
	for _, one := range r.workloads {
		if one.role == role {
			return one
		}
	}
	t.Fatalf("no workload has the role %s", role)
	return workload{}
}

func (w *workload) container() corev1.Container { return w.pod.Spec.Containers[0] }

func (w *workload) env() map[string]corev1.EnvVar {
	found := map[string]corev1.EnvVar{}
	for _, variable := range w.container().Env {
		found[variable.Name] = variable
	}
	return found
}

// config is the collector's configuration that the workload mounts.
func (r *rendered) config(t *testing.T, one workload) string {
	t.Helper()
	for _, volume := range one.pod.Spec.Volumes {
		if volume.Name == "config" {
			text := r.configs[volume.ConfigMap.Name].Data["config.yaml"]
			require.NotEmpty(t, text, "%s mounts the config map %s, which is not there or empty", one.Metadata.Name, volume.ConfigMap.Name)
			return text
		}
	}
	t.Fatalf("%s mounts no configuration", one.Metadata.Name)
	return ""
}
