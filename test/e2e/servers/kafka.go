// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package servers

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

// Kafka is a running Apache Kafka broker that is its own controller (KRaft). Topics come into being on first use.
type Kafka struct {
	*Process
	Addr string // host:port
}

const kafkaConfig = `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[3]s
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
`

// kafkaClusterID is any 16 bytes in unpadded base64, the form that Kafka asks for.
const kafkaClusterID = "b3RlbC1ndWFyZGlhbi1lMg"

// StartKafka starts a broker with a heap of at most 512 MiB.
func StartKafka(t testing.TB) *Kafka {
	t.Helper()
	jvm, dir := java(t, "kafka", "512m"), t.TempDir()
	kafka := new(Kafka)
	kafka.Process = launch(t, 2, func(ports []int) *Process {
		kafka.Addr = address(ports[0])
		data := filepath.Join(dir, fmt.Sprintf("data-%d", ports[0]))
		properties := filepath.Join(dir, "server.properties")
		writeFile(t, properties, fmt.Sprintf(kafkaConfig, address(ports[0]), address(ports[1]), data))
		run(t, nil, append(jvm[:len(jvm):len(jvm)], "kafka.tools.StorageTool", "format", "-t", kafkaClusterID, "-c", properties)...)
		return &Process{
			name:    "Kafka",
			args:    append(jvm[:len(jvm):len(jvm)], "kafka.Kafka", properties),
			stopBy:  syscall.SIGTERM,
			ready:   kafka.listens,
			logPath: filepath.Join(dir, "kafka.log"),
		}
	})
	return kafka
}

// listens is the readiness check. Clients wait for the rest of the start by themselves.
func (k *Kafka) listens(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", k.Addr)
	if err != nil {
		return err
	}
	return conn.Close()
}
