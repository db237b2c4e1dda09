// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package guardiancontrolextension

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/llm-guardian/otelcol-guardian/internal/sockets"
)

// Roles group endpoints by what the operator does with them.
const (
	roleSend    = "send_to"      // a receiver listens
	roleCollect = "collect_from" // a receiver goes and asks
	roleLook    = "look_at"      // an exporter, an extension or a file shows something
	roleDeliver = "deliver_to"   // an exporter sends
	roleConnect = "connect_to"   // an extension calls
	roleOther   = "other"        // a socket that no known configuration explains
)

// nature says who opens the connection at an endpoint.
type nature int

const (
	server  nature = iota // the collector listens
	client                // the collector connects
	unclear               // an exporter that could do either: its sockets tell
	file                  // neither: the collector writes a file
)

// endpoint is one address that the effective configuration names.
type endpoint struct {
	kind      string // receiver, exporter, extension or service
	component string // ID
	key       string // place in the configuration, "::" between the keys
	role      string
	nature    nature
	label     string
	rank      int // order among the endpoints of a role
	network   string
	scheme    string
	urlPath   string
	sdk       string
	secured   bool   // TLS is configured
	auth      string // ID of the authenticator that senders must satisfy
	value     string // as configured; where the collector connects it may hold secrets
	host      string // tcp and udp; empty stands for every address
	port      uint16 // tcp and udp; 0 leaves the choice to the system
	path      string // unix
}

// configuredEndpoints finds the addresses of the components that are in use, in
// the order in which they are printed. conf is the effective configuration.
func configuredEndpoints(conf map[string]any) []endpoint {
	service := section(conf, "service")
	receivers, exporters := map[string]bool{}, map[string][]string{} // exporters with their signals
	pipelines := section(service, "pipelines")
	for _, id := range slices.Sorted(maps.Keys(pipelines)) {
		signal, _, _ := strings.Cut(id, "/")
		for _, r := range texts(section(pipelines, id)["receivers"]) {
			receivers[r] = true
		}
		for _, e := range texts(section(pipelines, id)["exporters"]) {
			exporters[e] = append(exporters[e], signal)
		}
	}
	var all []endpoint
	for id := range receivers {
		all = append(all, componentEndpoints("receiver", id, section(conf, "receivers"))...)
	}
	for id, signals := range exporters {
		all = append(all, componentEndpoints("exporter", id, section(conf, "exporters"))...)
		all = append(all, writtenFile(id, section(conf, "exporters"), signals)...)
	}
	for _, id := range texts(service["extensions"]) {
		all = append(all, componentEndpoints("extension", id, section(conf, "extensions"))...)
	}
	all = append(all, telemetryEndpoints(section(service, "telemetry"))...)
	slices.SortStableFunc(all, func(a, b endpoint) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.component, b.component), cmp.Compare(a.key, b.key))
	})
	return all
}

// componentEndpoints finds the addresses in the section of one component. A
// connector stands among the receivers and exporters of pipelines but has no
// section there, hence no endpoints.
func componentEndpoints(kind, id string, components map[string]any) []endpoint {
	typ, _, _ := strings.Cut(id, "/")
	var found []endpoint
	w := walker{
		keys: addressKeys(typ),
		found: func(path []string, within map[string]any, value string, asks bool) {
			e := endpoint{kind: kind, component: id, value: value}
			e.key = strings.Join(append([]string{kind + "s", id}, path...), "::")
			e.describe(typ, path, within)
			e.assign(asks)
			if e.nature == client || e.locate() {
				found = append(found, e)
			}
		},
	}
	w.walk(nil, components[id], typ == "kafka") // A broker is always the one that listens.
	return found
}

// addressKeys returns the keys that hold addresses in components of the type.
func addressKeys(typ string) func(path []string) bool {
	switch typ {
	case "kafka":
		return func(path []string) bool { return last(path) == "brokers" }
	case "load_balancing", "loadbalancing":
		// The endpoint below "protocol" is a placeholder for what the resolver finds.
		return func(path []string) bool {
			return path[0] == "resolver" && slices.Contains([]string{"hostname", "hostnames", "service", "service_name"}, last(path))
		}
	default:
		return func(path []string) bool {
			key := last(path)
			return key == "endpoint" || key == "endpoints" || key == "listen_address" || strings.HasSuffix(key, "_endpoint")
		}
	}
}

// describe fills in how the endpoint is spoken to and how it is shown.
func (e *endpoint) describe(typ string, path []string, within map[string]any) {
	known, rank := protocolOf(e.kind, typ, path[:len(path)-1])
	e.rank, e.network, e.scheme, e.urlPath, e.sdk = rank, known.network, known.scheme, known.path, known.sdk
	e.label = known.label
	switch {
	case known.label == "":
		e.label = strings.TrimSpace(e.component + " " + strings.Join(path[:len(path)-1], "::"))
	case e.component != typ:
		e.label += " (" + e.component + ")"
	}
	if urlPath, ok := within["path"].(string); ok && known.path == "" && e.scheme != "" {
		e.urlPath = urlPath
	}
	if transport, ok := within["transport"].(string); ok {
		e.network = strings.TrimRight(transport, "46")
	}
	isPath := strings.HasPrefix(e.value, "/") && !strings.HasSuffix(last(path), "_endpoint") // Those may be URL paths.
	if isPath || strings.HasPrefix(e.value, "unix:") {
		e.network = sockets.Unix
	}
	e.secured = len(section(within, "tls")) > 0
	e.auth, _ = section(within, "auth")["authenticator"].(string)
	if e.secured && e.scheme == "http" {
		e.scheme = "https"
	}
}

// assign decides who connects. asks tells that the component goes and fetches.
func (e *endpoint) assign(asks bool) {
	isURL := strings.Contains(e.value, "://") && e.network != sockets.Unix
	known := e.rank < len(protocols)
	switch {
	case e.kind == "receiver" && (asks || isURL):
		e.role, e.nature = roleCollect, client
	case e.kind == "receiver":
		e.role, e.nature = roleSend, server
	case e.kind == "exporter" && isURL:
		e.role, e.nature = roleDeliver, client
	case e.kind == "exporter" && !known:
		e.role, e.nature = roleDeliver, unclear
	case e.kind == "extension" && isURL:
		e.role, e.nature = roleConnect, client
	default:
		e.role, e.nature = roleLook, server
	}
	if e.nature == client || e.nature == unclear {
		e.label = e.component
	}
}

// locate splits the address of an endpoint that may be served here. It returns
// false for what is no address, and takes an exporter's for one to connect to.
func (e *endpoint) locate() bool {
	if e.network == sockets.Unix {
		e.path = strings.TrimPrefix(strings.TrimPrefix(e.value, "unix:"), "//")
		return true
	}
	host, service, err := net.SplitHostPort(e.value)
	if err == nil {
		var port int
		port, err = net.LookupPort(e.network, service)
		e.host, e.port = host, uint16(port)
	}
	if err != nil && e.nature == unclear {
		e.nature = client
	}
	return err == nil || e.nature == client
}

// writtenFile returns the file of a file exporter.
func writtenFile(id string, exporters map[string]any, signals []string) []endpoint {
	typ, _, _ := strings.Cut(id, "/")
	path, ok := section(exporters, id)["path"].(string)
	if typ != "file" || !ok {
		return nil
	}
	return []endpoint{{
		kind: "exporter", component: id, key: "exporters::" + id + "::path",
		role: roleLook, nature: file, rank: len(protocols),
		label: strings.Join(slices.Compact(signals), " and ") + " file",
		value: path,
	}}
}

// telemetryEndpoints returns where the collector's own telemetry is shown and
// sent.
func telemetryEndpoints(telemetry map[string]any) []endpoint {
	var found []endpoint
	if level, _ := section(telemetry, "metrics")["level"].(string); strings.EqualFold(level, "none") {
		telemetry = maps.Clone(telemetry)
		delete(telemetry, "metrics")
	}
	const kind, id = "service", "telemetry"
	readers, _ := section(telemetry, "metrics")["readers"].([]any)
	for i, reader := range readers {
		page := section(asSection(reader), "pull", "exporter", "prometheus")
		if page["port"] == nil {
			continue
		}
		host, _ := page["host"].(string)
		e := endpoint{kind: kind, component: id, value: net.JoinHostPort(host, fmt.Sprint(page["port"]))}
		e.key = fmt.Sprintf("service::telemetry::metrics::readers::%d::pull::exporter::prometheus", i)
		e.role, e.nature = roleLook, server
		e.describe(id, []string{"metrics", "port"}, nil)
		if e.locate() {
			found = append(found, e)
		}
	}
	w := walker{
		keys: func(path []string) bool { return last(path) == "endpoint" },
		found: func(path []string, _ map[string]any, value string, _ bool) {
			found = append(found, endpoint{
				kind: kind, component: id, key: "service::telemetry::" + strings.Join(path, "::"),
				role: roleDeliver, nature: client, rank: len(protocols), label: "own " + path[0], value: value,
			})
		},
	}
	w.walk(nil, telemetry, false)
	return found
}

// walker finds the addresses below a section, in the order of their keys.
type walker struct {
	keys  func(path []string) bool
	found func(path []string, within map[string]any, value string, asks bool)
}

func (w walker) walk(path []string, value any, asks bool) {
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			w.walk(slices.Concat(path, []string{fmt.Sprint(i)}), item, asks)
		}
	case map[string]any:
		if value["enabled"] == false {
			return
		}
		_, hasInterval := value["collection_interval"] // Only what scrapes has one.
		asks = asks || hasInterval
		for _, key := range slices.Sorted(maps.Keys(value)) {
			below := slices.Concat(path, []string{key})
			if !w.keys(below) {
				w.walk(below, value[key], asks)
				continue
			}
			for _, address := range texts(value[key]) {
				w.found(below, value, address, asks)
			}
		}
	}
}

// section returns the section below the keys, or nil, which reads as empty.
func section(conf map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		conf = asSection(conf[key])
	}
	return conf
}

func asSection(value any) map[string]any {
	s, _ := value.(map[string]any)
	return s
}

// texts returns the non-empty strings that a value is or lists.
func texts(value any) []string {
	switch value := value.(type) {
	case string:
		if value == "" {
			return nil
		}
		return []string{value}
	case []any:
		var all []string
		for _, item := range value {
			all = append(all, texts(item)...)
		}
		return all
	default:
		return nil
	}
}

func last(path []string) string { return path[len(path)-1] }
