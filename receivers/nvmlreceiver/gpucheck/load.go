// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"sync"
	"sync/atomic"
)

// load keeps the GPU busy.
type load struct {
	name string
	// script prints a line after each round; an empty one does nothing.
	script string
}

var loads = []load{
	{name: "idle"},
	{name: "memory copy", script: "a=torch.empty(1<<30,dtype=torch.uint8,device='cuda');b=torch.empty_like(a)\nwhile True:\n for _ in range(100): b.copy_(a)\n torch.cuda.synchronize();print(flush=True)"},
	{name: "matrix product", script: "a=torch.randn(8192,8192,dtype=torch.bfloat16,device='cuda')\nwhile True:\n for _ in range(20): c=a@a\n torch.cuda.synchronize();print(flush=True)"},
}

// running is a load that runs; a nil one has no rounds.
type running struct {
	command *exec.Cmd
	cancel  context.CancelFunc
	count   atomic.Int64
	read    sync.WaitGroup
}

// hasTorch says whether PyTorch can use a GPU.
func hasTorch(ctx context.Context) bool {
	return exec.CommandContext(ctx, "python3", "-c", "import torch; assert torch.cuda.is_available()").Run() == nil
}

// start runs the load, if PyTorch is there.
func (l load) start(ctx context.Context) (*running, error) {
	if l.script == "" || !hasTorch(ctx) {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &running{cancel: cancel, command: exec.CommandContext(ctx, "python3", "-c", "import torch\n"+l.script)}
	output, err := r.command.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := r.command.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("cannot start the load: %w", err)
	}
	r.read.Go(func() {
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			r.count.Add(1)
		}
	})
	return r, nil
}

func (r *running) rounds() int64 {
	if r == nil {
		return 0
	}
	return r.count.Load()
}

// stop ends the load; that it was killed is what was meant.
func (r *running) stop() {
	if r == nil {
		return
	}
	r.cancel()
	r.read.Wait()
	_ = r.command.Wait()
}
