// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

const stubClusterToken = "token-of-the-cluster"

// stubCluster stands in for a Kubernetes API server and the kubelet of one node. It speaks Kubernetes' own types, over
// TLS and to the bearer of its token only: discovery, list and watch of the objects that it was given, leases with
// optimistic locking, and the kubelet's statistics.
type stubCluster struct {
	kubeconfig string // file
	kubelet    *statsv1alpha1.Summary

	objects map[schema.GroupVersionResource][]runtime.Object
	kinds   map[schema.GroupVersionResource]metav1.APIResource
	done    chan struct{} // closed when the test ends: watches end

	mu       sync.Mutex
	leases   map[string]*coordinationv1.Lease
	version  int
	refusals int // requests without the right token
}

// startStubCluster starts a cluster with these objects.
func startStubCluster(t *testing.T, kubelet *statsv1alpha1.Summary, objects ...runtime.Object) *stubCluster {
	t.Helper()
	c := &stubCluster{
		kubelet: kubelet,
		objects: map[schema.GroupVersionResource][]runtime.Object{},
		kinds:   map[schema.GroupVersionResource]metav1.APIResource{},
		leases:  map[string]*coordinationv1.Lease{},
		done:    make(chan struct{}),
	}
	for _, object := range objects {
		c.add(t, object)
	}
	server := httptest.NewTLSServer(c)
	t.Cleanup(func() {
		close(c.done)
		server.CloseClientConnections()
		server.Close()
	})
	c.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(c.kubeconfig, kubeconfigFor(t, server), 0o600))
	return c
}

func kubeconfigFor(t *testing.T, server *httptest.Server) []byte {
	t.Helper()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "stub",
		"clusters": []any{map[string]any{"name": "stub", "cluster": map[string]any{"server": server.URL, "certificate-authority-data": certificate}}},
		"users":    []any{map[string]any{"name": "stub", "user": map[string]any{"token": stubClusterToken}}},
		"contexts": []any{map[string]any{"name": "stub", "context": map[string]any{"cluster": "stub", "user": "stub"}}},
	})
	require.NoError(t, err)
	return text
}

// add registers an object under the plural of its kind, with the kind filled in, as a server sends it.
func (c *stubCluster) add(t *testing.T, object runtime.Object) {
	t.Helper()
	kinds, _, err := scheme.Scheme.ObjectKinds(object)
	require.NoError(t, err)
	gvk := kinds[0]
	object.GetObjectKind().SetGroupVersionKind(gvk)
	accessor, err := meta.Accessor(object)
	require.NoError(t, err)
	accessor.SetResourceVersion("1")
	gvr, _ := meta.UnsafeGuessKindToResource(gvk)
	c.objects[gvr] = append(c.objects[gvr], object)
	c.kinds[gvr] = metav1.APIResource{Name: gvr.Resource, Kind: gvk.Kind, Namespaced: accessor.GetNamespace() != "", Verbs: metav1.Verbs{"get", "list", "watch"}}
}

// ServeHTTP answers /api/v1/… and /apis/GROUP/VERSION/… as an API server does.
func (c *stubCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+stubClusterToken {
		c.mu.Lock()
		c.refusals++
		c.mu.Unlock()
		answerStatus(w, apierrors.NewUnauthorized("no or another token"))
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	gv := schema.GroupVersion{Version: "v1"}
	switch {
	case len(parts) >= 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) >= 3 && parts[0] == "apis":
		gv, parts = schema.GroupVersion{Group: parts[1], Version: parts[2]}, parts[3:]
	default:
		http.NotFound(w, r)
		return
	}
	namespace := ""
	if len(parts) >= 3 && parts[0] == "namespaces" {
		namespace, parts = parts[1], parts[2:]
	}
	switch {
	case len(parts) == 0:
		c.discover(w, gv)
	case parts[0] == "leases":
		c.lease(w, r, namespace, parts[1:])
	case len(parts) > 3 && parts[0] == "nodes" && parts[2] == "proxy":
		c.proxyKubelet(w, r, parts[3:])
	case len(parts) == 1:
		c.list(w, r, gv.WithResource(parts[0]), namespace)
	default:
		http.NotFound(w, r)
	}
}

func (c *stubCluster) discover(w http.ResponseWriter, gv schema.GroupVersion) {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
	for gvr, kind := range c.kinds {
		if gvr.GroupVersion() == gv {
			list.APIResources = append(list.APIResources, kind)
		}
	}
	if len(list.APIResources) == 0 {
		answerStatus(w, apierrors.NewNotFound(schema.GroupResource{Group: gv.Group}, ""))
		return
	}
	answerJSON(w, list)
}

// list answers a list, or a watch that begins with everything there is when the client asks for that.
func (c *stubCluster) list(w http.ResponseWriter, r *http.Request, gvr schema.GroupVersionResource, namespace string) {
	var found []runtime.Object
	for _, object := range c.objects[gvr] {
		accessor, _ := meta.Accessor(object) // add has seen that it has one.
		if namespace != "" && accessor.GetNamespace() != namespace {
			continue
		}
		if name, ok := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name="); ok && name != accessor.GetName() {
			continue
		}
		found = append(found, object)
	}
	kind := metav1.TypeMeta{Kind: c.kinds[gvr].Kind, APIVersion: gvr.GroupVersion().String()}
	if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata") {
		kind = partialMeta
		for i, object := range found {
			found[i] = partialOf(object)
		}
	}
	if watch := r.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		c.watch(w, r, kind, found)
		return
	}
	answerJSON(w, map[string]any{
		"kind": kind.Kind + "List", "apiVersion": kind.APIVersion,
		"metadata": metav1.ListMeta{ResourceVersion: "1"}, "items": append([]runtime.Object{}, found...),
	})
}

var partialMeta = metav1.TypeMeta{Kind: "PartialObjectMetadata", APIVersion: "meta.k8s.io/v1"}

func partialOf(object runtime.Object) *metav1.PartialObjectMetadata {
	accessor, _ := meta.Accessor(object) // add has seen that it has one.
	return &metav1.PartialObjectMetadata{
		TypeMeta: partialMeta,
		ObjectMeta: metav1.ObjectMeta{
			Name: accessor.GetName(), Namespace: accessor.GetNamespace(), UID: accessor.GetUID(),
			ResourceVersion: accessor.GetResourceVersion(), Labels: accessor.GetLabels(), OwnerReferences: accessor.GetOwnerReferences(),
		},
	}
}

// watch keeps the answer open; nothing changes in this cluster.
func (c *stubCluster) watch(w http.ResponseWriter, r *http.Request, kind metav1.TypeMeta, objects []runtime.Object) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		encoder := json.NewEncoder(w)
		for _, object := range objects {
			_ = encoder.Encode(map[string]any{"type": "ADDED", "object": object})
		}
		_ = encoder.Encode(map[string]any{"type": "BOOKMARK", "object": metav1.PartialObjectMetadata{
			TypeMeta:   kind,
			ObjectMeta: metav1.ObjectMeta{ResourceVersion: "1", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}},
		}})
	}
	w.(http.Flusher).Flush()
	select {
	case <-r.Context().Done():
	case <-c.done:
	}
}

// lease gets, creates or updates a lease. An update of another version than the present one is a conflict: that is what
// makes an election safe.
func (c *stubCluster) lease(w http.ResponseWriter, r *http.Request, namespace string, name []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resource := schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}
	if r.Method == http.MethodGet {
		held := c.leases[namespace+"/"+name[0]]
		if held == nil {
			answerStatus(w, apierrors.NewNotFound(resource, name[0]))
			return
		}
		answerJSON(w, held)
		return
	}
	lease, err := decodeLease(r)
	if err != nil {
		answerStatus(w, apierrors.NewBadRequest(err.Error()))
		return
	}
	key := namespace + "/" + lease.Name
	held := c.leases[key]
	switch {
	case r.Method == http.MethodPost && held != nil:
		answerStatus(w, apierrors.NewAlreadyExists(resource, lease.Name))
		return
	case r.Method == http.MethodPut && (held == nil || held.ResourceVersion != lease.ResourceVersion):
		answerStatus(w, apierrors.NewConflict(resource, lease.Name, fmt.Errorf("version %s is not the present one", lease.ResourceVersion)))
		return
	}
	c.version++
	lease.ResourceVersion = strconv.Itoa(c.version)
	lease.TypeMeta = metav1.TypeMeta{Kind: "Lease", APIVersion: "coordination.k8s.io/v1"}
	c.leases[key] = lease
	answerJSON(w, lease)
}

// decodeLease reads a lease in any encoding that Kubernetes knows; clients write them as protobuf.
func decodeLease(r *http.Request) (*coordinationv1.Lease, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	lease := new(coordinationv1.Lease)
	_, _, err = scheme.Codecs.UniversalDeserializer().Decode(body, nil, lease)
	return lease, err
}

// holder gives who holds a lease, or nothing.
func (c *stubCluster) holder(namespace, name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lease := c.leases[namespace+"/"+name]
	if lease == nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// refused counts the requests without the token.
func (c *stubCluster) refused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusals
}

func (c *stubCluster) proxyKubelet(w http.ResponseWriter, r *http.Request, path []string) {
	if strings.Join(path, "/") != "stats/summary" {
		http.NotFound(w, r)
		return
	}
	answerJSON(w, c.kubelet)
}

func answerJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func answerStatus(w http.ResponseWriter, err *apierrors.StatusError) {
	status := err.Status()
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	_ = json.NewEncoder(w).Encode(status)
}
