// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
)

const (
	anyPort     = "127.0.0.1:0"
	maxBody     = 64 << 20 // bytes in one request
	flowControl = 16 << 20 // bytes that a gRPC client may send ahead, so that the sink never pushes back
)

// Sink is an OTLP server, over gRPC and HTTP on loopback ports of its own, that counts ledger ids and keeps nothing else. It
// reads requests without compression and with gzip. It is safe for concurrent use.
type Sink struct {
	receipts [len(Signals)]Receipts
	fault    atomic.Int32

	mu         sync.Mutex   // guards what follows
	grpcServer *grpc.Server // nil while connections are refused
	httpServer *http.Server
	serving    sync.WaitGroup
	grpcAddr   string
	httpAddr   string
}

// NewSink starts a healthy sink. Close stops it.
func NewSink() (*Sink, error) {
	s := &Sink{grpcAddr: anyPort, httpAddr: anyPort}
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

// GRPCEndpoint returns the host and port that take OTLP/gRPC.
func (s *Sink) GRPCEndpoint() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grpcAddr
}

// HTTPEndpoint returns the host and port that take OTLP/HTTP in protobuf and JSON.
func (s *Sink) HTTPEndpoint() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.httpAddr
}

// Receipts returns what was delivered of a signal, by whatever protocol.
func (s *Sink) Receipts(signal Signal) *Receipts { return &s.receipts[signal] }

// Close stops the servers and cuts their connections.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop()
}

// SetFault makes the sink fail from now on, or recover. What it counted stays. Recovery from [RefuseConnections] takes the ports of
// before and returns an error if another process took one of them.
func (s *Sink) SetFault(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault.Store(int32(f))
	if f == RefuseConnections {
		return s.stop()
	}
	return s.listen()
}

// listen starts the servers unless they run.
func (s *Sink) listen() error {
	if s.grpcServer != nil {
		return nil
	}
	grpcListener, err := net.Listen("tcp", s.grpcAddr)
	if err != nil {
		return fmt.Errorf("cannot listen for OTLP/gRPC: %w", err)
	}
	httpListener, err := net.Listen("tcp", s.httpAddr)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot listen for OTLP/HTTP: %w", err), grpcListener.Close())
	}
	s.grpcAddr, s.httpAddr = grpcListener.Addr().String(), httpListener.Addr().String()
	s.grpcServer, s.httpServer = s.newGRPCServer(), s.newHTTPServer()
	s.serving.Go(func() { _ = s.grpcServer.Serve(grpcListener) })
	s.serving.Go(func() { _ = s.httpServer.Serve(httpListener) })
	return nil
}

// stop ends the servers if they run.
func (s *Sink) stop() error {
	if s.grpcServer == nil {
		return nil
	}
	s.grpcServer.Stop()
	err := s.httpServer.Close()
	s.serving.Wait()
	s.grpcServer, s.httpServer = nil, nil
	return err
}

func (s *Sink) newGRPCServer() *grpc.Server {
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(maxBody),
		grpc.InitialWindowSize(flowControl),
		grpc.InitialConnWindowSize(flowControl),
	)
	for _, signal := range Signals {
		server.RegisterService(&grpc.ServiceDesc{
			ServiceName: signal.grpcService(),
			Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: s.grpcExport(signal)}},
		}, nil)
	}
	return server
}

// grpcExport returns the handler of a signal. Its answer is the empty message, which means that everything was accepted.
func (s *Sink) grpcExport(signal Signal) grpc.MethodHandler {
	return func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		if err := Fault(s.fault.Load()).grpcError(); err != nil {
			return nil, err
		}
		var body mem.Buffer
		if err := decode(&body); err != nil {
			return nil, err
		}
		defer body.Free()
		s.receipts[signal].Deliver(ScanIDs(body.ReadOnlyData(), Protobuf, signal))
		return []byte{}, nil
	}
}
