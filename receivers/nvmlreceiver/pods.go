// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package nvmlreceiver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
)

// owner is the container that a GPU or MIG device was given to.
type owner struct{ Namespace, Pod, Container string }

// pods asks the kubelet in the background which container has which device. A
// slow kubelet delays no scrape.
type pods struct {
	config KubernetesConfig
	logger *zap.Logger
	lister func(context.Context) (map[string]owner, error)
	done   chan struct{}
	begun  bool

	mu     sync.RWMutex
	owners map[string]owner // by UUID; only devices that one container has to itself
}

const (
	listTimeout = 5 * time.Second
	listSize    = 16 << 20
	// maxOwned bounds the devices that are remembered.
	maxOwned = 1024
	// maxFailures is how often in a row the kubelet may not answer before what it said last is dropped.
	maxFailures    = 3
	resourcePrefix = "nvidia.com/"
)

func newPods(config KubernetesConfig, logger *zap.Logger) *pods {
	p := &pods{config: config, logger: logger, done: make(chan struct{})}
	p.lister = p.list
	return p
}

func (p *pods) owner(uuid string) (owner, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	of, known := p.owners[uuid]
	return of, known
}

func (p *pods) start(ctx context.Context) {
	p.begun = true
	go func() {
		defer close(p.done)
		p.run(ctx)
	}()
}

// wait returns when the goroutine has ended.
func (p *pods) wait() {
	if p.begun {
		<-p.done
	}
}

func (p *pods) run(ctx context.Context) {
	ticker := time.NewTicker(p.config.Interval)
	defer ticker.Stop()
	failures := 0
	for {
		if owners, err := p.lister(ctx); err == nil {
			failures = 0
			p.set(owners)
		} else if failures++; failures == 1 {
			p.logger.Warn("Cannot ask the kubelet whose the GPUs are; trying again",
				zap.String("socket", p.config.Socket), zap.Duration("interval", p.config.Interval), zap.Error(err))
		}
		if failures == maxFailures {
			p.set(nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *pods) set(owners map[string]owner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owners = owners
}

// list asks the kubelet once. A connection lives as long as the question: a
// kubelet that restarts makes a new socket.
func (p *pods) list(ctx context.Context) (map[string]owner, error) {
	conn, err := grpc.NewClient("unix:"+p.config.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(listSize)))
	if err != nil {
		return nil, fmt.Errorf("cannot use the socket: %w", err)
	}
	defer func() { _ = conn.Close() }() // Nothing is left to send.
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	response, err := podresources.NewPodResourcesListerClient(conn).List(ctx, &podresources.ListPodResourcesRequest{})
	if err != nil {
		return nil, fmt.Errorf("cannot list the pods' resources: %w", err)
	}
	return owners(response), nil
}

// owners gives the devices that exactly one container has. One that several
// share, by time slicing for example, is nobody's: its load cannot be told apart.
func owners(response *podresources.ListPodResourcesResponse) map[string]owner {
	found, shared := map[string]owner{}, map[string]bool{}
	for _, pod := range response.GetPodResources() {
		for _, container := range pod.GetContainers() {
			of := owner{Namespace: pod.GetNamespace(), Pod: pod.GetName(), Container: container.GetName()}
			for _, devices := range container.GetDevices() {
				if !strings.HasPrefix(devices.GetResourceName(), resourcePrefix) {
					continue
				}
				for _, id := range devices.GetDeviceIds() {
					uuid, replica := deviceUUID(id)
					if other, taken := found[uuid]; taken && other != of || replica {
						shared[uuid] = true
					}
					if len(found) < maxOwned {
						found[uuid] = of
					}
				}
			}
		}
	}
	for uuid := range shared {
		delete(found, uuid)
	}
	return found
}

// deviceUUID takes the number of the replica off the ID of a shared device.
func deviceUUID(id string) (uuid string, replica bool) {
	uuid, _, replica = strings.Cut(id, "::")
	return uuid, replica
}
