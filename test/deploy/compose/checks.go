// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

// Package compose checks deploy/compose without starting it: no Docker engine runs where the tests do.
package compose

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// Load reads a compose file as `docker compose` does, with the .env beside it and nothing of this process' environment.
func Load(ctx context.Context, file string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(filepath.Dir(file)), cli.WithEnvFiles(), cli.WithDotEnv)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}

// Problems gives what is wrong with a project, one line for each fault; texts are files of the project that name hosts.
func Problems(project *types.Project, texts map[string]string) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	published := map[string]string{}
	for _, name := range project.ServiceNames() {
		service := project.Services[name]
		checkImage(service, report)
		checkHealth(service, report)
		checkMounts(service, report)
		checkDependencies(project, service, report)
		checkPorts(service, published, report)
		if service.MemLimit == 0 {
			report("%s: no mem_limit", name)
		}
		checkHosts(project, name, strings.Join(append(slices.Clone(service.Command), service.Entrypoint...), " "), report)
		for variable, value := range service.Environment {
			if value != nil {
				checkHosts(project, name+" "+variable, *value, report)
			}
		}
	}
	for file, text := range texts {
		checkHosts(project, file, text, report)
	}
	slices.Sort(problems)
	return problems
}

type reporter func(format string, args ...any)

// pinned is a tag of three numbers, with or without a digest behind it.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$`)

func checkImage(service types.ServiceConfig, report reporter) {
	if !pinned.MatchString(service.Image) {
		report("%s: image %q is not pinned to an exact version", service.Name, service.Image)
	}
	if service.Build == nil {
		return
	}
	for _, path := range []string{service.Build.Context, filepath.Join(service.Build.Context, service.Build.Dockerfile)} {
		if _, err := os.Stat(path); err != nil {
			report("%s: build: %v", service.Name, err)
		}
	}
}

// once says whether a service is meant to end.
func once(service types.ServiceConfig) bool { return service.Restart == types.RestartPolicyNo }

func checkHealth(service types.ServiceConfig, report reporter) {
	if service.HealthCheck == nil && !once(service) {
		report("%s: no healthcheck", service.Name)
	}
}

func checkMounts(service types.ServiceConfig, report reporter) {
	for _, volume := range service.Volumes {
		if volume.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(volume.Source); err != nil {
			report("%s: %s is mounted and not there", service.Name, volume.Source)
		}
		if !volume.ReadOnly {
			report("%s: %s is mounted to be written", service.Name, volume.Source)
		}
	}
}

func checkDependencies(project *types.Project, service types.ServiceConfig, report reporter) {
	for name, dependency := range service.DependsOn {
		other, there := project.Services[name]
		switch {
		case !there:
			report("%s depends on %s, which is no service", service.Name, name)
		case dependency.Condition == types.ServiceConditionHealthy && (other.HealthCheck == nil || other.HealthCheck.Disable):
			report("%s waits for %s to be healthy, which has no healthcheck", service.Name, name)
		case dependency.Condition == types.ServiceConditionCompletedSuccessfully && !once(other):
			report("%s waits for %s to end, which is started again", service.Name, name)
		}
	}
}

func checkPorts(service types.ServiceConfig, published map[string]string, report reporter) {
	for _, port := range service.Ports {
		if port.HostIP != "127.0.0.1" {
			report("%s: port %s is published on %q, not on localhost only", service.Name, port.Published, port.HostIP)
		}
		if other, taken := published[port.Published]; taken {
			report("%s: port %s is %s's", service.Name, port.Published, other)
		}
		published[port.Published] = service.Name
	}
}

// address is host:port as it stands in URLs and targets.
var address = regexp.MustCompile(`\b([a-z][a-z0-9.-]*):(\d{2,5})\b`)

// checkHosts reports an address whose host is no service, or whose port that service neither publishes nor exposes.
func checkHosts(project *types.Project, where, text string, report reporter) {
	for _, match := range address.FindAllStringSubmatch(text, -1) {
		host, port := match[1], match[2]
		if host == "localhost" {
			continue
		}
		service, there := project.Services[host]
		if !there {
			report("%s: %s is no service", where, net.JoinHostPort(host, port))
			continue
		}
		opens := slices.Contains(service.Expose, port) || slices.ContainsFunc(service.Ports, func(p types.ServicePortConfig) bool {
			return fmt.Sprint(p.Target) == port
		})
		if !opens {
			report("%s: %s does not open %s", where, host, port)
		}
	}
}
